"use strict";
// Sixty ticks a second, whatever the screen's own rate is: tick n is due n / 60 seconds after the start.

const MOST_DUE = 4; // ticks that one frame makes up for; the rest are dropped, as after a hitch

class Clock {
  constructor(rate) {
    this.rate = rate;
    this.dropped = 0;
    this.restart(0);
  }

  restart(now) {
    [this.start, this.done] = [now, 0];
  }

  /** The number of ticks that are due since the last call. now: milliseconds. */
  due(now) {
    const due = Math.floor(((now - this.start) * this.rate) / 1000 + 1e-6) - this.done;
    this.done += Math.max(due, 0);
    this.dropped += Math.max(due - MOST_DUE, 0);
    return Math.min(Math.max(due, 0), MOST_DUE);
  }
}
