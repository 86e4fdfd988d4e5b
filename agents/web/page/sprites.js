"use strict";
// Shapes as small pictures, from the signed distance to a shape's edge (as games/render/renderer.py paints them).

const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

/** Signed distance to a box around the origin with rounded corners. */
function boxDistance(x, y, halfWidth, halfHeight, radius) {
  const qx = Math.abs(x) - (halfWidth - radius), qy = Math.abs(y) - (halfHeight - radius);
  return Math.hypot(Math.max(qx, 0), Math.max(qy, 0)) + Math.min(Math.max(qx, qy), 0) - radius;
}

/** A function of a point: its signed distance to a shape, all in pixels. */
function distanceTo(kind, xy, radius) {
  if (kind === DISC) return (x, y) => Math.hypot(x - xy[0], y - xy[1]) - xy[2];
  if (kind === RECT) {
    const [w, h] = [0.5 * xy[2], 0.5 * xy[3]];
    return (x, y) => boxDistance(x - xy[0] - w, y - xy[1] - h, w, h, Math.min(radius, w, h));
  }
  if (kind === LINE) {
    const [dx, dy] = [xy[2] - xy[0], xy[3] - xy[1]];
    const length = Math.max(Math.hypot(dx, dy), 1e-9), [ux, uy] = [dx / length, dy / length];
    const [mx, my, w, h] = [0.5 * (xy[0] + xy[2]), 0.5 * (xy[1] + xy[3]), 0.5 * length, 0.5 * xy[4]];
    return (x, y) => boxDistance((x - mx) * ux + (y - my) * uy, (y - my) * ux - (x - mx) * uy, w, h, Math.min(radius, w, h));
  }
  return triangleDistance(xy, radius);
}

/** The same for a triangle, its corners rounded by shrinking it towards the centre of its inscribed circle. */
function triangleDistance(xy, radius) {
  let corners = [0, 1, 2].map((k) => [xy[2 * k], xy[2 * k + 1]]);
  const sides = [0, 1, 2].map((k) => {
    const [a, b] = [corners[(k + 1) % 3], corners[(k + 2) % 3]];
    return Math.hypot(a[0] - b[0], a[1] - b[1]);
  });
  const [[ax, ay], [bx, by], [cx, cy]] = corners;
  const area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax), around = sides[0] + sides[1] + sides[2];
  if (Math.abs(area) < 1e-9) return () => 1e9;
  const inner = Math.abs(area) / around, round = Math.min(radius, 0.6 * inner);
  const centre = [0, 1].map((axis) => corners.reduce((sum, corner, k) => sum + sides[k] * corner[axis], 0) / around);
  corners = corners.map((corner) => corner.map((value, axis) => centre[axis] + (value - centre[axis]) * (1 - round / inner)));
  if (area < 0) corners.reverse();
  return (x, y) => {
    let nearest = Infinity, isInside = true;
    for (let k = 0; k < 3; k++) {
      const [[px, py], [qx, qy]] = [corners[k], corners[(k + 1) % 3]], [ex, ey] = [qx - px, qy - py];
      const along = clamp(((x - px) * ex + (y - py) * ey) / (ex * ex + ey * ey), 0, 1);
      nearest = Math.min(nearest, (x - px - along * ex) ** 2 + (y - py - along * ey) ** 2);
      isInside &&= (y - py) * ex - (x - px) * ey >= 0;
    }
    return (isInside ? -1 : 1) * Math.sqrt(nearest) - round;
  };
}

/** A canvas whose pixels a function gives: (x, y, out) writes red, green, blue (0-255) and coverage (0-1) into `out`. */
function painted(width, height, pixel) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d"), image = context.createImageData(width, height), out = [0, 0, 0, 0];
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      pixel(x + 0.5, y + 0.5, out);
      for (let k = 0; k < 3; k++) image.data[at + k] = out[k];
      image.data[at + 3] = 255 * out[3];
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

/** A shape with bevel and groove. scale: pixels in a world unit. */
function bodySprite(kind, xy, width, height, colour, look, scale) {
  const edgeOf = distanceTo(kind, xy, look.round * scale), gap = look.gap * scale;
  const [, top, , bottom] = bounds(kind, xy);
  const coin = clamp((LOOK.largestCoin - xy[2] / scale) / 4, 0, 1), [grooveAt, grooveWide] = LOOK.groove;
  return painted(width, height, (x, y, out) => {
    const edge = edgeOf(x, y) + gap;
    let light = 1;
    if (look.bevel) {
      const high = 0.5 - clamp((y - top) / Math.max(bottom - top, 1), 0, 1); // 0.5 above … -0.5 below
      const rim = clamp(1 + edge / (0.7 * scale), 0, 1); // 1 at the edge, 0 further in than 0.7 units
      light += look.bevel * high * (0.45 + 0.9 * rim);
      if (kind === DISC) { // a coin: a raised ring and a darker face
        light *= 1 - 0.35 * look.bevel * coin * clamp(0.5 - edge - 0.26 * xy[2], 0, 1);
        const ring = 0.5 + Math.max(grooveWide * xy[2], 0.6) - Math.abs(edge + (1 - grooveAt) * xy[2]);
        light *= 1 - look.groove * clamp(ring, 0, 1);
      }
    }
    const glare = 0.5 * clamp(light - 1, 0, 1);
    for (let k = 0; k < 3; k++) {
      const shade = colour[k] * light;
      out[k] = clamp(shade + (255 - shade) * glare, 0, 255);
    }
    out[3] = clamp(0.5 - edge, 0, 1);
  });
}

/** The light around a shape, to be added to what is there, or for a look without glow its shadow. */
function haloSprite(kind, xy, width, height, colour, look, scale) {
  const distance = distanceTo(kind, xy, look.round * scale), reach = look.reach * scale;
  return painted(width, height, (x, y, out) => {
    const fall = clamp(1 - Math.max(distance(x, y), 0) / reach, 0, 1);
    for (let k = 0; k < 3; k++) out[k] = colour[k] * look.glow * fall ** 3; // 0 in a shadow
    out[3] = look.glow ? 1 : look.shadow * fall * fall * (3 - 2 * fall);
  });
}

/** A soft dot of light. */
function dotSprite(colour, radius, light) {
  const side = 2 * radius + 1;
  return painted(side, side, (x, y, out) => {
    for (let k = 0; k < 3; k++) out[k] = colour[k];
    out[3] = light * Math.sqrt(clamp(1 - Math.hypot(x - radius - 0.5, y - radius - 0.5) / radius, 0, 1));
  });
}

/** A vertical gradient without visible bands: ordered dithering (a 4 × 4 Bayer matrix) hides them. */
function backdrop(width, height, top, bottom) {
  const grain = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5];
  return painted(width, height, (x, y, out) => {
    const down = (y - 0.5) / Math.max(height - 1, 1), shift = grain[(y & 3) * 4 + (x & 3)] / 16 - 0.5;
    for (let k = 0; k < 3; k++) out[k] = top[k] + (bottom[k] - top[k]) * down + shift;
    out[3] = 1;
  });
}
