/**
 * Whatever is sent over `http:` can be read by everybody on the way, and whoever answers is believed. So it carries
 * neither credentials nor definitions. The one exception, which an operator has to spell out, is a server on this
 * machine.
 */
export const loopbackWord = "loopback";

/** Whether the URL is one of `http:` whose server this machine itself is. */
export function isOnLoopback(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  const isOwn = hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname);
  return protocol === "http:" && isOwn;
}
