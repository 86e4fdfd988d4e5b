"use strict";
// The page: who plays is chosen on a card, then a match runs under it. `app` is all of it at work.

const COUNT = 3, COUNT_TICKS = 30; // before play begins, where time does not wait: how many numbers, and the ticks of each
const EYE_EVERY = 4; // frames between two paintings of the agent's eye

const TOUCHES = { spots: "tap where it shall go", across: "touch left or right", upright: "touch above or below the middle",
  stick: "touch and drag", none: "" }; // what fingers do

const one = (selector) => document.querySelector(selector);
const rgb = (colour) => `rgb(${colour})`;

class App {
  constructor(parts) {
    this.game = DATA.game;
    this.parts = parts;
    this.clock = new Clock(LOOK.ticksPerSecond);
    this.eye = new Eye(one("#eye"), this.game);
    this.mode = "start"; // start, counting, playing, paused, result
    this.agentOf = null; // the participant whose eye is open; null: it is closed
    this.frames = 0;
    this.networks = new Map();
    for (const [name, colour] of Object.entries(LOOK.palette)) document.body.style.setProperty(`--${name.replace(/_/g, "-")}`, rgb(colour));
    for (const [name, code] of [["me", ME], ["other", OTHER]]) document.body.style.setProperty(`--${name}`, rgb(LOOK.colours[code]));
  }

  async begin() {
    [this.gameModule, this.networkModule] = await Promise.all([this.parts.game, this.parts.network].map((code) => code && WebAssembly.compile(code)));
    this.chooser = new Chooser(this.game);
    this.listen();
    this.newMatch(this.chooser.demonstration());
    this.show("start");
    requestAnimationFrame((now) => this.frame(now));
  }

  /** The network of an agent, for one seat: each has its own memory. */
  network(agent) {
    const program = DATA.networks[agent.network], bytes = this.parts[`weights_${agent.network}`];
    if (!this.networks.has(agent.network)) {
      this.networks.set(agent.network, floats(bytes, program.isHalf));
    }
    return new Network(this.networkModule, program, this.networks.get(agent.network));
  }

  /** Seat some participants. seed: of the games; by default another one each time. */
  newMatch(participants, seed = Math.floor(Math.random() * 2 ** 31), random = Math.random) {
    const seats = participants.map((each) => ({ ...each, network: each.agent && (() => this.network(each.agent)) }));
    this.match = new Match(this.game, this.gameModule, seats, seed, random);
    this.me = Math.max(seats.findIndex((seat) => seat.kind === "human"), 0); // whose colour is `me`
    one("#pictures").replaceChildren(...this.match.boards.map((_, k) => this.picture(k)));
    one("#stage").style.setProperty("--pictures", this.match.boards.length);
    this.canvases = [...document.querySelectorAll("#pictures canvas")];
    this.headers = [...document.querySelectorAll("#pictures header")];
    this.painters = this.canvases.map((canvas, k) => new Painter(canvas, this.game, k === 0 ? LOOK : otherSide(LOOK)));
    this.trails = this.match.boards.map(() => new Trail());
    this.glides = this.match.boards.map(() => new Glide());
    this.pointers = new Pointers(this.match, this.canvases);
    this.pads = new Pads(this.match);
    this.agentOf = this.agentOf === null ? null : this.nextAgent(null);
    document.body.classList.toggle("single", this.game.players === 1);
    this.buttons();
    this.resize();
    this.drawAll(true);
  }

  /** A picture with its header. */
  picture(k) {
    const figure = document.createElement("figure");
    figure.innerHTML = `<header><span class="name left"></span><span class="tally"></span><span class="name right"></span>
      <b class="left"></b><b class="centre"></b><b class="right"></b></header><canvas aria-label="${this.game.heading}"></canvas>`;
    return figure;
  }

  /** Buttons for fingers, of actions that are no directions. */
  buttons() {
    const person = this.match.people[0];
    one("#touch").textContent = person ? TOUCHES[this.pointers.mode] : "";
    const found = person && !this.game.spots ? layoutOf(this.game, person).buttons.slice(0, 8) : [];
    one("#buttons").replaceChildren(...found.map(({ name, key }) => {
      const button = document.createElement("button");
      button.textContent = name;
      button.onpointerdown = (event) => (event.preventDefault(), person.press(key));
      button.onpointerup = button.onpointercancel = button.onpointerleave = () => person.release(key);
      return button;
    }));
  }

  // --- time ---

  frame(now) {
    requestAnimationFrame((later) => this.frame(later));
    if (this.isRunning && this.pads.poll()) this.pause();
    let changed = this.glides.some((glide) => glide.end && glide.isMoving);
    for (let due = this.isRunning ? this.clock.due(now) : 0; due > 0 && this.isRunning; due--) {
      this.tick();
      changed = true;
    }
    if (changed || this.isStale) this.drawAll();
    if (this.agentOf !== null && this.frames++ % EYE_EVERY === 0) this.drawEye();
  }

  /** Whether time passes: also behind the first card, where two machines play. */
  get isRunning() {
    return ["playing", "counting", "start"].includes(this.mode);
  }

