import { be32, joined, readBe32, readText, readU8, zeroEnded } from "./bytes.ts";
import { attribute, listAttributes, nested, readAttributes } from "./message.ts";

/**
 * One expression of a rule. The kernel runs the expressions in order, until a comparison fails or a verdict is reached. Values
 * go through the first register of 16 bytes.
 */
export type Expression =
  | { readonly kind: "meta"; readonly key: number }
  | { readonly kind: "payload"; readonly base: number; readonly offset: number; readonly length: number }
  | { readonly kind: "bitwise"; readonly mask: Uint8Array }
  | { readonly kind: "compare"; readonly equal: boolean; readonly data: Uint8Array }
  | { readonly kind: "verdict"; readonly verdict: number; readonly chain?: string }
  | { readonly kind: "masquerade" }
  /** Whatever else a rule has, by its name in the kernel. */
  | { readonly kind: "other"; readonly name: string; readonly data: Uint8Array };

/** NFT_META_*. */
export const metaKey = { inLinkName: 6, networkProtocol: 15 } as const;
/** NFT_PAYLOAD_*_HEADER. */
export const header = { link: 0, network: 1 } as const;
/** NF_* and NFT_*, as numbers of 32 bits without a sign. */
export const verdict = {
  drop: 0,
  accept: 1,
  jump: 0xffff_fffd,
  goto: 0xffff_fffc,
  return: 0xffff_fffb,
} as const;

const listElement = 1;
const elementAttribute = { name: 1, data: 2 } as const;
const metaAttribute = { register: 1, key: 2 } as const;
const payloadAttribute = { register: 1, base: 2, offset: 3, length: 4 } as const;
const bitwiseAttribute = { source: 1, register: 2, length: 3, mask: 4, xor: 5 } as const;
const compareAttribute = { register: 1, operator: 2, data: 3 } as const;
const immediateAttribute = { register: 1, data: 2 } as const;
const dataAttribute = { value: 1, verdict: 2 } as const;
const verdictAttribute = { code: 1, chain: 2 } as const;
/** NFT_CMP_*. */
const operator = { equal: 0, unequal: 1 } as const;
/** NFT_REG_*. */
const register = { verdict: 0, first: 1, firstOf4Bytes: 8 } as const;
const nothing = new Uint8Array();

/** The content of NFTA_RULE_EXPRESSIONS. */
export function encodeExpressions(expressions: readonly Expression[]): Uint8Array[] {
  return expressions.map((expression) => {
    const [name, data] = encodeExpression(expression);
    return nested(listElement, [
      attribute(elementAttribute.name, zeroEnded(name)),
      data instanceof Uint8Array
        ? attribute(elementAttribute.data, data)
        : nested(elementAttribute.data, data),
    ]);
  });
}

function encodeExpression(expression: Expression): [name: string, data: Uint8Array[] | Uint8Array] {
  const toFirst = (type: number): Uint8Array => attribute(type, be32(register.first));
  switch (expression.kind) {
    case "meta":
      return ["meta", [attribute(metaAttribute.key, be32(expression.key)), toFirst(metaAttribute.register)]];
    case "payload":
      return [
        "payload",
        [
          toFirst(payloadAttribute.register),
          attribute(payloadAttribute.base, be32(expression.base)),
          attribute(payloadAttribute.offset, be32(expression.offset)),
          attribute(payloadAttribute.length, be32(expression.length)),
        ],
      ];
    case "bitwise":
      return [
        "bitwise",
        [
          toFirst(bitwiseAttribute.source),
          toFirst(bitwiseAttribute.register),
          attribute(bitwiseAttribute.length, be32(expression.mask.length)),
          nested(bitwiseAttribute.mask, [attribute(dataAttribute.value, expression.mask)]),
          nested(bitwiseAttribute.xor, [
            attribute(dataAttribute.value, new Uint8Array(expression.mask.length)),
          ]),
        ],
      ];
    case "compare":
      return [
        "cmp",
        [
          toFirst(compareAttribute.register),
          attribute(compareAttribute.operator, be32(expression.equal ? operator.equal : operator.unequal)),
          nested(compareAttribute.data, [attribute(dataAttribute.value, expression.data)]),
        ],
      ];
    case "verdict":
      return ["immediate", encodeVerdict(expression.verdict, expression.chain)];
    case "masquerade":
      return ["masq", []];
    default:
      return [expression.name, expression.data];
  }
}

