/** What we use of Bun's foreign functions, of which the project has no types. */
declare module "bun:ffi" {
  type Argument = "i32" | "u32" | "usize" | "ptr";
  type Values<A extends readonly Argument[]> = {
    [K in keyof A]: A[K] extends "ptr" ? Uint8Array | number : number;
  };
  type Signature = { readonly args: readonly Argument[]; readonly returns: "i32" | "ptr" };

  export function dlopen<const S extends Readonly<Record<string, Signature>>>(
    library: string,
    signatures: S,
  ): { readonly symbols: { readonly [K in keyof S]: (...values: Values<S[K]["args"]>) => number } };

  export const read: { i32(pointer: number, offset: number): number };
}
