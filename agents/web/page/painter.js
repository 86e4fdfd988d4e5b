"use strict";
// Paints display lists on a canvas in the window's look. It keeps sprites, so that a frame is a few dozen copies.

const KEPT_PIXELS = 24e6; // limit of the sprites that a painter keeps

/** Theme of the rival's picture in a race: the colours and looks of `me` and `other` exchanged. */
function otherSide({ colours, looks }) {
  const swapped = { colours: [...colours], looks: [...looks] };
  for (let tone = 0; tone < 4; tone++) {
    [swapped.colours[ME + tone], swapped.colours[OTHER + tone]] = [colours[OTHER + tone], colours[ME + tone]];
  }
  [swapped.looks[ME >> 2], swapped.looks[OTHER >> 2]] = [looks[OTHER >> 2], looks[ME >> 2]];
  return swapped;
}

class Painter {
  constructor(canvas, game, theme = LOOK) {
    Object.assign(this, { canvas, game, theme });
    this.context = canvas.getContext("2d", { alpha: false });
    this.sprites = new Map();
    this.pixels = 0;
  }

  /** Paint a frame over the whole canvas. */
  paint(frame, trail = null) {
    const { context, canvas, game } = this, scale = canvas.width / LOOK.world;
    this.scale = scale;
    const [ground, x, y] = this.ground(frame);
    context.drawImage(ground, x, y);
    let run = []; // shapes of one role after each other
    frame.shapes.forEach(({ kind, code, xy }, row) => {
      if (kind === GONE) return;
      if (run.length && (run[0].code >> 2 !== code >> 2 || kind === NUMBER)) run = this.run(run);
      if (kind === NUMBER) return void this.number(xy, code);
      if (trail && trail.paths.has(row)) this.trail(trail.paths.get(row), frame, xy[2] * scale, code);
      run.push({ kind, code, xy: xy.slice(0, USED[kind]).map((value) => value * scale) });
    });
    this.run(run);
  }

  /** Halos first, then bodies. */
  run(shapes) {
    for (const { kind, code, xy } of shapes) this.halo(this.context, kind, code, xy, "lighter");
    for (const { kind, code, xy } of shapes) this.body(this.context, kind, code, xy);
    return [];
  }

  colour(code) {
    return this.theme.colours[Math.min(code, this.theme.colours.length - 1)];
  }

  look(code) {
    return this.theme.looks[Math.min(code >> 2, this.theme.looks.length - 1)];
  }

  body(context, kind, code, xy) {
    const steps = LOOK.steps, [left, top, right, bottom] = bounds(kind, xy);
    const [x, y] = [Math.floor(left) - 1, Math.floor(top) - 1];
    const numbers = shifted(kind, xy, -x, -y).map((value) => Math.floor(value * steps + 0.5));
    const sprite = this.kept(`body ${kind} ${code} ${numbers}`, () =>
      bodySprite(kind, numbers.map((value) => value / steps), Math.floor(right) - x + 2, Math.floor(bottom) - y + 2,
        this.colour(code), this.look(code), this.scale));
    context.drawImage(sprite, x, y);
  }

  halo(context, kind, code, xy, blend) {
    const look = this.look(code);
    if (!look.glow && !look.shadow) return;
    const reach = Math.floor(look.reach * this.scale) + 2, [left, top, right, bottom] = bounds(kind, xy);
    const [x, y] = [Math.round(left) - reach, Math.round(top) - reach];
    const numbers = shifted(kind, xy, reach - left, reach - top).map(Math.round);
    const sprite = this.kept(`halo ${kind} ${code} ${numbers}`, () =>
      haloSprite(kind, numbers, Math.floor(right - left) + 2 * reach + 1, Math.floor(bottom - top) + 2 * reach + 1,
        this.colour(code), look, this.scale));
    context.globalCompositeOperation = look.glow ? blend : "source-over";
    context.drawImage(sprite, x, look.glow ? y : y + Math.round(0.5 * look.reach * this.scale));
    context.globalCompositeOperation = "source-over";
  }

  /** A streak that thins out and fades along the ball's path. */
  trail(path, frame, radius, code) {
    const { context, scale } = this, points = path.map(([x, y]) => [(x - frame.left) * scale, (y - frame.top) * scale]);
    const glow = this.look(code).glow;
    context.globalCompositeOperation = "lighter";
    for (let k = 0; k + 1 < points.length; k++) {
      const [[ax, ay], [bx, by]] = [points[k], points[k + 1]];
      const parts = clamp(Math.round(Math.hypot(bx - ax, by - ay) / Math.max(0.3 * radius, 1)), 1, 8);
      for (let part = 0; part < parts; part++) {
        const age = (points.length - 1 - k - part / parts) / LOOK.trail; // 0: newest, 1: oldest
        const r = Math.max(Math.round(radius * (1 - 0.55 * age)), 1), light = Math.round(24 * glow * (1 - age) ** 2) / 100;
        const dot = this.kept(`dot ${code} ${r} ${light}`, () => dotSprite(this.colour(code), r, light));
        context.drawImage(dot, Math.round(ax + (part / parts) * (bx - ax)) - r, Math.round(ay + (part / parts) * (by - ay)) - r);
      }
    }
    context.globalCompositeOperation = "source-over";
  }

