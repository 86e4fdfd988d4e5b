"use strict";
// The card on which people choose who plays whom.

class Chooser {
  constructor(game) {
    this.game = game;
    this.machines = [
      ...DATA.agents.map((agent) => ({ name: agent.title, about: agent.about, kind: "agent", agent, source: agent.source })),
      ...game.bots.map(([skill, name]) => ({ name, about: `the game's own bot, skill ${Math.round(100 * skill)} %`, kind: "bot", skill, source: `bot:${skill}` })),
    ];
    this.you = { name: "You", kind: "human" };
    this.first = -1; // the machine that plays for you; -1: you
    this.second = DATA.agents.length ? Math.min(1, DATA.agents.length - 1) : 2; // -1: alone, or a second person
    this.side = 0; // the seat of the first
    one("#title").textContent = game.heading;
    one("#rules").replaceChildren(...game.rules.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
    this.build();
  }

  /** The word for nobody in the second place. */
  get nobody() {
    return this.game.players === 1 ? "Alone" : "A second person";
  }

  build() {
    const first = one("#first");
    first.replaceChildren(new Option("You play", -1), ...this.machines.map((each, k) => new Option(`Watch ${each.name}`, k)));
    first.onchange = () => {
      this.first = Number(first.value);
      this.mark();
    };
    const agents = this.machines.flatMap((each, k) => (each.kind === "agent" ? [k] : []));
    const bots = this.machines.flatMap((each, k) => (each.kind === "bot" ? [k] : []));
    one("#agents").replaceChildren(...agents.map((k) => this.chip(k)));
    one("#bots").replaceChildren(this.chip(-1), ...bots.map((k) => this.chip(k)));
    one("#side").onclick = () => {
      this.side = 1 - this.side;
      this.mark();
    };
    one("#against").textContent = this.game.players === 1 ? "in a race with" : { shared: "together with", own: "beside" }[this.game.rewards] || "against";
    this.mark();
  }

  chip(k) {
    const chip = document.createElement("button"), machine = this.machines[k];
    chip.dataset.machine = k;
    chip.append(Object.assign(document.createElement("span"), { textContent: machine ? machine.name : this.nobody }));
    if (machine?.agent?.rating) chip.append(Object.assign(document.createElement("small"), { textContent: Math.round(machine.agent.rating) }));
    chip.title = machine ? machine.about : "";
    chip.onclick = () => {
      this.second = k;
      this.mark();
    };
    return chip;
  }

  /** Show what is chosen. */
  mark() {
    if (this.first >= 0 && this.second < 0 && this.game.players === 2) this.second = 0;
    for (const chip of document.querySelectorAll("[data-machine]")) chip.setAttribute("aria-pressed", String(Number(chip.dataset.machine) === this.second));
    one("#first").value = this.first;
    one("#about").textContent = this.machines[this.second]?.about || (this.game.players === 1 ? "Nobody races you." : "Two people at one keyboard.");
    const hasSides = this.game.players === 2;
    one("#side").hidden = !hasSides;
    if (hasSides) one("#side").textContent = `${this.first < 0 ? "You are" : `${this.machines[this.first].name} is`} ${this.game.seats[this.side]} ⇄`;
  }

  /** The participants in the order of the seats, or of the pictures of a race. */
  participants() {
    const first = this.first < 0 ? this.you : this.machines[this.first];
    let second = this.machines[this.second] || null;
    if (!second && this.game.players === 1) return [first];
    second = second || { name: "You", kind: "human" };
    return distinct(this.game, this.game.players === 2 && this.side === 1 ? [second, first] : [first, second]);
  }

  /** Two machines, for the picture behind the card. */
  demonstration() {
    const bot = (k) => this.machines.find((each) => each.kind === "bot" && each.skill >= k);
    return this.game.players === 1 ? [bot(1)] : distinct(this.game, [bot(0.5), bot(1)]);
  }

  swap() {
    this.side = 1 - this.side;
    this.mark();
  }

  /** The next machine of the row, the last one staying. */
  next() {
    const last = DATA.agents.length ? DATA.agents.length - 1 : this.machines.length - 1;
    this.second = Math.min(this.second + 1, Math.max(last, this.second));
    this.mark();
  }
}

/** Participants with different names: two people, or two of the same machine, are named after their seats. */
function distinct(game, participants) {
  if (participants.length < 2 || participants[0].name !== participants[1].name) return participants;
  const labels = game.players === 2 ? game.seats : ["left", "right"];
  const capital = (text) => text[0].toUpperCase() + text.slice(1);
  return participants.map((each, k) => ({ ...each, name: each.kind === "human" ? capital(labels[k]) : `${each.name} (${labels[k]})` }));
}
