"use strict";
// A board: one environment of the compiled game, and who plays in its seats (as ui/board.py has it).

const TURN_PACE = 24; // ticks before a machine's move in games of turns, so that people can follow
const RUNNING = 0, OUT_OF_TIME = 2;

class Board {
  /** seats: a participant for each seat of the game: {kind: "human" | "bot" | "agent", skill, agent, network}. */
  constructor(game, module, seats, seed, random) {
    this.game = game;
    this.seats = seats;
    this.seed = seed;
    this.compiled = new Compiled(module);
    const { state, slot, frame } = game.fields;
    this.state = this.compiled.record("states", state);
    this.final = this.compiled.record("final", state);
    this.slot = this.compiled.record("slots", slot);
    this.frame = this.compiled.record("frames", frame);
    this.actions = this.compiled.view(BigInt64Array, "actions", game.players);
    this.endFlag = this.compiled.view(Uint8Array, "end", 1);
    this.finalReturns = this.compiled.view(Float64Array, "returns", game.players);
    this.row = this.compiled.view(BigInt64Array, "row_seat", 1);
    this.masks = this.compiled.view(Uint8Array, "mask", game.actions.length);
    this.compiled.view(BigUint64Array, "seed", 1)[0] = BigInt(seed);
    const people = seats.flatMap((seat, k) => (seat.kind === "human" ? [k] : []));
    this.viewpoint = people.length === 1 ? people[0] : -1; // the seat of a single person, else -1: a spectator
    this.flipped = this.viewpoint === 1 && game.mirrored;
    this.toWorld = this.flipped ? [...game.swap, ...game.hands.map((_, k) => game.actions.length + k)] : null;
    this.people = new Map(people.map((k) => [k, new Person(chordsOf(game, k, people.length === 1), game.hasAsks)]));
    this.players = new Map();
    seats.forEach((seat, k) => this.seat(seat, k, random));
    this.recorder = new Recorder(this);
    this.restart(0);
  }

  seat(seat, k, random) {
    const agent = seat.kind === "agent" ? seat.agent : null;
    this.slot.set("bot", seat.kind === "bot" ? seat.skill ?? LOOK.random : LOOK.external, k);
    this.slot.set("frame_skip", seat.kind === "human" ? 1 : this.game.frameSkip, k);
    this.slot.set("delay", agent && !this.game.turns ? agent.delay : 0, k);
    if (agent) this.players.set(k, new SeatedAgent(this, k, agent, seat.network(), random));
  }

  /** Begin the episode of a number, and go on to where a seat that is not scripted is asked: a bot may move first. */
  restart(episode) {
    this.slot.set("episode", episode);
    this.compiled.call("begin");
    this.done = false;
    this.rest = TURN_PACE;
    this.recorder.begin();
    const waits = this.seats.some((seat) => seat.kind !== "bot");
    while (waits && !this.slot.all("asked").some(Boolean) && this.endFlag[0] === RUNNING) this.advance();
    for (const person of this.people.values()) person.clear();
  }

  /** Advance by one tick, unless the episode is over or a game of turns waits. */
  tick() {
    if (this.done || !this.peopleDecide() || this.isResting()) return;
    for (const [k, player] of this.players) if (this.isAsked(k)) this.actions[k] = BigInt(player.act());
    const before = this.slot.all("decisions");
    this.advance();
    this.done = this.endFlag[0] !== RUNNING;
    const after = this.slot.all("decisions");
    const machines = this.seats.flatMap((seat, k) => (seat.kind === "human" ? [] : [k]));
    this.rest = machines.some((k) => after[k] !== before[k] || this.isAsked(k)) ? TURN_PACE : 0;
  }

  advance() {
    this.compiled.call("step");
    this.recorder.add();
  }

  isAsked(k) {
    return this.slot.get("asked", k) === 1;
  }

  /** Count down the pause before a machine's move; true while it lasts. */
  isResting() {
    if (!this.game.turns || this.rest === 0 || this.waitsForPerson) return false;
    this.rest--;
    return true;
  }

  /** Write the people's actions; false if the game waits for one of them. */
  peopleDecide() {
    for (const [k, person] of this.people) {
      if (!this.isAsked(k)) {
        if (this.game.turns) person.presses = []; // pressed out of turn
        continue;
      }
      let action = this.game.hasAsks ? person.nextPress() : person.current();
      while (this.game.turns && action !== null && !this.may(k, action)) action = person.nextPress();
      if (this.game.turns && action === null) return false;
      const nothing = this.game.hasAsks ? -1 : 0;
      this.actions[k] = BigInt(action === null ? nothing : this.world(action));
    }
    return true;
  }

  world(action) {
    return this.toWorld ? this.toWorld[action] : action;
  }

  /** Whether an action, as the seat's person sees it, is legal now. */
  may(k, action) {
    return action >= this.game.actions.length ? this.isAsked(k) : this.mask(k)[this.world(action)] === 1;
  }

  /** The legal actions of a seat, as the world numbers them. */
  mask(k) {
    this.row[0] = BigInt(k);
    this.compiled.call("legal");
    return Array.from(this.masks);
  }

  /** Paint a seat's newest frame as its agent sees it. */
  see(k, sight) {
    this.row[0] = BigInt(k);
    this.compiled.call(`see_${sight}`);
  }

  /** The display list as a seat sees it; a copy. */
  draw(seat = this.viewpoint) {
    this.row[0] = BigInt(seat);
    this.compiled.call(this.done ? "draw_end" : "draw");
    return new Frame(this.frame);
  }

  get waitsForPerson() {
    return this.game.turns && !this.done && [...this.people.keys()].some((k) => this.isAsked(k));
  }

  get returns() {
    return this.done ? Array.from(this.finalReturns) : this.slot.all("returns");
  }

  get isOutOfTime() {
    return this.done && this.endFlag[0] === OUT_OF_TIME;
  }

  /** The texts above the picture: the game's own, else the returns where nobody wins; left, centre, right. */
  texts() {
    const { game } = this;
    let texts = ["", "", ""];
    if (HUD) {
      const asked = this.slot.all("asked").map((each) => Boolean(each) && !this.done);
      const persons = this.seats.map((seat) => seat.kind === "human");
      texts = HUD((this.done ? this.final : this.state).values(), { persons, asked }, py).map(String);
    }
    if (!texts.some(Boolean) && !(HUD && game.players === 2 && game.rewards === "zero-sum")) {
      const scores = this.returns.map((each) => String(Number(each.toPrecision(6))));
      texts = game.rewards === "shared" && game.players === 2 ? ["", scores[0], ""] : [scores[0], "", scores[1] ?? ""];
    }
    return this.flipped ? texts.reverse() : texts;
  }
}

/** A seat's chords. A single person may use the other seat's keys too, unless a key has two meanings. */
function chordsOf(game, seat, isAlone) {
  const mine = new Map(game.keys[seat].map(([keys, action]) => [keys.join("+"), [keys, action]]));
  if (!isAlone) return [...mine.values()];
  const both = new Map(mine);
  for (const [keys, action] of game.keys.flat()) {
    const name = keys.join("+");
    if (both.has(name) && both.get(name)[1] !== action) return [...mine.values()];
    both.set(name, [keys, action]);
  }
  return [...both.values()];
}
