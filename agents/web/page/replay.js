"use strict";
// A game as a replay's file (games/replay/format.py): the actions tick by tick, and hashes of the states in between.

const SECOND = 60; // ticks between two hashes; in games of turns a hash follows each tick

/** Records one board from an episode's first tick on. */
class Recorder {
  constructor(board) {
    this.board = board;
    this.every = board.game.turns ? 1 : SECOND;
    this.begin();
  }

  begin() {
    this.level = this.board.state.get("level");
    this.rows = []; // the actions in effect in each tick, an array of the seats'
    this.hashes = [this.hash()];
  }

  /** The board has advanced by a tick. */
  add() {
    this.rows.push(this.board.slot.all("acting"));
    if (this.rows.length % this.every === 0) this.hashes.push(this.hash());
  }

  /** The bytes of which a hash is made: the state and the returns; at an end, those with which the episode ended. */
  bytes() {
    const { compiled, game, endFlag } = this.board;
    const isOver = endFlag[0] !== RUNNING;
    const state = compiled.view(Uint8Array, isOver ? "final" : "states", game.stateBytes);
    const returns = isOver ? Array.from(this.board.finalReturns) : this.board.slot.all("returns");
    const whole = new Uint8Array(game.stateBytes + 8 * returns.length);
    whole.set(state);
    whole.set(new Uint8Array(new Float64Array(returns).buffer), game.stateBytes);
    return whole;
  }

  hash() {
    return blake2b8(this.bytes());
  }

  /** Actions as runs, a seat after the other: how many, their actions, their lengths. */
  runs() {
    return concatenated(this.board.seats.map((_, seat) => {
      const starts = this.rows.flatMap((row, k) => (k === 0 || row[seat] !== this.rows[k - 1][seat] ? [k] : []));
      const lengths = starts.map((start, k) => (starts[k + 1] ?? this.rows.length) - start);
      return concatenated([new Uint32Array([starts.length]), Int16Array.from(starts, (k) => this.rows[k][seat]),
        Uint32Array.from(lengths)]);
    }));
  }

  allHashes() {
    return this.rows.length % this.every === 0 ? this.hashes : [...this.hashes, this.hash()];
  }
}

/** The bytes of a replay's file. */
async function replayFile(match) {
  const { game, boards } = match;
  const seats = match.seats.map(({ name, kind, skill, source }) => ({
    name, kind: kind === "bot" ? "scripted" : kind, source: source || "", skill: kind === "bot" ? skill ?? null : null,
  }));
  const header = {
    written_by: DATA.version, game: game.name, version: game.version, digest: game.digest, seed: match.seed,
    episode: match.episode, level: boards[0].recorder.level, seats, ticks: boards.map((board) => board.recorder.rows.length),
    every: boards[0].recorder.every, returns: match.returns, winner: match.result ? match.result.winner : null,
    finished: Boolean(match.result), begun: match.begun,
  };
  const head = new TextEncoder().encode(JSON.stringify(header));
  const body = concatenated([...boards.map((board) => board.recorder.runs()), ...boards.flatMap((board) => board.recorder.allHashes())]);
  const stream = new Blob([body]).stream().pipeThrough(new CompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  const rest = concatenated([new Uint32Array([head.length]), head, packed]);
  const checksum = new Uint8Array(await crypto.subtle.digest("SHA-256", rest));
  return concatenated([new TextEncoder().encode("SPARREP1"), checksum, rest]);
}

/** The bytes of some arrays, one after another. */
function concatenated(arrays) {
  const parts = arrays.map((array) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

// --- BLAKE2b (RFC 7693), eight bytes of it ---

const WORD = 0xffffffffffffffffn;
const START = [0x6a09e667f3bcc908n, 0xbb67ae8584caa73bn, 0x3c6ef372fe94f82bn, 0xa54ff53a5f1d36f1n, 0x510e527fade682d1n,
  0x9b05688c2b3e6c1fn, 0x1f83d9abfb41bd6bn, 0x5be0cd19137e2179n];
const ORDER = ["0123456789abcdef", "ea489fd61c02b753", "b8c052fdae367194", "7931dcbe265a40f8", "905724afe1bc683d",
  "2c6a0b834d75fe19", "c51fed4a0763928b", "db7ec13950f4862a", "6fe9b308c2d714a5", "a2847615fb9e3cd0"]
  .map((row) => Array.from(row, (digit) => parseInt(digit, 16)));
const COLUMNS = [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15], [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13],
  [3, 4, 9, 14]];

function turned(x, bits) {
  return ((x >> bits) | (x << (64n - bits))) & WORD;
}

/** The hash of some bytes, a Uint8Array [8]. */
function blake2b8(bytes) {
  const h = [...START];
  h[0] ^= 0x01010008n; // no key, eight bytes
  const blocks = Math.max(Math.ceil(bytes.length / 128), 1);
  const padded = new Uint8Array(blocks * 128);
  padded.set(bytes);
  const words = new BigUint64Array(padded.buffer);
  for (let block = 0; block < blocks; block++) {
    const isLast = block === blocks - 1;
    const v = [...h, ...START];
    v[12] ^= BigInt(isLast ? bytes.length : (block + 1) * 128);
    if (isLast) v[14] ^= WORD;
    for (let round = 0; round < 12; round++) {
      COLUMNS.forEach(([a, b, c, d], k) => {
        const [x, y] = [0, 1].map((n) => words[block * 16 + ORDER[round % 10][2 * k + n]]);
        v[a] = (v[a] + v[b] + x) & WORD;
        v[d] = turned(v[d] ^ v[a], 32n);
        v[c] = (v[c] + v[d]) & WORD;
        v[b] = turned(v[b] ^ v[c], 24n);
        v[a] = (v[a] + v[b] + y) & WORD;
        v[d] = turned(v[d] ^ v[a], 16n);
        v[c] = (v[c] + v[d]) & WORD;
        v[b] = turned(v[b] ^ v[c], 63n);
      });
    }
    for (let k = 0; k < 8; k++) h[k] ^= v[k] ^ v[k + 8];
  }
  return new Uint8Array(new BigUint64Array([h[0]]).buffer);
}
