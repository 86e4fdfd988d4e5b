"use strict";
// Python's own functions, as far as a game's `hud` needs them (games/web/hud.py translates it).

const py = {
  at: (array, k) => array[k < 0 ? array.length + k : k],
  modulo: (a, b) => ((a % b) + b) % b,
  /** `str` of a float. */
  text: (x) => (Number.isInteger(x) && Math.abs(x) < 1e16 ? x.toFixed(1) : String(x)),
  /** `round`: halves go to the even number. */
  round: (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x)),
  /** A number in an f-string, by a specification such as `.1f`, `,`, `02d`, `g`, `.0%`. */
  format(x, spec, kind) {
    const [, sign, zero, width, comma, places, type] = /^([+ ]?)(0?)(\d*)(,?)(?:\.(\d+))?([dfg%]?)$/.exec(spec) || [];
    const value = type === "%" ? 100 * Math.abs(x) : Math.abs(x);
    let text = type === "g" ? String(Number(value.toPrecision(places || 6)))
      : places !== undefined || type === "f" || type === "%" ? value.toFixed(places ?? 6)
      : kind === "float" ? py.text(value) : String(value);
    if (comma) text = text.replace(/\B(?=(\d{3})+(?!\d))/g, ",");
    text = (x < 0 ? "-" : sign || "") + text + (type === "%" ? "%" : "");
    return width ? text.padStart(Number(width), zero ? "0" : " ") : text;
  },
};
