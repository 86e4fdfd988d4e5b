"use strict";
// Keys, fingers, the mouse and gamepads, as presses of the game's own keys: so chords and taps are the same for all of them.

const OUTSIDE = 14; // pixels from where a finger went down, before it is a direction
const PAD_DIRECTIONS = [["up", 12, 1, -1], ["down", 13, 1, 1], ["left", 14, 0, -1], ["right", 15, 0, 1]];

/** The key that alone stands for an action; undefined where there is none. */
function keyFor(person, action) {
  return person.chords.find(([keys, each]) => keys.length === 1 && each === action)?.[0][0];
}

/** Actions by direction, of those for which a person has a key; and the actions that are no directions. */
function layoutOf(game, person) {
  const directions = {}, buttons = [];
  [...game.actions, ...game.hands].forEach((name, action) => {
    const key = keyFor(person, action);
    if (key === undefined) return;
    if (game.directions[action]) directions[game.directions[action]] ??= key;
    else buttons.push({ name: name.replace(/_/g, " "), key });
  });
  return { directions, buttons };
}

/** Fingers and the mouse on the pictures of a match. */
class Pointers {
  constructor(match, canvases) {
    Object.assign(this, { match, canvases, held: new Map() });
    const { game } = match, ways = match.people.length ? Object.keys(layoutOf(game, match.people[0]).directions).sort().join() : "";
    this.mode = game.spots ? "spots" : { "left,right": "across", "down,up": "upright" }[ways] || (ways ? "stick" : "none");
    this.spot = null; // the action under the mouse
  }

  /** The person to whom a finger belongs: of two who move up and down, each has a half of the screen. */
  person(x) {
    const { people } = this.match;
    return people.length === 2 && this.mode === "upright" && x > innerWidth / 2 ? people[1] : people[0];
  }

  down(event) {
    if (this.mode === "spots") return this.pick(event);
    const finger = { person: this.person(event.clientX), keys: [], origin: [event.clientX, event.clientY] };
    if (!finger.person) return;
    this.held.set(event.pointerId, finger);
    this.move(event);
  }

  move(event) {
    if (this.mode === "spots") this.spot = this.spotAt(event)?.action ?? null;
    const finger = this.held.get(event.pointerId);
    if (!finger) return;
    const { directions } = layoutOf(this.match.game, finger.person);
    const keys = this.ways(event, finger).map((way) => directions[way]).filter(Boolean);
    for (const key of finger.keys) if (!keys.includes(key)) finger.person.release(key);
    for (const key of keys) if (!finger.keys.includes(key)) finger.person.press(key);
    finger.keys = keys;
  }

  up(event) {
    const finger = this.held.get(event.pointerId);
    for (const key of finger?.keys || []) finger.person.release(key);
    this.held.delete(event.pointerId);
  }

  /** The directions of a finger: by the half of the screen in which it is, or as a stick from where it went down. */
  ways(event, { origin }) {
    const box = this.canvases[0].getBoundingClientRect();
    if (this.mode === "across") return [event.clientX < innerWidth / 2 ? "left" : "right"];
    if (this.mode === "upright") return [event.clientY < box.top + box.height / 2 ? "up" : "down"];
    const [dx, dy] = [event.clientX - origin[0], event.clientY - origin[1]];
    if (Math.hypot(dx, dy) < OUTSIDE) return [];
    const eighth = Math.round((Math.atan2(dy, dx) * 4) / Math.PI) & 7; // 0: right, 2: down
    return [["right"], ["right", "down"], ["down"], ["down", "left"], ["left"], ["left", "up"], ["up"], ["up", "right"]][eighth];
  }

  /** The spot at a place, and whose it is. */
  spotAt(event) {
    for (const [number, canvas] of this.canvases.entries()) {
      const board = this.match.boards[number], box = canvas.getBoundingClientRect();
      let [x, y] = [(event.clientX - box.left) * LOOK.world / box.width, (event.clientY - box.top) * LOOK.world / box.height];
      if (board.flipped) x = LOOK.world - x;
      const action = this.match.game.spots.findIndex((spot) => spot && spot[0] <= x && x < spot[0] + spot[2] && spot[1] <= y && y < spot[1] + spot[3]);
      const seat = [...board.people.keys()].find((k) => board.isAsked(k));
      if (action >= 0 && seat !== undefined) return { board, seat, action };
    }
    return null;
  }

  pick(event) {
    const found = this.spotAt(event);
    if (found) found.board.people.get(found.seat).choose(found.board.flipped ? found.board.game.swap[found.action] ?? found.action : found.action);
  }

  release() {
    this.held.clear();
  }
}

/** Gamepads in the standard layout: the first is the first person's. */
class Pads {
  constructor(match) {
    this.match = match;
    this.down = new Map(); // the keys that each pad holds
    this.isStart = true;
  }

  /** Look at all pads; true if somebody has pressed Start. */
  poll() {
    const pads = (navigator.getGamepads?.() || []).filter((pad) => pad?.mapping === "standard");
    this.match.people.slice(0, pads.length).forEach((person, k) => this.hold(person, pads[k]));
    const isStart = pads.some((pad) => pad.buttons[9]?.pressed), isNew = isStart && !this.isStart;
    this.isStart = isStart;
    return isNew;
  }

  hold(person, pad) {
    const { directions, buttons } = layoutOf(this.match.game, person), before = this.down.get(person) || [];
    const ways = PAD_DIRECTIONS.filter(([, button, axis, sign]) => pad.buttons[button]?.pressed || sign * pad.axes[axis] > 0.5);
    const keys = ways.map(([way]) => directions[way]).filter(Boolean);
    buttons.forEach(({ key }, k) => pad.buttons[k]?.pressed && keys.push(key));
    for (const key of before) if (!keys.includes(key)) person.release(key);
    for (const key of keys) if (!before.includes(key)) person.press(key);
    this.down.set(person, keys);
  }
}
