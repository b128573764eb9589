/** One interface of a pod in the picture. */
export interface Mooring {
  readonly ifname: string;
  readonly address: string;
  /** The node's device that the interface is connected to: `bridge cni0`, `macvlan uplink0`. */
  readonly device: string;
}

export interface PodView {
  readonly name: string;
  readonly moorings: readonly Mooring[];
}

/** Draws two pods and the devices that connect them, with a row for each interface. Interfaces of one device share a row. */
export function drawPicture(left: PodView, right: PodView): string[] {
  const rows = pairUp(left.moorings, right.moorings);
  const leftWidth = boxWidth(left);
  const rightWidth = boxWidth(right);
  const wire = Math.max(...rows.map(({ device }) => device.length)) + 8;
  const gap = " ".repeat(wire);
  const body = rows.map(({ device, a, b }) => {
    const leftSide = a === undefined ? `│ ${" ".repeat(leftWidth)} │` : `│ ${leftText(a, left, leftWidth)} ├`;
    const rightSide =
      b === undefined ? `│ ${" ".repeat(rightWidth)} │` : `┤ ${rightText(b, right, rightWidth)} │`;
    return leftSide + drawWire(device, wire, a !== undefined, b !== undefined) + rightSide;
  });
  return [
    `${lid(left.name, leftWidth)}${gap}${lid(right.name, rightWidth)}`,
    ...body,
    `${floor(leftWidth)}${gap}${floor(rightWidth)}`,
  ];
}

interface Row {
  readonly device: string;
  readonly a: Mooring | undefined;
  readonly b: Mooring | undefined;
}

function pairUp(left: readonly Mooring[], right: readonly Mooring[]): Row[] {
  const rest = [...right];
  const rows = left.map((a): Row => {
    const at = rest.findIndex((b) => b.device === a.device);
    return { device: a.device, a, b: at < 0 ? undefined : rest.splice(at, 1)[0] };
  });
  return [...rows, ...rest.map((b): Row => ({ device: b.device, a: undefined, b }))];
}

function drawWire(device: string, width: number, fromLeft: boolean, toRight: boolean): string {
  const label = ` ${device} `;
  const before = Math.floor((width - label.length) / 2);
  const after = width - label.length - before;
  return (fromLeft ? "─" : " ").repeat(before) + label + (toRight ? "─" : " ").repeat(after);
}

function nameWidth({ moorings }: PodView): number {
  return Math.max(0, ...moorings.map(({ ifname }) => ifname.length));
}

function boxWidth(pod: PodView): number {
  const addresses = Math.max(0, ...pod.moorings.map(({ address }) => address.length));
  return Math.max(nameWidth(pod) + 2 + addresses, pod.name.length);
}

function leftText({ ifname, address }: Mooring, pod: PodView, width: number): string {
  return `${ifname.padEnd(nameWidth(pod))}  ${address}`.padEnd(width);
}

function rightText({ ifname, address }: Mooring, pod: PodView, width: number): string {
  const rest = width - nameWidth(pod) - 2;
  return `${address.padEnd(rest)}  ${ifname.padEnd(nameWidth(pod))}`;
}

function lid(name: string, width: number): string {
  return `┌ ${name} ${"─".repeat(width - name.length)}┐`;
}

function floor(width: number): string {
  return `└${"─".repeat(width + 2)}┘`;
}
