import { padded } from "./sha-padding.ts";

/**
 * SHA-512 (FIPS 180-4) of a text's UTF-8 bytes, in hexadecimal: the reference plugins name chains and comments of the packet
 * filter by it. By hand, because loading node:crypto costs a plugin more than hashing a short text here. A word of 64 bits is
 * two numbers, the higher first.
 */
export function sha512(text: string): string {
  const blocks = padded(text, blockBytes, 16);
  const state = new Uint32Array(initial);
  for (let at = 0; at < blocks.byteLength; at += blockBytes) mix(state, blocks, at);
  let digest = "";
  for (const half of state) digest += half.toString(16).padStart(8, "0");
  return digest;
}

const blockBytes = 128;
const rounds = 80;
const halves = 2 ** 32;

/** Written without helpers and destructuring, like that of SHA-256: most calls hash once, before any of it is compiled. */
function mix(state: Uint32Array, blocks: DataView, at: number): void {
  const words = schedule(blocks, at);
  const work = new Uint32Array(state);
  for (let round = 0; round < 2 * rounds; round += 2) {
    const aHigh = work[0] ?? 0;
    const aLow = work[1] ?? 0;
    const bHigh = work[2] ?? 0;
    const bLow = work[3] ?? 0;
    const cHigh = work[4] ?? 0;
    const cLow = work[5] ?? 0;
    const eHigh = work[8] ?? 0;
    const eLow = work[9] ?? 0;
    let low = (eLow >>> 14) | (eHigh << 18);
    low ^= (eLow >>> 18) | (eHigh << 14);
    low ^= (eHigh >>> 9) | (eLow << 23);
    let high = (eHigh >>> 14) | (eLow << 18);
    high ^= (eHigh >>> 18) | (eLow << 14);
    high ^= (eLow >>> 9) | (eHigh << 23);
    const chosenLow = (eLow & (work[11] ?? 0)) ^ (~eLow & (work[13] ?? 0));
    const chosenHigh = (eHigh & (work[10] ?? 0)) ^ (~eHigh & (work[12] ?? 0));
    // Sums of halves are exact, because they stay far below 2^53. What is above 32 bits is carried.
    const low1 =
      (work[15] ?? 0) +
      (low >>> 0) +
      (chosenLow >>> 0) +
      (constants[round + 1] ?? 0) +
      (words[round + 1] ?? 0);
    const high1 =
      (work[14] ?? 0) +
      (high >>> 0) +
      (chosenHigh >>> 0) +
      (constants[round] ?? 0) +
      (words[round] ?? 0) +
      Math.floor(low1 / halves);
    low = (aLow >>> 28) | (aHigh << 4);
    low ^= (aHigh >>> 2) | (aLow << 30);
    low ^= (aHigh >>> 7) | (aLow << 25);
    high = (aHigh >>> 28) | (aLow << 4);
    high ^= (aLow >>> 2) | (aHigh << 30);
    high ^= (aLow >>> 7) | (aHigh << 25);
    const low2 = (low >>> 0) + (((aLow & bLow) ^ (aLow & cLow) ^ (bLow & cLow)) >>> 0);
    const high2 = (high >>> 0) + (((aHigh & bHigh) ^ (aHigh & cHigh) ^ (bHigh & cHigh)) >>> 0);
    const newE = (work[7] ?? 0) + (low1 >>> 0);
    const newA = (low1 >>> 0) + low2;
    const dHigh = work[6] ?? 0;
    work.copyWithin(2, 0, 14);
    // A number is cut to 32 bits as it is stored.
    work[8] = dHigh + high1 + Math.floor(newE / halves);
    work[9] = newE;
    work[0] = high1 + high2 + Math.floor(newA / halves);
    work[1] = newA;
  }
  for (let index = 0; index < 16; index += 2) {
    const low = (state[index + 1] ?? 0) + (work[index + 1] ?? 0);
    state[index] = (state[index] ?? 0) + (work[index] ?? 0) + Math.floor(low / halves);
    state[index + 1] = low;
  }
}

function schedule(blocks: DataView, at: number): Uint32Array {
  const words = new Uint32Array(2 * rounds);
  for (let index = 0; index < 32; index++) words[index] = blocks.getUint32(at + 4 * index);
  for (let index = 32; index < 2 * rounds; index += 2) {
    const earlyHigh = words[index - 30] ?? 0;
    const earlyLow = words[index - 29] ?? 0;
    const lateHigh = words[index - 4] ?? 0;
    const lateLow = words[index - 3] ?? 0;
    let low = (earlyLow >>> 1) | (earlyHigh << 31);
    low ^= (earlyLow >>> 8) | (earlyHigh << 24);
    low ^= (earlyLow >>> 7) | (earlyHigh << 25);
    let high = (earlyHigh >>> 1) | (earlyLow << 31);
    high ^= (earlyHigh >>> 8) | (earlyLow << 24);
    high ^= earlyHigh >>> 7;
    let late = (lateLow >>> 19) | (lateHigh << 13);
    late ^= (lateHigh >>> 29) | (lateLow << 3);
    late ^= (lateLow >>> 6) | (lateHigh << 26);
    const sum = (words[index - 31] ?? 0) + (words[index - 13] ?? 0) + (low >>> 0) + (late >>> 0);
    late = (lateHigh >>> 19) | (lateLow << 13);
    late ^= (lateLow >>> 29) | (lateHigh << 3);
    late ^= lateHigh >>> 6;
    words[index + 1] = sum;
    words[index] =
      (words[index - 32] ?? 0) +
      (words[index - 14] ?? 0) +
      (high >>> 0) +
      (late >>> 0) +
      Math.floor(sum / halves);
  }
  return words;
}