  tick() {
    if (this.mode === "counting") {
      this.left--;
      one("#count").textContent = this.left > 0 ? Math.ceil(this.left / COUNT_TICKS) : "";
      if (this.left <= 0) this.show("playing");
      return;
    }
    this.match.tick();
    this.match.boards.forEach((board, k) => this.trails[k].add(board.draw()));
    if (!this.match.result) return;
    if (this.mode === "start") this.restart("start");
    else this.show("result");
  }

  /** Play, after 3, 2, 1 where time does not wait for people. */
  play() {
    const waits = this.game.turns || !this.match.people.length;
    this.left = COUNT * COUNT_TICKS;
    for (const person of this.match.people) person.clear();
    this.show(waits ? "playing" : "counting");
  }

  restart(mode) {
    this.match.restart();
    for (const trail of this.trails) trail.clear();
    this.pointers.release();
    this.drawAll(true);
    if (mode === "start") return;
    this.play();
  }

  pause() {
    if (!["playing", "counting"].includes(this.mode)) return;
    for (const person of this.match.people) person.clear();
    this.pointers.release();
    this.show("paused");
  }

  // --- what is shown ---

  /** Go to a mode and show its card. */
  show(mode) {
    this.mode = mode;
    document.body.dataset.mode = mode;
    one("#count").textContent = mode === "counting" ? COUNT : "";
    this.clock.restart(performance.now());
    if (mode === "result") {
      const [headline, detail, winner] = this.match.verdict();
      one("#headline").textContent = headline;
      one("#headline").style.color = winner === null ? "" : winner === this.me ? "var(--me)" : "var(--other)";
      one("#detail").textContent = detail;
    }
    one("#hints").replaceChildren(...this.hints());
    document.body.classList.toggle("blind", !this.hasEye);
    const first = one(`section.${mode} [data-first]`);
    if (first) first.focus({ preventScroll: true });
    this.isStale = true;
  }

  drawAll(isNew = false) {
    this.isStale = false;
    this.match.boards.forEach((board, k) => {
      let frame = board.draw();
      if (this.game.turns) frame = this.glides[k].between(frame, isNew);
      this.painters[k].paint(frame, this.trails[k]);
      if (this.pointers.spot !== null && board.waitsForPerson) this.highlight(board, k);
      this.header(board, k);
    });
  }

  /** Light on the spot under the mouse. */
  highlight(board, k) {
    const spot = this.game.spots[this.pointers.spot], scale = this.canvases[k].width / LOOK.world;
    const x = board.flipped ? LOOK.world - spot[0] - spot[2] : spot[0];
    const { context } = this.painters[k];
    context.fillStyle = "rgba(150, 190, 255, 0.13)";
    context.fillRect(x * scale, spot[1] * scale, spot[2] * scale, spot[3] * scale);
  }

  /** Names, games won so far, and the game's own texts. */
  header(board, k) {
    const { match, game } = this, isSingle = match.isRace || game.players === 1;
    const names = isSingle ? [k, null] : board.flipped ? [1, 0] : [0, 1];
    const texts = board.texts();
    if (!texts[1] && board.waitsForPerson) {
      const mover = [...board.people.keys()].find((seat) => board.isAsked(seat));
      texts[1] = board.people.size === 1 ? "Your turn" : `${match.seats[mover].name} to move`;
    }
    const won = names.map((each) => (each === null ? "" : match.wins[each]));
    const told = !match.played ? "" : !match.isContest ? `best ${match.best.slice(0, game.rewards === "own" ? 2 : 1).map(short).join(" – ")}`
      : isSingle ? `${won[0]} won` : `${won[0]} – ${won[1]}`;
    const values = [...names.map((each) => (each === null ? "" : match.seats[each].name)), ...texts, told].map(String);
    const header = this.headers[k], key = values.join("\n");
    if (header.dataset.shown === key) return;
    header.dataset.shown = key;
    [".name.left", ".name.right", "b.left", "b.centre", "b.right", ".tally"].forEach((place, n) => {
      const each = header.querySelector(place);
      each.textContent = values[n];
      each.classList.toggle("long", values[n].length > 3);
    });
    names.forEach((each, n) => {
      header.querySelector(["span.left", "span.right"][n]).dataset.who = each === null ? "" : each === this.me ? "me" : "other";
    });
  }

  /** The keys that matter now, as [key caps, meaning]. */
  hints() {
    const cap = (text) => Object.assign(document.createElement("kbd"), { textContent: text });
    const rows = [];
    const person = this.match.people[0];
    if (person && this.mode !== "start") {
      const names = [...this.game.actions, ...this.game.hands], seen = new Map();
      for (const [keys, action] of person.chords) if (keys.length === 1) seen.set(action, [...(seen.get(action) || []), keys[0]]);
      const named = [...seen].filter(([action, keys]) => keys.length === 1 && names[action] === keys[0]);
      for (const [action, keys] of seen) if (!named.some(([each]) => each === action)) rows.push([keys.slice(0, 3), names[action].replace(/_/g, " ")]);
      if (named.length) rows.push([[`${named[0][1][0]} – ${named[named.length - 1][1][0]}`], "choose"]);
    }
    if (this.mode === "playing" || this.mode === "counting") rows.push([["esc"], "pause"], ...(this.hasEye ? [[["v"], "agent's eye"]] : []));
    return rows.map(([keys, meaning]) => {
      const hint = document.createElement("span");
      hint.append(...keys.map((key) => cap({ up: "▲", down: "▼", left: "◀", right: "▶", space: "space" }[key] || key.toUpperCase())), meaning);
      return hint;
    });
  }