function encodeVerdict(code: number, chain: string | undefined): Uint8Array[] {
  const parts = [attribute(verdictAttribute.code, be32(code))];
  if (chain !== undefined) parts.push(attribute(verdictAttribute.chain, zeroEnded(chain)));
  return [
    attribute(immediateAttribute.register, be32(register.verdict)),
    nested(immediateAttribute.data, [nested(dataAttribute.verdict, parts)]),
  ];
}

/** Reads the content of NFTA_RULE_EXPRESSIONS. What is not exactly an expression of ours is an `other`. */
export function decodeExpressions(bytes: Uint8Array): Expression[] {
  return listAttributes(bytes).map(({ data }) => {
    const element = readAttributes(data);
    const name = readText(element.get(elementAttribute.name) ?? nothing);
    const content = element.get(elementAttribute.data) ?? nothing;
    return decodeExpression(name, content) ?? { kind: "other", name, data: content };
  });
}

function decodeExpression(name: string, content: Uint8Array): Expression | undefined {
  const attributes = readAttributes(content);
  const number = (type: number): number => readBe32(attributes.get(type) ?? nothing);
  const value = (type: number): Uint8Array =>
    readAttributes(attributes.get(type) ?? nothing).get(dataAttribute.value) ?? nothing;
  const usesFirst = (...types: number[]): boolean => types.every((type) => isFirst(number(type)));
  switch (name) {
    case "meta":
      return usesFirst(metaAttribute.register) ? { kind: "meta", key: number(metaAttribute.key) } : undefined;
    case "payload":
      if (!usesFirst(payloadAttribute.register)) return undefined;
      return {
        kind: "payload",
        base: number(payloadAttribute.base),
        offset: number(payloadAttribute.offset),
        length: number(payloadAttribute.length),
      };
    case "bitwise": {
      const mask = value(bitwiseAttribute.mask);
      const isPlain = value(bitwiseAttribute.xor).every((byte) => byte === 0) && mask.length > 0;
      const registers = usesFirst(bitwiseAttribute.source, bitwiseAttribute.register);
      return isPlain && registers ? { kind: "bitwise", mask } : undefined;
    }
    case "cmp": {
      const code = number(compareAttribute.operator);
      if (code > operator.unequal || !usesFirst(compareAttribute.register)) return undefined;
      return { kind: "compare", equal: code === operator.equal, data: value(compareAttribute.data) };
    }
    case "immediate":
      return number(immediateAttribute.register) === register.verdict
        ? decodeVerdict(attributes.get(immediateAttribute.data) ?? nothing)
        : undefined;
    case "masq":
      return content.length === 0 ? { kind: "masquerade" } : undefined;
    default:
      return undefined;
  }
}

function decodeVerdict(data: Uint8Array): Expression {
  const parts = readAttributes(readAttributes(data).get(dataAttribute.verdict) ?? nothing);
  const chain = parts.get(verdictAttribute.chain);
  const code = readBe32(parts.get(verdictAttribute.code) ?? nothing);
  return { kind: "verdict", verdict: code, ...(chain === undefined ? {} : { chain: readText(chain) }) };
}

/** The kernel tells the first register of 16 bytes by the number of its first 4 bytes. */
function isFirst(number: number): boolean {
  return number === register.first || number === register.firstOf4Bytes;
}

/** The name of an interface, filled up with zeros as the kernel compares it. */
export function linkNameData(name: string): Uint8Array {
  const data = new Uint8Array(16);
  data.set(new TextEncoder().encode(name).subarray(0, data.length - 1));
  return data;
}

/** A comment as the userdata of a table, chain or rule: one entry of type 0. */
export function encodeComment(comment: Uint8Array): Uint8Array {
  return joined([Uint8Array.of(0, comment.length + 1), comment, Uint8Array.of(0)]);
}

/** The comment in the userdata of a rule, undefined if there is none. */
export function decodeComment(userdata: Uint8Array): Uint8Array | undefined {
  for (let at = 0; at + 2 <= userdata.length; ) {
    const end = at + 2 + readU8(userdata, at + 1);
    // The text ends with a zero byte.
    if (readU8(userdata, at) === 0) return userdata.subarray(at + 2, end - 1);
    at = end;
  }
  return undefined;
}