  /** A number as text with a dark soft edge, in its role's colour. */
  number(xy, code) {
    const { context, scale } = this, height = xy[2] * scale;
    const colour = code >= DECOR ? LOOK.plainNumbers : this.colour(code);
    context.font = `700 ${height * 1.38}px ${getComputedStyle(document.body).fontFamily}`;
    [context.textAlign, context.textBaseline] = ["center", "alphabetic"];
    [context.shadowColor, context.shadowBlur] = ["#000", 0.3 * height];
    context.fillStyle = `rgb(${colour})`;
    for (let k = 0; k < 2; k++) context.fillText(String(Math.trunc(xy[3])), xy[0] * scale, xy[1] * scale + 0.5 * height);
    context.shadowBlur = 0;
  }

  /** Background and tiles, and where they lie; painted again only when the tiles in sight change. */
  ground(frame) {
    const { canvas, game, theme, scale } = this, side = canvas.width, plain = `ground ${side}`;
    if (!game.grid) return [this.kept(plain, () => backdrop(side, side, LOOK.top, LOOK.bottom)), 0, 0];
    const [rows, columns] = game.grid;
    const tile = [(scale * game.world[0]) / columns, (scale * game.world[1]) / rows];
    const isWide = game.world[0] !== LOOK.world || game.world[1] !== LOOK.world;
    const corner = [Math.round(frame.left * scale), Math.round(frame.top * scale)]; // of the picture in the world
    const origin = corner.map((at, k) => (isWide ? Math.round((Math.floor(at / tile[k]) - 1) * tile[k]) : 0));
    const size = tile.map((each) => (isWide ? side + Math.round(3 * each) : side));
    const key = `${origin} ${size} ${this.inSight(frame.grid, origin, size, tile)}`;
    if (this.groundKey !== key) {
      const ground = backdrop(...size, LOOK.top, LOOK.bottom);
      this.tiles(ground, frame.grid, origin, size, tile);
      [this.groundKey, this.groundCanvas] = [key, ground];
    }
    return [this.groundCanvas, origin[0] - corner[0], origin[1] - corner[1]];
  }

  inSight(grid, origin, size, tile) {
    return this.range(origin, size, tile).map(([row, column]) => grid[row * this.game.grid[1] + column]).join();
  }

  /** Rows and columns of the tiles in a part of the world. */
  range(origin, size, tile) {
    const [rows, columns] = this.game.grid, found = [];
    const first = origin.map((at, k) => Math.max(Math.floor(at / tile[k]), 0));
    const last = origin.map((at, k) => Math.min(Math.floor((at + size[k]) / tile[k]) + 1, [columns, rows][k]));
    for (let row = first[1]; row < last[1]; row++) for (let column = first[0]; column < last[0]; column++) found.push([row, column]);
    return found;
  }

  tiles(ground, grid, origin, size, tile) {
    const edge = (k, axis) => Math.round(k * tile[axis]) - origin[axis]; // whole pixels: no seams between neighbours
    const shapes = this.range(origin, size, tile).flatMap(([row, column]) => {
      const code = grid[row * this.game.grid[1] + column], [x, y] = [edge(column, 0), edge(row, 1)];
      return code ? [{ code, xy: [x, y, edge(column + 1, 0) - x, edge(row + 1, 1) - y] }] : [];
    });
    const context = ground.getContext("2d"), light = document.createElement("canvas");
    [light.width, light.height] = size;
    const lit = light.getContext("2d");
    lit.fillRect(0, 0, ...size);
    for (const { code, xy } of shapes) this.halo(this.look(code).glow ? lit : context, RECT, code, xy, "lighten");
    context.globalCompositeOperation = "lighter"; // the greatest of all glows: their sum would be too bright
    context.drawImage(light, 0, 0);
    context.globalCompositeOperation = "source-over";
    for (const { code, xy } of shapes) this.body(context, RECT, code, xy);
  }

  /** A sprite by its key; the oldest go when there are too many pixels. */
  kept(key, make) {
    const whole = `${this.scale} ${key}`;
    let sprite = this.sprites.get(whole);
    if (!sprite) {
      sprite = make();
      this.sprites.set(whole, sprite);
      this.pixels += sprite.width * sprite.height;
      for (const [old, each] of this.sprites) {
        if (this.pixels <= KEPT_PIXELS || old === whole) break;
        this.pixels -= each.width * each.height;
        this.sprites.delete(old);
      }
    }
    return sprite;
  }
}

/** A shape moved. */
function shifted(kind, xy, dx, dy) {
  if (kind === RECT || kind === DISC) return [xy[0] + dx, xy[1] + dy, ...xy.slice(2)];
  if (kind === LINE) return [xy[0] + dx, xy[1] + dy, xy[2] + dx, xy[3] + dy, xy[4]];
  return xy.map((value, k) => value + (k % 2 ? dy : dx));
}
