"use strict";
// The parts of the page that are bytes: compiled code and weights, packed as one gzip file in 85 letters.

// The values 0 to 84 in their order, as Python's base64.b85encode has them, but for "<", which ends scripts: it is a comma.
const LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;,=>?@^_`{|}~";

/** The bytes of a text: each five letters are four bytes, the last ones fewer. */
function bytesOf(text) {
  const value = new Uint8Array(128), filled = text.padEnd(Math.ceil(text.length / 5) * 5, "~");
  for (let k = 0; k < LETTERS.length; k++) value[LETTERS.charCodeAt(k)] = k;
  const words = new DataView(new ArrayBuffer(filled.length / 5 * 4));
  for (let at = 0; at < filled.length; at += 5) {
    let word = 0;
    for (let k = at; k < at + 5; k++) word = word * 85 + value[filled.charCodeAt(k)];
    words.setUint32(at / 5 * 4, word);
  }
  return new Uint8Array(words.buffer, 0, words.byteLength - (filled.length - text.length));
}

/** The parts by name, each a Uint8Array. index: [place, bytes] of each part in the unpacked bytes. */
async function unpack(text, index) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("gzip"));
  const whole = await new Response(stream).arrayBuffer();
  return Object.fromEntries(Object.entries(index).map(([name, [at, count]]) => [name, new Uint8Array(whole, at, count)]));
}

/** Weights as 32-bit floats. bytes: the first byte of each weight, then the second of each, and so on. */
function floats(bytes, isHalf) {
  const size = isHalf ? 2 : 4, count = bytes.length / size, whole = new Uint8Array(bytes.length);
  for (let byte = 0; byte < size; byte++)
    for (let k = 0; k < count; k++) whole[k * size + byte] = bytes[byte * count + k];
  return isHalf ? widened(new Uint16Array(whole.buffer)) : new Float32Array(whole.buffer);
}

/** 16-bit floats as 32-bit ones. */
function widened(halves) {
  return Float32Array.from(halves, (half) => {
    const sign = half & 0x8000 ? -1 : 1, power = (half >> 10) & 31, rest = half & 1023;
    if (power === 0) return sign * rest * 2 ** -24;
    return power === 31 ? (rest ? NaN : sign * Infinity) : sign * (1 + rest / 1024) * 2 ** (power - 15);
  });
}
