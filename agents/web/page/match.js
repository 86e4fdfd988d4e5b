"use strict";
// A match: games between participants, one after another (as ui/match.py has it). In a game of one seat, two of them race.

class Match {
  /** seats: participants {name, kind, …}, one for each seat of the game, or one or two in a game of one seat. */
  constructor(game, module, seats, seed, random) {
    Object.assign(this, { game, seats, seed });
    this.isRace = game.players === 1 && seats.length === 2;
    this.isContest = this.isRace || (game.players === 2 && game.rewards === "zero-sum");
    this.boards = (this.isRace ? seats.map((seat) => [seat]) : [seats]).map((own) => new Board(game, module, own, seed, random));
    this.wins = seats.map(() => 0);
    this.draws = 0;
    this.best = null; // where nobody can win: the best returns so far
    this.played = 0;
    this.result = null;
    this.episode = 0;
    this.begun = Date.now() / 1000;
  }

  get people() {
    return this.boards.flatMap((board) => [...board.people.values()]);
  }

  /** The returns of the participants. */
  get returns() {
    return this.isRace ? this.boards.map((board) => board.returns[0]) : this.boards[0].returns;
  }

  /** The number of the board on which a participant plays. */
  boardOf(participant) {
    return this.isRace ? participant : 0;
  }

  /** The seated agent of a participant; null for people and bots. */
  agentOf(participant) {
    return this.boards[this.boardOf(participant)].players.get(this.isRace ? 0 : participant) || null;
  }

  tick() {
    if (this.result) return;
    for (const board of this.boards) board.tick();
    if (this.boards.every((board) => board.done)) this.count();
  }

  /** Begin another game; one that is not over does not count. */
  restart() {
    this.episode++;
    this.result = null;
    this.begun = Date.now() / 1000;
    for (const board of this.boards) board.restart(this.episode);
  }

  count() {
    const { returns } = this;
    const winner = this.isContest && returns[0] !== returns[1] ? Number(returns[1] > returns[0]) : null;
    this.played++;
    if (winner !== null) this.wins[winner]++;
    else if (this.isContest) this.draws++;
    else this.best = returns.map((each, k) => Math.max(each, this.best ? this.best[k] : -Infinity));
    this.result = { winner, isLate: this.boards.some((board) => board.isOutOfTime) };
  }

  /** The result's headline and detail, and whose colour it has (null: nobody's). */
  verdict() {
    const { winner, isLate } = this.result, { returns, seats } = this;
    if (!this.isContest) {
      const best = this.played > 1 ? `   best ${this.best.slice(0, this.game.rewards === "own" ? 2 : 1).map(short).join(" – ")}` : "";
      return ["Game over", `${returns.slice(0, this.game.rewards === "own" ? 2 : 1).map(short).join(" – ")} points${best}`, null];
    }
    const [left, , right] = this.isRace ? [short(returns[0]), "", short(returns[1])] : this.boards[0].texts();
    const numbers = left && right && (left + right).length < 12 ? `${left} – ${right}` : "";
    const detail = [numbers, isLate ? "time is up" : ""].filter(Boolean).join("   ");
    if (winner === null) return ["Draw", detail, null];
    return [seats[winner].name === "You" ? "You win" : `${seats[winner].name} wins`, detail, winner];
  }
}

/** A number for people. */
function short(value) {
  return String(Number(value.toPrecision(6)));
}
