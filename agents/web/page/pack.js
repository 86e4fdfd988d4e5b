"use strict";
// The parts of the page that are bytes: compiled code and weights, packed as one gzip file in base64.

/** The parts by name, each a Uint8Array. index: [place, bytes] of each part in the unpacked bytes. */
async function unpack(text, index) {
  const binary = atob(text);
  const bytes = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const whole = await new Response(stream).arrayBuffer();
  return Object.fromEntries(Object.entries(index).map(([name, [at, count]]) => [name, new Uint8Array(whole, at, count)]));
}

/** 16-bit floats as 32-bit ones. */
function widened(bytes) {
  const halves = new Uint16Array(bytes.slice().buffer);
  return Float32Array.from(halves, (half) => {
    const sign = half & 0x8000 ? -1 : 1, power = (half >> 10) & 31, rest = half & 1023;
    if (power === 0) return sign * rest * 2 ** -24;
    return power === 31 ? (rest ? NaN : sign * Infinity) : sign * (1 + rest / 1024) * 2 ** (power - 15);
  });
}
