"use strict";
// The agent's eye: what an agent sees, what it wants to do, and how sure it is of winning.

class Eye {
  /** panel: the element that it fills. */
  constructor(panel, game) {
    Object.assign(this, { panel, game, painted: null });
  }

  /** Show the last decision of an agent, in its colour. player: null where nobody has a network. */
  show(player, name, colour) {
    if (!player) {
      this.panel.innerHTML = "<h2>The agent's eye</h2><p>There is no network to look into here: people and bots decide without one.</p>";
      this.painted = null;
      return;
    }
    if (this.painted !== player) this.build(player, name, colour);
    const { latest } = player;
    if (!latest || latest === this.latest) return;
    this.latest = latest;
    this.view(player);
    this.bars(player);
    this.line(player, colour);
  }

  /** Lay the panel out for an agent. */
  build(player, name, colour) {
    const { agent } = player, { game } = this;
    [this.painted, this.latest] = [player, null];
    const rate = Math.round(LOOK.ticksPerSecond / game.frameSkip), delay = Math.round((1000 * agent.delay) / LOOK.ticksPerSecond);
    const pace = game.turns ? "It has as much time as it needs: players take turns."
      : `It acts ${delay ? `${delay} ms after it sees` : "at once"}, and decides ${rate} times a second.`;
    const title = agent.ranksActions ? "How good each move seems to it" : "What it wants to do";
    this.isContest = game.players === 2 && game.rewards === "zero-sum";
    this.panel.innerHTML = `<h2><i style="background:${colour}"></i>Inside <span></span></h2><p>${pace}</p>
      <h3>What it sees</h3><div class="frames"></div>
      <h3>${title}</h3><div class="bars"></div><p class="habit"></p>
      <h3>${this.isContest ? "How sure it is of winning" : "How much it still expects to score"}</h3>
      <canvas class="line"></canvas><p class="axis"><span>${game.turns ? "its earlier moves" : "8 seconds ago"}</span><span>now</span></p>`;
    this.panel.querySelector("h2 span").textContent = name;
    const remembers = player.network.memory.length ? " It remembers what it saw before." : "";
    this.panel.querySelector(".habit").textContent = (agent.ranksActions ? "It takes the best." : agent.temperature
      ? "It chooses by chance: a longer bar is likelier." : "It takes the longest bar.") + remembers;
    this.frames = Array.from({ length: agent.observation === "objects" ? 1 : Math.min(agent.stack, 7) }, () => document.createElement("canvas"));
    this.panel.querySelector(".frames").append(...this.frames);
    this.colour = colour;
  }

  /** The frames of its stack, the newest first and large. */
  view(player) {
    const { agent, stack } = player, size = stack.length / agent.stack;
    this.frames.forEach((canvas, age) => {
      const frame = stack.subarray(stack.length - (age + 1) * size, stack.length - age * size);
      if (agent.observation === "objects") this.objects(canvas, frame);
      else this.picture(canvas, frame, agent.size);
    });
  }

  /** Grey pixels [size, size], or planes [roles, size, size] in the colours of their roles, the ball above all. */
  picture(canvas, frame, size) {
    [canvas.width, canvas.height] = [size, size];
    const context = canvas.getContext("2d"), image = context.createImageData(size, size), area = size * size;
    const count = frame.length / area, roles = count === 1 ? [null] : [0, 1, 3, 4, 5, 6, 2];
    for (let k = 0; k < area; k++) {
      const colour = [...LOOK.palette.well];
      for (const role of roles) {
        const cover = frame[(role ?? 0) * area + k] / 255, over = role === null ? LOOK.palette.white : LOOK.colours[4 * (role + 1)];
        for (let c = 0; c < 3; c++) colour[c] += cover * (over[c] - colour[c]);
      }
      image.data.set([...colour, 255], 4 * k);
    }
    context.putImageData(image, 0, 0);
  }

