"""Golden games: a game of bots written down for people to read, so that a change of the rules cannot go unnoticed.

`python -m tests.golden pong` writes one. Under the same VERSION it may not change.
"""

import hashlib
from pathlib import Path

import numpy as np

from games.engine.batch import RUNNING, Batch
from games.engine.loader import Game

FOLDER = Path(__file__).parent
SEED = 7
SKILLS = (0.5, 0.9)  # of the bots, by seat
EVERY = 60  # ticks between lines; in turns each ply has one
MOST_LINES = 60


def path(game: Game) -> Path:
    return FOLDER / f"{game.name}.txt"


def command(game: Game) -> str:
    """What writes a game's golden game."""
    return f"python -m tests.golden {game.name}"


def version(text: str) -> int:
    """The VERSION that a golden game was played under."""
    return int(text.splitlines()[0].rsplit(" ", 1)[1])


def state_hash(state: np.void) -> str:
    """Twelve digits that depend on every field of a state."""
    digest = hashlib.sha256()
    for name in state.dtype.names:
        digest.update(name.encode() + np.ascontiguousarray(state[name]).astype(state[name].dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()[:12]


def letters(game: Game) -> str:
    """A letter for each action: its first, where those differ, else a, b, c."""
    firsts = "".join(action[0] for action in game.actions)
    return firsts if len(set(firsts)) == len(firsts) else "abcdefghijklmnopqrstuvwxyz"[: len(firsts)]


def told(game: Game, actions: list[list[int]]) -> str:
    """What each seat did: in turns the action's name, else a letter a decision."""
    if game.turns:
        return "  ".join(f"seat {k}: {game.actions[row[k]]}" for row in actions for k in range(game.players) if row[k] >= 0)
    return "  ".join("".join(letters(game)[row[seat]] for row in actions) for seat in range(game.players))


def golden_game(game: Game) -> str:
    """The text of a game's golden game."""
    batch = Batch(game, 1, SEED, bots=SKILLS[: game.players])
    bots = " against ".join(f"bot:{skill}" for skill in SKILLS[: game.players])
    lines = [f"{game.heading}, version {game.version}", f"seed {SEED}, {bots}; made by: {command(game)}"]
    if not game.turns:
        lines.append(
            "actions: " + ", ".join(f"{letter} {name}" for letter, name in zip(letters(game), game.actions, strict=True))
        )
    lines += ["", f"  tick  {'score':24s}  state         actions since"]
    actions: list[list[int]] = []
    while len(lines) < MOST_LINES:
        batch.step(np.zeros((1, game.players), np.int64), max_ticks=1)
        over = batch.end[0] != RUNNING
        state = (batch.final if over else batch.states)[0]
        if game.turns or (state["tick"] - 1) % game.frame_skip == 0:
            actions.append(batch.slots["acting"][0].tolist())
        if over or game.turns or state["tick"] % EVERY == 0:
            score = " | ".join(text for text in game.hud(batch.record(final=over)) if text)
            lines.append(f"{state['tick']:6d}  {score:24s}  {state_hash(state)}  {told(game, actions)}".rstrip())
            actions = []
        if over:
            returns = ", ".join(f"{earned:g}" for earned in batch.returns[0])
            lines.append(f"{('over', 'out of time')[batch.end[0] - 1]}: returns {returns}")
            break
    return "\n".join(lines) + "\n"
