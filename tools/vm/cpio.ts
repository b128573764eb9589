/** A file of an initial file system. A folder has no content, a link has the path that it names. */
export interface CpioEntry {
  readonly path: string;
  readonly mode: number;
  readonly content?: Uint8Array | string;
}

export const folderMode = 0o040755;
export const programMode = 0o100755;
export const fileMode = 0o100644;

const endOfArchive = "TRAILER!!!";

/** The bytes of a cpio archive as the kernel reads it ("newc"). Folders stand before what is in them. */
export function printCpio(entries: readonly CpioEntry[]): Buffer {
  const parts = entries.flatMap((entry, index) => member(entry, index + 1));
  return Buffer.concat([...parts, ...member({ path: endOfArchive, mode: 0 }, 0)]);
}

function member({ path, mode, content = "" }: CpioEntry, inode: number): Buffer[] {
  const name = Buffer.from(`${path}\0`);
  const bytes = Buffer.from(content);
  const fields = [inode, mode, 0, 0, 1, 0, bytes.length, 0, 0, 0, 0, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
  return [Buffer.from(header), name, padding(header.length + name.length), bytes, padding(bytes.length)];
}

/** Both the name and the content end at a multiple of four bytes. */
function padding(length: number): Buffer {
  return Buffer.alloc((4 - (length % 4)) % 4);
}