  drawEye() {
    const player = this.agentOf < 0 ? null : this.match.agentOf(this.agentOf);
    const name = player ? this.match.seats[this.agentOf].name : "";
    this.eye.show(player, name, getComputedStyle(document.body).getPropertyValue(this.agentOf === this.me ? "--me" : "--other"));
  }

  /** The participant with a network after another one; -1 where there is none at all, null after the last. */
  nextAgent(after) {
    const all = this.match.seats.flatMap((seat, k) => (seat.agent ? [k] : []));
    if (!all.length) return after === null ? -1 : null;
    return after === null ? all[0] : all.find((k) => k > after) ?? null;
  }

  /** Whether anybody plays whose eye can be opened: people and bots have no network. */
  get hasEye() {
    return this.nextAgent(null) >= 0;
  }

  /** Closed, the first agent's eye, the second one's, closed. */
  cycleEye() {
    this.agentOf = this.agentOf === -1 ? null : this.nextAgent(this.agentOf);
    document.body.classList.toggle("watched", this.agentOf !== null);
    this.resize();
    if (this.agentOf !== null) this.drawEye();
  }

  resize() {
    for (const canvas of this.canvases) {
      const side = Math.max(Math.round(canvas.clientWidth * Math.min(devicePixelRatio || 1, 2)), 16);
      if (canvas.width !== side) [canvas.width, canvas.height] = [side, side];
    }
    this.isStale = true;
  }

  // --- what people do ---

  listen() {
    const { chooser } = this;
    const start = () => (this.newMatch(chooser.participants()), this.play());
    const leave = () => (this.newMatch(chooser.demonstration()), this.show("start"));
    const actions = { play: start, resume: () => this.play(), again: () => this.restart(), menu: leave, pause: () => this.pause(),
      eye: () => this.cycleEye(), keep: () => this.keep(), swap: () => (chooser.swap(), start()), next: () => (chooser.next(), start()) };
    document.addEventListener("click", (event) => {
      const name = event.target.closest("[data-do]")?.dataset.do;
      if (name) actions[name]();
    });
    addEventListener("keydown", (event) => this.key(event, actions));
    addEventListener("keyup", (event) => this.match.people.forEach((person) => person.release(this.game.codes[event.code])));
    addEventListener("blur", () => this.match.people.forEach((person) => person.clear()));
    addEventListener("resize", () => this.resize());
    document.addEventListener("visibilitychange", () => document.hidden && this.pause());
    const stage = one("#stage");
    const playing = (event) => ["playing", "counting"].includes(this.mode) && !event.target.closest("button");
    stage.addEventListener("pointerdown", (event) => playing(event) && (event.preventDefault(), this.pointers.down(event)));
    stage.addEventListener("pointermove", (event) => {
      const before = this.pointers.spot;
      if (playing(event)) this.pointers.move(event);
      this.isStale ||= this.pointers.spot !== before;
    });
    for (const kind of ["pointerup", "pointercancel"]) addEventListener(kind, (event) => this.pointers.up(event));
  }

  /** A key: the game's while it is played, else the page's. */
  key(event, actions) {
    if (event.ctrlKey || event.metaKey) return;
    const name = this.game.codes[event.code], isPlaying = this.mode === "playing" || this.mode === "counting";
    if (isPlaying && event.key !== "Escape" && name !== undefined) {
      event.preventDefault();
      if (!event.repeat) this.match.people.forEach((person) => person.press(name));
      return;
    }
    if (event.repeat) return;
    const letter = event.key.toLowerCase();
    if (letter === "v") actions.eye();
    else if (isPlaying && ["escape", "p"].includes(letter)) this.pause();
    else if (this.mode === "paused" && letter === "escape") actions.resume();
    else if (["paused", "result"].includes(this.mode) && letter === "r") actions.again();
    else if (["paused", "result"].includes(this.mode) && (letter === "q" || (letter === "escape" && this.mode === "result"))) actions.menu();
    else if (["enter", " "].includes(letter) && !isPlaying && !event.target.closest("button, select, input")) {
      event.preventDefault();
      one(`section.${this.mode} [data-first]`)?.click();
    }
  }

  /** Offer the game as a replay's file. */
  async keep() {
    const bytes = await replayFile(this.match), link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([bytes]));
    link.download = `${this.game.name}.replay`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
}

let app;
unpack(DATA.pack, DATA.parts)
  .then((parts) => (app = new App(parts)).begin())
  .catch((error) => {
    one("#trouble").textContent = `This browser cannot show the page: ${error.message}. A newer one can.`;
    throw error;
  });