  /** The objects it is told of: a row each, with a dot of its colour and bars for place and size. */
  objects(canvas, numbers) {
    const rows = Array.from({ length: this.game.shapes }, (_, k) => numbers.subarray(6 * k, 6 * k + 6)).filter((row) => row.some(Boolean));
    const high = 16;
    [canvas.width, canvas.height] = [360, Math.max(rows.length, 1) * high];
    const context = canvas.getContext("2d");
    rows.forEach((row, k) => {
      context.fillStyle = `rgb(${LOOK.colours[Math.round(row[1] * 32)] || LOOK.palette.soft})`;
      context.beginPath();
      context.arc(8, (k + 0.5) * high, 4, 0, 7);
      context.fill();
      context.fillStyle = `rgb(${LOOK.palette.soft})`;
      for (let column = 0; column < 4; column++) {
        const centre = 20 + (column + 0.5) * 85;
        context.fillRect(Math.min(centre, centre + 38 * row[2 + column]), (k + 0.3) * high, Math.max(Math.abs(38 * row[2 + column]), 1), 0.4 * high);
      }
    });
  }

  /** A bar for each action; of more than ten, the best. */
  bars({ agent, latest }) {
    const { scores, probs, legal, action } = latest, allowed = scores.filter((_, k) => legal[k]);
    const [low, high] = [Math.min(...allowed), Math.max(...allowed)];
    const places = clamp(Math.ceil(-Math.log10(Math.max(high - low, 1e-9) / 2)), 2, 4); // enough to tell them apart
    let shown = scores.map((_, k) => k);
    if (shown.length > 10) shown = shown.sort((a, b) => legal[b] - legal[a] || scores[b] - scores[a]).slice(0, 10).sort((a, b) => a - b);
    this.panel.querySelector(".bars").replaceChildren(...shown.flatMap((k) => {
      const long = agent.ranksActions ? 0.1 + (0.9 * (scores[k] - low)) / Math.max(high - low, 1e-9) : probs[k];
      const number = agent.ranksActions ? scores[k].toFixed(places) : `${Math.round(100 * probs[k])} %`;
      const [name, well, told] = ["span", "div", "span"].map((kind) => document.createElement(kind));
      name.textContent = this.game.actions[k].replace(/_/g, " ");
      told.textContent = legal[k] ? number : "no";
      well.style.setProperty("--long", legal[k] ? clamp(long, 0.01, 1) : 0);
      if (k === action) well.style.setProperty("--bar", this.colour);
      for (const each of [name, told]) each.className = k === action ? "chosen" : "";
      return [name, well, told];
    }));
  }

  /** The value over the last seconds, or moves. */
  line({ values }, colour) {
    const canvas = this.panel.querySelector(".line"), context = canvas.getContext("2d");
    const scale = devicePixelRatio || 1, [w, h] = [canvas.clientWidth * scale, canvas.clientHeight * scale];
    [canvas.width, canvas.height] = [w, h];
    this.largest = Math.max(this.largest || (this.isContest ? 0.5 : 1e-6), ...values.map(([, value]) => Math.abs(value)));
    const low = this.isContest || values.some(([, value]) => value < 0) ? -this.largest : 0;
    const now = values[values.length - 1][0], reach = this.game.turns ? 24 : 8;
    const place = ([time, value]) => [w - 6 * scale - ((w - 10 * scale) * (now - time)) / reach,
      h - 4 * scale - ((h - 8 * scale) * (value - low)) / (this.largest - low)];
    context.fillStyle = `rgb(${LOOK.palette.line})`;
    context.fillRect(0, place([0, 0])[1], w, scale);
    context.strokeStyle = colour;
    context.lineWidth = 2 * scale;
    context.beginPath();
    values.forEach((each) => context.lineTo(...place(each)));
    context.stroke();
    context.fillStyle = `rgb(${LOOK.palette.white})`;
    context.beginPath();
    context.arc(...place(values[values.length - 1]), 3 * scale, 0, 7);
    context.fill();
  }
}