/** The first 64 bits behind the point of the square roots of the first 8 primes. */
const initial = [
  0x6a09e667, 0xf3bcc908, 0xbb67ae85, 0x84caa73b, 0x3c6ef372, 0xfe94f82b, 0xa54ff53a, 0x5f1d36f1, 0x510e527f,
  0xade682d1, 0x9b05688c, 0x2b3e6c1f, 0x1f83d9ab, 0xfb41bd6b, 0x5be0cd19, 0x137e2179,
];
/** The same of the cube roots of the first 80. */
const constants = [
  0x428a2f98, 0xd728ae22, 0x71374491, 0x23ef65cd, 0xb5c0fbcf, 0xec4d3b2f, 0xe9b5dba5, 0x8189dbbc, 0x3956c25b,
  0xf348b538, 0x59f111f1, 0xb605d019, 0x923f82a4, 0xaf194f9b, 0xab1c5ed5, 0xda6d8118, 0xd807aa98, 0xa3030242,
  0x12835b01, 0x45706fbe, 0x243185be, 0x4ee4b28c, 0x550c7dc3, 0xd5ffb4e2, 0x72be5d74, 0xf27b896f, 0x80deb1fe,
  0x3b1696b1, 0x9bdc06a7, 0x25c71235, 0xc19bf174, 0xcf692694, 0xe49b69c1, 0x9ef14ad2, 0xefbe4786, 0x384f25e3,
  0x0fc19dc6, 0x8b8cd5b5, 0x240ca1cc, 0x77ac9c65, 0x2de92c6f, 0x592b0275, 0x4a7484aa, 0x6ea6e483, 0x5cb0a9dc,
  0xbd41fbd4, 0x76f988da, 0x831153b5, 0x983e5152, 0xee66dfab, 0xa831c66d, 0x2db43210, 0xb00327c8, 0x98fb213f,
  0xbf597fc7, 0xbeef0ee4, 0xc6e00bf3, 0x3da88fc2, 0xd5a79147, 0x930aa725, 0x06ca6351, 0xe003826f, 0x14292967,
  0x0a0e6e70, 0x27b70a85, 0x46d22ffc, 0x2e1b2138, 0x5c26c926, 0x4d2c6dfc, 0x5ac42aed, 0x53380d13, 0x9d95b3df,
  0x650a7354, 0x8baf63de, 0x766a0abb, 0x3c77b2a8, 0x81c2c92e, 0x47edaee6, 0x92722c85, 0x1482353b, 0xa2bfe8a1,
  0x4cf10364, 0xa81a664b, 0xbc423001, 0xc24b8b70, 0xd0f89791, 0xc76c51a3, 0x0654be30, 0xd192e819, 0xd6ef5218,
  0xd6990624, 0x5565a910, 0xf40e3585, 0x5771202a, 0x106aa070, 0x32bbd1b8, 0x19a4c116, 0xb8d2d0c8, 0x1e376c08,
  0x5141ab53, 0x2748774c, 0xdf8eeb99, 0x34b0bcb5, 0xe19b48a8, 0x391c0cb3, 0xc5c95a63, 0x4ed8aa4a, 0xe3418acb,
  0x5b9cca4f, 0x7763e373, 0x682e6ff3, 0xd6b2b8a3, 0x748f82ee, 0x5defb2fc, 0x78a5636f, 0x43172f60, 0x84c87814,
  0xa1f0ab72, 0x8cc70208, 0x1a6439ec, 0x90befffa, 0x23631e28, 0xa4506ceb, 0xde82bde9, 0xbef9a3f7, 0xb2c67915,
  0xc67178f2, 0xe372532b, 0xca273ece, 0xea26619c, 0xd186b8c7, 0x21c0c207, 0xeada7dd6, 0xcde0eb1e, 0xf57d4f7f,
  0xee6ed178, 0x06f067aa, 0x72176fba, 0x0a637dc5, 0xa2c898a6, 0x113f9804, 0xbef90dae, 0x1b710b35, 0x131c471b,
  0x28db77f5, 0x23047d84, 0x32caab7b, 0x40c72493, 0x3c9ebe0a, 0x15c9bebc, 0x431d67c4, 0x9c100d4c, 0x4cc5d4be,
  0xcb3e42b6, 0x597f299c, 0xfc657e2a, 0x5fcb6fab, 0x3ad6faec, 0x6c44198c, 0x4a475817,
];
