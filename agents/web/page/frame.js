"use strict";
// A display list: the shapes and tiles of a picture, copied out of compiled memory; and how a board's shapes glide.

const GONE = 0, RECT = 1, DISC = 2, LINE = 3, TRIANGLE = 4, NUMBER = 5;
const ME = 4, OTHER = 8, BALL = 12, DECOR = 32; // codes of roles, in the order of games/core.py
const USED = [0, 4, 3, 5, 6, 4]; // numbers that each kind has

class Frame {
  constructor(record) {
    const { view, fields } = record;
    const bytes = (name) => new Uint8Array(view.buffer, view.byteOffset + fields[name][0], fields[name][2]);
    const count = Math.min(record.get("count"), fields.kind[2]);
    this.left = record.get("tiles_left");
    this.top = record.get("tiles_top");
    const [kinds, codes, at] = [bytes("kind"), bytes("code"), fields.xy[0]];
    this.shapes = Array.from({ length: count }, (_, row) => ({
      kind: kinds[row],
      code: codes[row],
      xy: Array.from({ length: 6 }, (_, k) => view.getFloat64(at + 8 * (6 * row + k), true)),
    }));
    this.grid = bytes("grid").slice();
  }

  /** Whether both show the same. */
  equals(other) {
    return JSON.stringify(this.shapes) === JSON.stringify(other.shapes) && this.grid.every((code, k) => code === other.grid[k]);
  }
}

/** The box around a shape: left, top, right, bottom. */
function bounds(kind, xy) {
  if (kind === RECT) return [xy[0], xy[1], xy[0] + xy[2], xy[1] + xy[3]];
  if (kind === DISC) return [xy[0] - xy[2], xy[1] - xy[2], xy[0] + xy[2], xy[1] + xy[2]];
  const count = kind === LINE ? 2 : 3, wide = kind === LINE ? 0.5 * xy[4] : 0;
  const across = xy.filter((_, k) => k < 2 * count && k % 2 === 0), down = xy.filter((_, k) => k < 2 * count && k % 2 === 1);
  return [Math.min(...across) - wide, Math.min(...down) - wide, Math.max(...across) + wide, Math.max(...down) + wide];
}

/** In a game of turns, a shape that is elsewhere after a move is shown on its way (games/render/motion.py). */
class Glide {
  constructor() {
    this.end = null;
  }

  /** The frame to show. isNew: another episode has begun, into which nothing moves. */
  between(frame, isNew) {
    if (!this.end || isNew) {
      this.start = this.end = frame;
      this.frames = LOOK.glide;
    } else if (!frame.equals(this.end)) {
      [this.start, this.end, this.frames] = [this.shown(), frame, 0];
    }
    this.frames++;
    return this.shown();
  }

  get isMoving() {
    return this.frames < LOOK.glide;
  }

  shown() {
    if (!this.isMoving) return this.end;
    let done = this.frames / LOOK.glide;
    done = done * done * (3 - 2 * done); // slow at both ends
    const shapes = this.end.shapes.map((shape, row) => {
      const before = this.start.shapes[row];
      if (!before || before.kind !== shape.kind || before.code !== shape.code || shape.kind === GONE) return shape;
      const moved = shape.xy.map((value, k) => (shape.kind === NUMBER && k === 3 ? value : before.xy[k] + done * (value - before.xy[k])));
      return { ...shape, xy: moved };
    });
    return Object.assign(Object.create(Frame.prototype), this.end, { shapes });
  }
}

/** The places of the balls in the last ticks, which are drawn as fading streaks. Places are in the world. */
class Trail {
  constructor() {
    this.paths = new Map();
  }

  add(frame) {
    const here = new Map();
    frame.shapes.forEach(({ kind, code, xy }, row) => {
      if (kind !== DISC || code >> 2 !== BALL >> 2) return;
      const point = [xy[0] + frame.left, xy[1] + frame.top];
      let path = this.paths.get(row) || [];
      const last = path[path.length - 1];
      if (last && Math.hypot(point[0] - last[0], point[1] - last[1]) > LOOK.jump) path = [];
      here.set(row, [...path, point].slice(-LOOK.trail));
    });
    this.paths = here;
  }

  clear() {
    this.paths = new Map();
  }
}
