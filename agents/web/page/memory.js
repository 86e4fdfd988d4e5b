"use strict";
// Compiled code at work: its functions, its arrays, and its records field by field.

// Functions of C's library that compiled code may need. `%` is C's fmod.
const LIBRARY = { fmod: (a, b) => a % b };
for (const name of ["sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "exp", "expm1", "log",
  "log1p", "log2", "log10", "pow", "hypot", "cbrt"]) LIBRARY[name] = Math[name];

const KINDS = { f8: "Float64", f4: "Float32", i8: "BigInt64", u8: "BigUint64", i4: "Int32", u4: "Uint32", i2: "Int16",
  u2: "Uint16", i1: "Int8", u1: "Uint8", b1: "Uint8" };

/** An instance of a compiled module. Each of its arrays has a fixed place in its memory. */
class Compiled {
  constructor(module) {
    this.exports = new WebAssembly.Instance(module, { env: LIBRARY }).exports;
    this.memory = this.exports.memory.buffer;
  }

  /** The place of an array, in bytes. */
  place(name) {
    return this.exports[name].value;
  }

  call(name) {
    const status = this.exports[name]();
    if (status) throw new Error(`${name} failed with ${status}`);
  }

  /** An array as a view, as `view(Int32Array, "ticks", 1)`. */
  view(kind, name, count) {
    return new kind(this.memory, this.place(name), count);
  }

  record(name, fields) {
    return new CompiledRecord(this.memory, this.place(name), fields);
  }
}

/** A record in compiled memory. fields: by name [offset, type, count]. */
class CompiledRecord {
  constructor(memory, at, fields) {
    this.fields = fields;
    this.view = new DataView(memory, at);
    this.size = { f8: 8, f4: 4, i8: 8, u8: 8, i4: 4, u4: 4, i2: 2, u2: 2, i1: 1, u1: 1, b1: 1 };
  }

  get(name, k = 0) {
    const [at, kind] = this.fields[name];
    return Number(this.view[`get${KINDS[kind]}`](at + k * this.size[kind], true));
  }

  set(name, value, k = 0) {
    const [at, kind] = this.fields[name];
    this.view[`set${KINDS[kind]}`](at + k * this.size[kind], kind[1] === "8" && kind !== "f8" ? BigInt(value) : value, true);
  }

  all(name) {
    return Array.from({ length: this.fields[name][2] }, (_, k) => this.get(name, k));
  }

  /** All fields as plain numbers and arrays. */
  values() {
    return Object.fromEntries(Object.entries(this.fields).map(([name, [, , count]]) => [name, count > 1 ? this.all(name) : this.get(name)]));
  }
}
