"use strict";
// A person's input between two ticks: keys that are held, presses that wait, and chords (as ui/seats.py has it).

const QUEUED = 8; // presses that wait for their tick, at most
const CHORD_TICKS = 3; // for which a press waits for the rest of its chord, where a press counts once

class Person {
  /** chords: [keys, action] pairs. waits: a press counts once, so that one that may begin a chord waits a moment. */
  constructor(chords, waits) {
    this.chords = chords;
    this.keys = new Set(chords.flatMap(([keys]) => keys));
    this.inChords = new Set(waits ? chords.filter(([keys]) => keys.length > 1).flatMap(([keys]) => keys) : []);
    this.clear();
  }

  clear() {
    this.held = []; // in the order in which they went down
    this.presses = [];
  }

  /** A key goes down; false if it is none of this person's. */
  press(key) {
    if (!this.keys.has(key)) return false;
    this.release(key);
    this.held.push(key);
    const chord = this.acting();
    if (!chord || !chord[0].includes(key)) return true;
    const waiting = this.presses[this.presses.length - 1];
    if (waiting && waiting.ticks && chord[0].includes(waiting.key)) this.presses.pop();
    const mayGrow = this.inChords.has(key) && chord[0].length === 1;
    this.queue({ action: chord[1], key, ticks: mayGrow ? CHORD_TICKS : 0 });
    return true;
  }

  release(key) {
    this.held = this.held.filter((other) => other !== key);
    for (const press of this.presses) if (press.key === key) press.ticks = 0;
  }

  /** An action that was picked with a finger or the mouse. */
  choose(action) {
    this.queue({ action, key: "", ticks: 0 });
  }

  queue(press) {
    this.presses.push(press);
    if (this.presses.length > QUEUED) this.presses.shift();
  }

  /** The oldest waiting press, which is removed; null if there is none. Called once a tick. */
  nextPress() {
    if (this.presses.length && this.presses[0].ticks) {
      this.presses[0].ticks--;
      return null;
    }
    return this.presses.length ? this.presses.shift().action : null;
  }

  /** The action of this tick: the oldest press, else that of the held keys. So each press acts for a tick. */
  current() {
    if (this.presses.length) return this.presses.shift().action;
    const chord = this.acting();
    return chord ? chord[1] : null;
  }

  /** The largest chord of the held keys in which the key pressed last is; null if none acts. */
  acting() {
    const order = new Map(this.held.map((key, k) => [key, k]));
    const possible = this.chords.filter(([keys]) => keys.every((key) => order.has(key)));
    const ranks = ([keys]) => keys.map((key) => order.get(key)).sort((a, b) => b - a);
    const later = (a, b) => {
      const [x, y] = [ranks(a), ranks(b)];
      const k = x.findIndex((rank, n) => rank !== y[n]);
      return k < 0 ? x.length - y.length : x[k] - (y[k] ?? -1);
    };
    return possible.reduce((best, chord) => (!best || later(chord, best) > 0 ? chord : best), null);
  }
}
