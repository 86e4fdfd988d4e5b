"use strict";
// An agent as it is in its file: its network, what it sees, its memory, delay and temperature.

/** A network: a program of operations that compiled code runs (agents/web/forward.py). */
class Network {
  constructor(module, program, weights) {
    this.program = program;
    this.compiled = new Compiled(module);
    this.compiled.view(BigInt64Array, "program", program.rows.length).set(program.rows.map(BigInt));
    this.compiled.view(Float32Array, "weights", weights.length).set(weights);
    this.numbers = this.compiled.view(Float32Array, "numbers", program.numbers);
    const [input, count] = program.inputs;
    this.input = this.numbers.subarray(input, input + count);
    const [memory, size] = program.memory;
    this.memory = this.numbers.subarray(memory, memory + size);
  }

  forget() {
    this.memory.fill(0);
  }

  /** Scores of the actions and the value, for an observation [stack, *frame]. */
  run(observation) {
    const { scores: [at, count], value } = this.program;
    this.input.set(observation);
    this.compiled.call("forward");
    const scores = Array.from(this.numbers.subarray(at, at + count));
    return { scores, value: value < 0 ? null : this.numbers[value] };
  }
}

/** The place of the greatest number; the first of equal ones. */
function greatest(numbers) {
  return numbers.reduce((best, number, k) => (number > numbers[best] ? k : best), 0);
}

/** The chances of scores at a temperature, those not legal having none. */
function chances(scores, legal, temperature) {
  const most = Math.max(...scores.filter((_, k) => legal[k]));
  const weights = scores.map((score, k) => (legal[k] ? Math.exp((score - most) / temperature) : 0));
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

/** An agent in a seat of a board. `latest`: its last decision, for the agent's eye. */
class SeatedAgent {
  constructor(board, seat, agent, network, random = Math.random) {
    Object.assign(this, { board, seat, agent, network, random });
    this.swap = board.game.mirrored && seat === 1 ? board.game.swap : null;
    const frame = network.program.inputs[1] / agent.stack;
    const kind = agent.observation === "objects" ? Float32Array : Uint8Array;
    this.newest = board.compiled.view(kind, agent.sight, frame);
    this.stack = new kind(frame * agent.stack); // the oldest frame first
    this.episode = -1;
    this.latest = null;
    this.values = []; // [time, value] of this episode
  }

  /** Its action now, as the world numbers it. Called only when the seat is asked. */
  act() {
    this.observe();
    const begun = performance.now();
    const legal = this.legal();
    const { scores, value } = this.network.run(this.stack);
    const action = this.choose(scores, legal);
    const ranked = this.agent.ranksActions;
    const worth = value ?? Math.max(...scores.filter((_, k) => legal[k]));
    const best = greatest(scores.map((score, k) => (legal[k] ? score : -Infinity)));
    const probs = ranked ? scores.map((_, k) => Number(k === best)) : chances(scores, legal, this.agent.temperature || 1);
    this.latest = { scores, probs, legal, action, value: worth, milliseconds: performance.now() - begun };
    this.note(worth);
    return this.swap ? this.swap[action] : action;
  }

  /** Add the newest frame to the stack; frames from before the episode began are zeros, and so is the memory. */
  observe() {
    const episode = this.board.slot.get("episode");
    const size = this.newest.length;
    this.stack.copyWithin(0, size);
    if (episode !== this.episode) {
      this.stack.fill(0);
      this.network.forget();
      this.episode = episode;
      this.values = [];
    }
    this.board.see(this.seat, this.agent.sight);
    this.stack.set(this.newest, this.stack.length - size);
  }

  /** Which actions it may choose, as it sees them; all where the game says nothing. */
  legal() {
    const mask = this.board.game.hasLegal ? this.board.mask(this.seat) : this.board.game.actions.map(() => 1);
    const seen = this.swap ? mask.map((_, k) => mask[this.swap[k]]) : mask;
    return seen.some(Boolean) ? seen.map(Boolean) : seen.map(() => true);
  }

  /** By its temperature, 0 being the likeliest action; of DQN the best, but for a chance of any other. */
  choose(scores, legal) {
    const { temperature, epsilon, ranksActions } = this.agent;
    let lots = null;
    if (ranksActions && this.random() < epsilon) lots = chances(scores.map(() => 0), legal, 1);
    if (!ranksActions && temperature > 0) lots = chances(scores, legal, temperature);
    if (!lots) return greatest(scores.map((score, k) => (legal[k] ? score : -Infinity)));
    let left = this.random();
    const drawn = lots.findIndex((chance) => (left -= chance) < 0);
    return drawn < 0 ? greatest(lots) : drawn;
  }

  note(value) {
    const { game } = this.board;
    const last = this.values.length ? this.values[this.values.length - 1][0] : -1;
    const now = game.turns ? last + 1 : this.board.state.get("tick") / LOOK.ticksPerSecond;
    this.values.push([now, value]);
    while (this.values[0][0] < now - (game.turns ? 24 : 8)) this.values.shift();
  }
}
