/**
 * What the packet filter takes is loaded by the attachments that use it. Most do not, and reading its code would cost each ADD half a
 * millisecond.
 */
export const loadMasquerade = () => import("./masquerade.ts");
export const loadSpoofCheck = () => import("./spoof-check.ts");
