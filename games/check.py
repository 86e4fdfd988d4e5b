"""What every game must pass: `python -m games.check pong ./my_game.py` (no name: all that ship).

A check is a function of a loaded game that raises `Failed` with what is wrong and where. `CHECKS` lists them; each is
known to fail on a game broken on purpose (`tests/games/test_check.py`).
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import games
from games import core
from games.batch import EXTERNAL, HELD_OUT, OVER, RANDOM, RUNNING, Batch
from games.errors import UserError, nearest
from games.game import Game
from games.view import View

# People's picture, averaged down in the agents' grey tones, against the agents' pixels: the largest differences allowed.
PICTURE_MEAN = 1.0  # grey levels of 255, over all pixels of a frame
PICTURE_LARGEST = 64.0  # in any one pixel: where two shapes share one, its parts are blended, 255 / 4 at most

NEAR = 21.0  # world units: a shape lies inside the world or at most so far outside
MIRROR_GAMES = 2000  # of the bot against itself
BOT_GAMES = 300  # of the bot against chance
SIGMAS = 3.0
SOLVED = 10_000  # levels that a solver looks at
PLAIN_SECONDS = 4.0  # of play in plain Python; what was played by then is compared
PATIENCE = 120.0  # seconds for a process of its own
MOST_DRAWS = 1_000_000  # of the random stream between two decisions

COMMON = tuple(name for name, _ in core.COMMON)


def fields(array: np.ndarray | np.void) -> tuple[str, ...]:
    """The names of a state's fields."""
    return array.dtype.names or ()


def changed(one: np.ndarray | np.void, other: np.ndarray | np.void) -> list[str]:
    """The fields in which two states differ."""
    return [name for name in fields(one) if one[name].tobytes() != other[name].tobytes()]


class Failed(Exception):
    """What is wrong, and where: one line."""


@dataclass
class Result:
    """One check of one game."""

    check: str  # a key of CHECKS
    title: str
    ok: bool
    problem: str = ""  # what is wrong and where
    note: str = ""  # what a check that holds has to say: a figure, or why it had nothing to do
    seconds: float = 0.0


@dataclass
class Check:
    title: str
    run: Callable[[Game], str | None]  # a note, or None; raises Failed
    vital: bool = False  # where it fails the others cannot be tried


CHECKS: dict[str, Check] = {}
TASKS: dict[str, Callable[..., dict[str, np.ndarray]]] = {}  # what a check does in a process of its own


def promise(title: str, vital: bool = False):
    """Enter a function into CHECKS."""

    def enter(function):
        CHECKS[function.__name__] = Check(title, function, vital)
        return function

    return enter


def task(function):
    """Enter a function into TASKS."""
    TASKS[function.__name__] = function
    return function


def check(game: Game, only: str | None = None) -> list[Result]:
    """Every check of CHECKS on a game, or the one named `only`."""
    return list(run_checks(game, [only] if only else list(CHECKS)))


def run_checks(game: Game, names: list[str]) -> Iterator[Result]:
    """The results of the checks of these names, each as soon as it is known; the last is a vital one that fails."""
    for name in names:
        began = time.perf_counter()
        result = Result(name, CHECKS[name].title, True)
        try:
            result.note = CHECKS[name].run(game) or ""
        except Failed as failed:
            result.ok, result.problem = False, str(failed)
        except Exception as error:  # a game may raise anything: that is what is wrong with it
            result.ok, result.problem = False, describe(error)
        result.seconds = time.perf_counter() - began
        yield result
        if CHECKS[name].vital and not result.ok:
            return


def describe(error: BaseException) -> str:
    """An exception in one line: what it is, and the last place of it; of numba's, what does not compile."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{last.name}, {Path(last.filename).name} line {last.lineno}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if type(error).__module__.startswith("numba"):
        lines = [line for line in lines if not line.startswith(("Failed in nopython", "-", ">>>", "File", "During: Pass"))]
        place = next((line for line in lines if line.startswith("During: ") and ".py (" in line), place)
    return f"{type(error).__name__}: {lines[0] if lines else ''} ({place})"


# --- playing, so that it can be repeated ----------------------------------------------------------------------------


def world_masks(batch: Batch) -> np.ndarray:
    """uint8 [N, P, A]: what each seat may try, in world words."""
    n, p = batch.num_envs, batch.game.players
    masks = np.zeros((n * p, batch.game.num_actions), np.uint8)
    envs, seats = np.repeat(np.arange(n), p), np.tile(np.arange(p), n)
    batch.kernel.mask_slice(0, n * p, batch.states, batch.slots, envs, seats, masks)
    return masks.reshape(n, p, -1)


def pick(masks: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """The legal action that a number in [0, 1) falls on; 0 where there is none. [..., A], [...] → int64 [...]."""
    nth = (chance * masks.sum(-1)).astype(np.int64)
    return (masks.cumsum(-1) > nth[..., None]).argmax(-1)


PAINTED = {"pixels": 42, "planes": 14, "objects": 14}  # and how large


class Play:
    """Environments whose seats act at random, some of them against a bot or against chance; what happened is kept.

    The play of an environment depends on its number alone, not on which others there are.
    """

    KINDS = 4  # of environments: all seats are the caller's, one is a bot's, one is chance's, one is a better bot's

    def __init__(self, game: Game, ids: Any = 8, seed: int = 1, threads: int = 1, pictures: int = 10):
        """pictures: frames are painted every so many decisions; 0: never."""
        self.game, self.pictures = game, pictures
        self.ids = np.arange(ids) if isinstance(ids, int) else np.asarray(ids)
        bots = np.full((len(self.ids), game.players), EXTERNAL)
        kind = self.ids % self.KINDS
        bots[kind == 1, 0] = 0.5
        bots[kind == 2, -1] = RANDOM
        bots[kind == 3, -1] = 0.9
        self.batch = Batch(game, len(self.ids), seed, bots=bots, env_ids=self.ids, threads=threads)
        self.dice = np.stack([np.random.default_rng((77, int(i))).random((1024, game.players)) for i in self.ids])
        rows = [(e, s) for e in range(len(self.ids)) for s in range(game.players)]
        self.views = [View(self.batch, rows, kind, size, 1) for kind, size in PAINTED.items() if pictures]
        self.count = 0
        self.kept: dict[str, list[np.ndarray]] = {}

    def step(self) -> None:
        batch = self.batch
        masks = world_masks(batch)
        actions = pick(masks, self.dice[:, self.count % 1024])
        limit = None
        if self.game.hands:  # people's own actions fall on seats that are not asked
            limit = 7
            idle = (batch.asked == 0) & (batch.bots == EXTERNAL)
            by_hand = (self.dice[:, (self.count + 512) % 1024] * len(self.game.hands)).astype(np.int64)
            actions = np.where(idle, self.game.num_actions + by_hand, actions)
            batch.asked[idle] = 1
        batch.step(actions, limit)
        self.count += 1
        keep = {"states": batch.states, "reward": batch.rewards, "end": batch.end, "mask": masks}
        keep["action"] = batch.slots["acting"]
        if self.pictures and self.count % self.pictures == 0:
            for view in self.views:
                keep[view.observation] = view.paint(batch.states, view.envs, view.seats)
        for name, array in keep.items():
            self.kept.setdefault(name, []).append(array.copy())

    def go(self, decisions: int, seconds: float = 1e9) -> dict[str, np.ndarray]:
        """Play on; everything kept since the last call, [decisions, N, …] each. Stops after so many seconds."""
        self.kept = {}
        until = time.perf_counter() + seconds
        for _ in range(decisions):
            self.step()
            if time.perf_counter() > until:
                break
        return {name: np.stack(arrays) for name, arrays in self.kept.items()}


def columns(kept: dict[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """Name and bytes [T, N, …] of every array that play keeps, and of every field of the states."""
    for name, array in kept.items():
        if array.dtype.names:
            for field in fields(array):
                yield f"the field {field}", as_bytes(array[field])
        else:
            yield f"the {name}", as_bytes(array)


def as_bytes(array: np.ndarray) -> np.ndarray:
    """uint8 [T, N, bytes]: NaN equals NaN, and -0.0 is not 0.0."""
    array = np.ascontiguousarray(array)
    return array.view(np.uint8).reshape(*array.shape[:2], -1)


def must_agree(one: dict[str, np.ndarray], other: dict[str, np.ndarray], between: str, pictures: int = 10) -> None:
    """`Failed` names the first decision, environment and field in which two plays differ."""
    first: tuple[int, str] | None = None
    for (name, a), (_, b) in zip(columns(one), columns(other), strict=True):
        if a.shape != b.shape:
            raise Failed(f"{between}: {name} has another shape")
        differ = np.argwhere((a != b).any(-1))
        if len(differ):
            painted = name.removeprefix("the ") in PAINTED
            decision = int(differ[0, 0]) * (pictures if painted else 1)
            place = f"{'row' if painted else 'environment'} {differ[0, 1]}"
            if first is None or decision < first[0]:
                first = (decision, f"{name} differs at decision {decision}, {place}")
    if first:
        raise Failed(f"{between}: {first[1]}")


# --- processes of their own -----------------------------------------------------------------------------------------


def elsewhere(game: Game, name: str, given: bytes = b"", plain: bool = False) -> dict[str, np.ndarray]:
    """Run a task of TASKS on a game in another process (`plain`: as plain Python) and give its arrays."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")])}
    env["NUMBA_DISABLE_JIT"] = "1" if plain else "0"
    with tempfile.TemporaryDirectory(prefix="sparring-check-") as folder:
        out = Path(folder, "out.npz")
        Path(folder, "in").write_bytes(given)
        command = [sys.executable, "-m", "games.check", "--child", name, folder, str(game.path)]
        try:
            done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE)
        except subprocess.TimeoutExpired as late:
            raise Failed(f"still at work after {PATIENCE:.0f} s: a loop without an end?") from late
        if done.returncode == FAILED_CHILD:
            raise Failed(done.stderr.strip().splitlines()[-1])
        if done.returncode or not out.exists():
            said = done.stderr.strip().splitlines()
            raise Failed(f"the process died (exit {done.returncode}): {said[-1] if said else 'it said nothing'}")
        with np.load(out, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}


FAILED_CHILD = 3  # exit code of a child that has found what is wrong


def child(name: str, folder: Path, path: str) -> int:
    """The other end of `elsewhere`."""
    if core.PLAIN:
        np.seterr(over="raise")
    try:
        arrays = TASKS[name](games.load(path), Path(folder, "in").read_bytes())
    except Failed as failed:
        print(failed, file=sys.stderr)
        return FAILED_CHILD
    except Exception as error:  # a game may raise anything: that is what is wrong with it
        print(describe(error), file=sys.stderr)
        return FAILED_CHILD
    np.savez(Path(folder, "out.npz"), **arrays)  # type: ignore[arg-type]
    return 0


# --- the file -------------------------------------------------------------------------------------------------------


@promise("names, keys and places are in order")
def contract(game: Game) -> str | None:
    """What can be said of a game without playing it."""
    if len(game.doc.splitlines()) < 3:
        raise Failed("the docstring needs three lines: rule, reward, end")
    every = [*game.actions, *game.hands]
    if len(set(every)) < len(every):
        raise Failed("ACTIONS and HANDS name an action twice")
    if len(game.seats) != game.players:
        raise Failed(f"SEATS holds {len(game.seats)} names; it needs {game.players}")
    mirrored = [action for pair in game.mirror or () for action in pair]
    if len(set(mirrored)) < len(mirrored):
        raise Failed("MIRROR names an action twice")
    if game.mirror is not None and game.players == 1:
        raise Failed("MIRROR is for games of two seats")
    if game.turns and not game.has_asks:
        raise Failed("TURNS needs the function asks")
    if not (1 <= game.frame_skip <= 60 and game.max_ticks >= game.frame_skip):
        raise Failed(f"FRAME_SKIP {game.frame_skip} is from 1 to 60, and MAX_TICKS no less")
    if game.hands and not game.has_asks:
        raise Failed("HANDS are for games with asks: elsewhere people and agents act alike")
    check_spots(game)
    return check_keys(game)


def check_spots(game: Game) -> None:
    """SPOTS: for each action a rectangle (left, top, width, height) of the world, or None."""
    if game.spots is None:
        return
    spots = dict(game.spots) if isinstance(game.spots, dict) else dict(zip(game.actions, game.spots, strict=False))
    if not isinstance(game.spots, dict) and len(game.spots) != game.num_actions:
        raise Failed(f"SPOTS holds {len(game.spots)} rectangles; ACTIONS has {game.num_actions}")
    for action, spot in spots.items():
        if action not in [*game.actions, *game.hands]:
            raise Failed(f"SPOTS names the action {action!r}, which ACTIONS does not have")
        if spot is None:
            continue
        x, y, w, h = spot
        if min(x, y) < 0 or min(w, h) <= 0 or max(x + w, y + h) > core.WORLD:
            raise Failed(f"the SPOT of {action!r}, {tuple(spot)}, does not lie in the world")


def check_keys(game: Game) -> str | None:
    """KEYS: names that Pygame knows; in turns two people may share them, at the same time they cannot."""
    used = [key for keys in game.keys for key in keys]
    for key in used:
        if used.count(key) > 1 and not game.turns:
            raise Failed(f"KEYS gives {key!r} to both seats")
    try:
        import pygame
    except ImportError:
        return "keys' names not looked at: Pygame is not installed"
    with warnings.catch_warnings():  # names are known before pygame.init, which it remarks on
        warnings.simplefilter("ignore")
        known = {pygame.key.name(getattr(pygame, name), use_compat=True) for name in dir(pygame) if name.startswith("K_")}
    for key in used:
        if key not in known:
            hint = nearest(key, {k for k in known if k.isalpha()}).split("Known")[0].strip()
            raise Failed(f"KEYS names the key {key!r}, which Pygame does not know. {hint}")
    return None


@task
def begin(game: Game, given: bytes) -> dict[str, np.ndarray]:
    return Play(game, pictures=0).go(DECISIONS // 4)


@promise("it compiles, begins and asks somebody", vital=True)
def begins(game: Game) -> None:
    """In a process of its own: a loop without an end, or an index out of range, would take this one with it."""
    elsewhere(game, "begin")


# --- one seed, one game ---------------------------------------------------------------------------------------------

DECISIONS = 400


def contents(states: np.ndarray) -> np.ndarray:
    """uint8 [N, bytes]: the game's own fields."""
    own = [as_bytes(states[name][None])[0] for name in fields(states) if name not in COMMON]
    return np.concatenate(own, axis=1)


@task
def play(game: Game, given: bytes) -> dict[str, np.ndarray]:
    return Play(game).go(DECISIONS)


@promise("same seed, same bytes, in another process too")
def repeats(game: Game) -> str | None:
    """Whole episodes; another seed gives others, and an episode does not depend on those before it."""
    player = Play(game)
    one = player.go(DECISIONS)
    must_agree(one, Play(game).go(DECISIONS), "the same seed twice in one process")
    must_agree(one, elsewhere(game, "play"), "the same seed in another process")
    other = Play(game, seed=2, pictures=0).go(DECISIONS)
    if (contents(one["states"][:, 0]) == contents(other["states"][:, 0])).all():
        raise Failed("another seed plays the same games")
    check_openings(player, one)
    ends = int((one["end"] != RUNNING).sum())
    return f"{ends} episodes" if ends else f"none of them ended in {DECISIONS} decisions"


def check_openings(player: Play, kept: dict[str, np.ndarray]) -> None:
    """Episode 1 begins as it does where no episode 0 was played."""
    fresh = Play(player.game)
    fresh.batch.reset(episode=1)
    for env in range(player.batch.num_envs):
        ends = np.flatnonzero(kept["end"][:, env] != RUNNING)
        if len(ends):
            for field in changed(kept["states"][ends[0], env], fresh.batch.states[env]):
                raise Failed(f"the field {field} at the start of an episode depends on the episode before it")


@task
def resume(game: Game, given: bytes) -> dict[str, np.ndarray]:
    player = Play(game, pictures=0)
    player.batch.restore(given)
    player.count = DECISIONS // 4
    return player.go(DECISIONS // 4)


@promise("a snapshot goes on identically, in another process too")
def resumes(game: Game) -> None:
    player = Play(game, pictures=0)
    player.go(DECISIONS // 4)
    snapshot = player.batch.snapshot()
    on = player.go(DECISIONS // 4)
    must_agree(on, resume(game, snapshot), "restored in the same process")
    must_agree(on, elsewhere(game, "resume", snapshot), "restored in another process")


@task
def poisoned(game: Game, given: bytes) -> dict[str, np.ndarray]:
    player = Play(game, pictures=0)
    for array in (player.batch.states, player.batch.final):
        array.view(np.uint8)[:] = 0xAB
    player.batch.reset()
    return player.go(DECISIONS // 4)


@promise("a start leaves nothing behind")
def clean_start(game: Game) -> None:
    """Where the record was full of rubbish before `build` and `reset`, nothing is different."""
    clean = Play(game, pictures=0).go(DECISIONS // 4)
    must_agree(clean, elsewhere(game, "poisoned"), "begun in a record full of rubbish")


@promise("a batch is its environments one by one, on any number of threads")
def batches(game: Game) -> None:
    together = Play(game, ids=7)
    kept = together.go(DECISIONS // 4)
    for threads in (2, 3):
        player = Play(game, ids=7, threads=threads)
        must_agree(kept, player.go(DECISIONS // 4), f"on {threads} threads")
        player.batch.close()
    for env in range(7):
        alone = Play(game, ids=[env]).go(DECISIONS // 4)
        rows = {name: game.players if name in PAINTED else 1 for name in kept}  # of each environment
        mine = {name: array[:, env * rows[name] : (env + 1) * rows[name]] for name, array in kept.items()}
        must_agree(mine, alone, f"environment {env} of 7 played alone")


@task
def play_plain(game: Game, given: bytes) -> dict[str, np.ndarray]:
    return Play(game, ids=4, pictures=5).go(200, PLAIN_SECONDS)


@promise("compiled equals plain Python")
def plain(game: Game) -> str:
    slow = elsewhere(game, "play_plain", plain=True)
    decisions = len(slow["states"])
    if decisions < 20:
        raise Failed(f"plain Python is too slow to compare: {decisions} decisions in {PLAIN_SECONDS:.0f} s")
    must_agree(Play(game, ids=4, pictures=5).go(decisions), slow, "compiled and plain Python", pictures=5)
    return f"{4 * decisions} decisions"


@promise("only uniform moves the random stream")
def stream(game: Game) -> None:
    """splitmix64 adds an odd constant for each number drawn: what was drawn can be counted from the state."""
    inverse = pow(core.GOLDEN, -1, 2**64)
    rng = Play(game, pictures=0).go(DECISIONS // 2)
    moves = rng["states"]["rng"][1:] - rng["states"]["rng"][:-1]
    for t, env in np.argwhere(rng["end"][1:] == RUNNING):
        if int(moves[t, env]) * inverse % 2**64 > MOST_DRAWS:
            raise Failed(f"rng was written by something else than uniform, decision {t + 1}, environment {env}")


def decisions_of(game: Game, seconds: float, seed: int = 3) -> Iterator[Batch]:
    """A batch of one, played at random, stopped at each tick at which some seat is asked."""
    batch = Batch(game, 1, seed)
    dice = np.random.default_rng(seed)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        yield batch
        masks = world_masks(batch)
        batch.step(pick(masks, dice.random(masks.shape[:2])))


@task
def look(game: Game, given: bytes) -> dict[str, np.ndarray]:
    """Plain Python only: the game's functions, called one by one, must leave the state as it is."""
    count = 0
    for batch in decisions_of(game, PLAIN_SECONDS / 2):
        look_at(game, batch)
        count += 1
        if count == DECISIONS:
            break
    return {"count": np.array(count)}


def look_at(game: Game, batch: Batch) -> None:
    """Call everything that looks at a state, with every seat."""
    before, s = batch.states.copy(), batch.record()

    def unchanged(what: str) -> None:
        if batch.states.tobytes() != before.tobytes():
            raise Failed(f"{what} changes {', '.join(changed(batch.states, before))}")

    frames, mask = np.zeros(1, game.frame_dtype()), np.ones(game.num_actions, np.uint8)
    for seat in range(-1, game.players):
        for people in (0, 1):
            batch.kernel.frame_slice(0, 1, batch.states, np.zeros(1, int), np.full(1, seat), frames, people)
        unchanged(f"draw for seat {seat}")
    for seat in range(game.players):
        game.functions["asks"](s, seat)
        unchanged("asks")
        mask[:] = 1
        game.functions["legal"](s, seat, mask)
        unchanged("legal")
        for skill in (0.0, 0.5, 1.0) if batch.asked[0, seat] else ():
            action = game.functions["bot"](s, seat, skill)
            unchanged("bot")
            if not 0 <= action < game.num_actions or not mask[int(action)]:
                raise Failed(f"the bot of skill {skill} plays {action} for seat {seat}, which is not legal (tick {s.tick})")
    check_hud(game.hud(s))
    unchanged("hud")


def check_hud(texts: Any) -> None:
    if not (isinstance(texts, tuple) and len(texts) == 3 and all(isinstance(text, str) for text in texts)):
        raise Failed(f"hud gives {texts!r}; it needs three texts: left, middle, right")


@promise("looking changes nothing: draw, asks, legal, bot, hud; the bot's choice is legal")
def quiet(game: Game) -> str:
    return f"{elsewhere(game, 'look', plain=True)['count']} decisions"


# --- the picture ----------------------------------------------------------------------------------------------------


@promise("frames fit, are finite and change")
def frames(game: Game) -> str:
    player = Play(game, ids=6, pictures=0)
    n, seats = player.batch.num_envs, range(-1, game.players)
    envs, who = np.repeat(np.arange(n), len(seats)), np.tile(np.array(seats), n)
    lists = {people: np.zeros(len(envs), game.frame_dtype()) for people in (0, 1)}
    kinds: dict[tuple[int, int], int] = {}
    most = 0
    first = None
    moved = np.zeros(len(envs), bool)
    for _ in range(DECISIONS // 4):
        for people, display in lists.items():
            player.batch.kernel.frame_slice(0, len(envs), player.batch.states, envs, who, display, people)
        for k in range(len(envs)):
            most = max(most, check_frame(game, lists[0][k], lists[1][k], int(who[k]), kinds))
        picture = [(f["kind"].tobytes(), f["xy"].tobytes(), f["code"].tobytes(), f["grid"].tobytes()) for f in lists[0]]
        if first is None:
            first = picture
            blank = [k for k in range(len(envs)) if is_blank(lists[0][k], game)]
            if blank:
                raise Failed(f"the first frame of seat {who[blank[0]]} is blank")
        moved |= np.array([a != b for a, b in zip(picture, first, strict=True)])
        player.step()
    if not moved.all():
        raise Failed(f"the picture of seat {who[np.argmin(moved)]} never changes")
    return f"{most} of {game.shapes} shapes"


def is_blank(f: np.void, game: Game) -> bool:
    return not f["kind"][: f["count"]].any() and not (game.grid and f["grid"].any())


def check_frame(game: Game, f: np.void, with_decor: np.void, seat: int, kinds: dict[tuple[int, int], int]) -> int:
    """One seat's frame, as agents and as people get it; the number of its shapes. `kinds`: what each row has held."""
    count = int(f["count"])
    if count > game.shapes:
        raise Failed(f"draw emits {count} shapes for seat {seat}; SHAPES is {game.shapes}")
    if with_decor["count"] > len(f["kind"]):
        raise Failed(f"draw emits {with_decor['count']} shapes for people; SHAPES and {core.DECOR_ROOM} of decor fit")
    shown = (with_decor["code"] // 4 != core.DECOR // 4)[: with_decor["count"]]
    for part in ("kind", "code", "xy"):
        here = with_decor["kind"][: with_decor["count"]][shown]
        used = [relevant(int(kind)) if part == "xy" else 1 for kind in here]
        people = [with_decor[part][: with_decor["count"]][shown][k].flat[: used[k]] for k in range(len(here))]
        agents = [f[part][k].flat[: used[k]] for k in range(min(count, len(here)))]
        if len(here) != count or any((a != b).any() for a, b in zip(agents, people, strict=True)):
            raise Failed(f"seat {seat}: without decor, people's frame is not the agent's")
    for k in range(count):
        kind, code = int(f["kind"][k]), int(f["code"][k])
        if kind == core.GONE:
            continue
        if kinds.setdefault((seat, k), kind) != kind:
            raise Failed(f"seat {seat}: shape {k} is of two kinds in turn; emit gone(f) for what is absent")
        if not 4 <= code < core.DECOR:
            raise Failed(f"seat {seat}: shape {k} has the role {code}; a role is from ME to GOAL, and a tone 0 to 3")
        check_place(f["xy"][k], kind, f"seat {seat}: shape {k}")
    tiles = np.unique(f["grid"]) if game.grid else np.zeros(0)
    if any(tile and not 4 <= tile < core.DECOR for tile in tiles):
        raise Failed(f"seat {seat}: a tile has the role {tiles.max()}; a role is from ME to GOAL, and a tone 0 to 3")
    return count


def relevant(kind: int) -> int:
    """How many of a shape's numbers count."""
    return (0, 4, 3, 5, 6)[kind]


def check_place(xy: np.ndarray, kind: int, where: str) -> None:
    """A shape's numbers are finite and its box lies in the world or near it."""
    numbers = xy[: relevant(kind)]
    if not np.isfinite(numbers).all():
        raise Failed(f"{where} is not finite: {numbers.tolist()}")
    if kind == core.RECT:
        x0, y0, w, h = numbers
        x1, y1 = x0 + w, y0 + h
    elif kind == core.DISC:
        x, y, w = numbers
        h = w
        x0, y0, x1, y1 = x - w, y - w, x + w, y + w
    else:
        xs, ys = (numbers[0:4:2], numbers[1:4:2]) if kind == core.LINE else (numbers[0::2], numbers[1::2])
        x0, x1, y0, y1 = xs.min(), xs.max(), ys.min(), ys.max()
        w = h = numbers[4] if kind == core.LINE else 0.0
    if w < 0 or h < 0:
        raise Failed(f"{where} has a size below 0: {numbers.tolist()}")
    if min(x1, y1) < -NEAR or max(x0, y0) > core.WORLD + NEAR:
        raise Failed(f"{where} lies far outside the world: {numbers.tolist()}")


@promise("what people see, averaged down in grey, is what agents see")
def picture(game: Game) -> str:
    """Pygame's picture, painted eight times as large, against the agents' pixels: two programs, one display list."""
    try:
        from games.window import Painter
    except ImportError:
        return "not looked at: Pygame is not installed"
    painter = Painter(game)
    player = Play(game, ids=2, pictures=0)
    view = View(player.batch, [(env, seat) for env in range(2) for seat in range(game.players)], "pixels", 42, 1)
    envs, seats = view.envs, view.seats
    display = np.zeros(len(envs), game.frame_dtype())
    means, largest = [], 0.0
    for moment in range(6):
        player.batch.kernel.frame_slice(0, len(envs), player.batch.states, envs, seats, display, 1)
        pixels = view.paint(player.batch.states, envs, seats).astype(float)
        for row in range(len(envs)):
            off = abs(painter.grey_picture(display[row : row + 1], pixels.shape[-1]) - pixels[row])
            means.append(off.mean())
            largest = max(largest, off.max())
            if off.mean() > PICTURE_MEAN or off.max() > PICTURE_LARGEST:
                y, x = np.unravel_index(off.argmax(), off.shape)
                raise Failed(
                    f"seat {seats[row]}: people's picture is off by {off.mean():.2f} on average and {off.max():.0f} at "
                    f"column {x}, row {y} of {len(off)} (decision {20 * moment})"
                )
        for _ in range(20):
            player.step()
    return f"off by {np.mean(means):.2f} of 255 on average, {largest:.0f} at most"


# --- rules ----------------------------------------------------------------------------------------------------------


@promise("every seat asked may do something, and is asked in every episode")
def masks(game: Game) -> None:
    player = Play(game, ids=np.arange(8) * Play.KINDS, pictures=0)  # every seat is the caller's
    batch = player.batch
    times = np.zeros(batch.asked.shape, np.int64)
    for decision in range(DECISIONS):
        masks = world_masks(batch)
        asked = batch.asked == 1
        if (masks > 1).any():
            raise Failed(f"legal writes {masks.max()}; a mask holds 0 and 1 (decision {decision})")
        stuck = np.argwhere(asked & (masks.sum(-1) == 0))
        if len(stuck):
            raise Failed(f"seat {stuck[0, 1]} is asked and may do nothing (decision {decision}, environment {stuck[0, 0]})")
        times += asked
        player.step()
        for env in np.flatnonzero(batch.end):
            if not times[env].all():
                raise Failed(f"seat {times[env].argmin()} is never asked in an episode (environment {env})")
            times[env] = 0


@task
def try_the_impossible(game: Game, given: bytes) -> dict[str, np.ndarray]:
    """Plain Python only, where an index that is too large raises: copies of one environment, each trying something."""
    beyond = game.num_actions + len(game.hands)
    copies = 5  # 0 goes on; 1 does nothing; the others try what cannot be done
    batch = Batch(game, copies, 4, env_ids=np.zeros(copies, int), frame_skip=1)
    dice = np.random.default_rng(4)
    until = time.perf_counter() + PLAIN_SECONDS / 2
    count = 0
    while time.perf_counter() < until and count < 4 * DECISIONS:
        masks = world_masks(batch)
        actions = pick(masks, dice.random(masks.shape[:2]))
        actions[1], actions[2], actions[3] = -1, beyond, 99 + beyond
        actions[4] = forbidden(masks[4], dice, -1 if game.has_asks else 0)
        before = batch.states[1].copy()
        batch.step(actions, 1)
        for copy in range(2, copies):
            check_same_as_none(batch, copy, actions[copy])
        if game.turns and batch.end[1] == RUNNING:
            check_time_stands_still(before, batch.states[1])
        batch.states[:], batch.slots[:] = batch.states[0], batch.slots[0]
        count += 1
    check_finite(only_impossible(game))
    return {"count": np.array(count)}


def forbidden(masks: np.ndarray, dice: np.random.Generator, none: int) -> np.ndarray:
    """For each seat an action that its mask forbids; where there is none, `none`."""
    choice = pick(1 - masks, dice.random(len(masks)))
    return np.where(masks.all(-1), none, choice)


def check_same_as_none(batch: Batch, copy: int, action: np.ndarray) -> None:
    """What cannot be done is none: the state is the one that -1 leads to."""
    ends = batch.end[copy], batch.end[1]
    states = batch.states if ends == (RUNNING, RUNNING) else batch.final
    differ = changed(states[copy], states[1])
    if ends[0] != ends[1] or differ or (batch.slots[copy]["reward"] != batch.slots[1]["reward"]).any():
        what = f"changes {', '.join(differ)}" if differ else "is rewarded or ends the game"
        kind = "masked or idle" if copy == 4 else "impossible"
        raise Failed(f"the {kind} actions {action.tolist()} are not treated as none: that {what} (tick {states[1]['tick']})")


def check_time_stands_still(before: np.void, after: np.void) -> None:
    for field in changed(before, after):
        if field != "tick":
            raise Failed(f"TURNS: the field {field} changes while a seat that is asked has not answered")


def only_impossible(game: Game) -> np.ndarray:
    """The states after play in which nobody ever does anything possible, and hands are moved by chance."""
    batch = Batch(game, 2, 5)
    dice = np.random.default_rng(5)
    beyond = game.num_actions + len(game.hands)
    for _ in range(DECISIONS):
        actions = np.full(batch.asked.shape, beyond)
        if game.hands:
            batch.asked[1] = 1
            actions[1] = dice.integers(game.num_actions, beyond, game.players)
        batch.step(actions, 4)
    return batch.states


def check_finite(states: np.ndarray) -> None:
    for field in fields(states):
        if states[field].dtype.kind == "f" and not np.isfinite(states[field]).all():
            raise Failed(f"the field {field} is not finite after impossible actions")


@promise("an impossible action is treated as none")
def impossible(game: Game) -> str:
    return f"{elsewhere(game, 'try_the_impossible', plain=True)['count']} ticks"


@promise("rewards are finite, and those of two seats add up to 0 at every tick")
def zero_sum(game: Game) -> str | None:
    bots = np.full((32, game.players), RANDOM)
    bots[8:16] = 0.5
    bots[16:24, -1] = 0.2
    batch = Batch(game, 32, 6, bots=bots)
    earned = False
    for tick in range(min(game.max_ticks, 6000)):
        batch.step(np.zeros(bots.shape, np.int64), 1)
        so_far = np.where(batch.end[:, None] == RUNNING, batch.slots["returns"], batch.returns)  # of the episode
        if not np.isfinite(so_far).all():
            raise Failed(f"a reward is not finite at tick {tick}")
        off = np.flatnonzero(abs(so_far.sum(-1)) > 1e-9)
        if game.players == 2 and len(off):
            raise Failed(f"the returns are {so_far[off[0]].tolist()} after tick {tick} (environment {off[0]}): not 0 in all")
        earned |= bool(so_far.any())
    if not earned:
        raise Failed("nobody ever earns anything")
    return None if game.players == 2 else "one seat"


# --- the bot --------------------------------------------------------------------------------------------------------


def episodes(game: Game, bots: Any, count: int, seed: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """The first episodes of `count` environments with scripted seats: returns [count, P], and how they ended [count]."""
    batch = Batch(game, count, seed, bots=bots, threads=2)
    returns = np.zeros((count, game.players))
    end = np.zeros(count, np.uint8)
    numbers = np.arange(count)
    while len(numbers):
        batch.step(np.zeros((len(batch.states), game.players), np.int64))
        done = batch.end != RUNNING
        if not done.any():
            continue
        first = done & (batch.episode == 1) & (end[numbers] == RUNNING)
        returns[numbers[first]], end[numbers[first]] = batch.returns[first], batch.end[first]
        left = end[numbers] == RUNNING
        if left.sum() <= len(numbers) // 2:
            batch.close()
            batch, numbers = shrink(batch, left), numbers[left]
    return returns, end


def shrink(batch: Batch, keep: np.ndarray) -> Batch:
    """The environments of a batch that are kept, in a smaller one."""
    if not keep.any():
        return batch
    smaller = Batch(batch.game, int(keep.sum()), batch.seed, env_ids=batch.env_ids[keep], threads=2)
    smaller.states[:], smaller.slots[:] = batch.states[keep], batch.slots[keep]
    return smaller


def duel(game: Game, one: float, other: float, seat: int, count: int) -> tuple[int, int, int]:
    """Games that `one`, in this seat, wins, loses and draws against `other`."""
    bots = np.full(2, other)
    bots[seat] = one
    returns, _ = episodes(game, bots, count)
    ahead = returns[:, seat] - returns[:, 1 - seat]
    return int((ahead > 0).sum()), int((ahead < 0).sum()), int((ahead == 0).sum())


@promise("the bot beats chance in every seat, and is no worse for more skill")
def bot(game: Game) -> str:
    if game.players == 1:
        return lone_bot(game)
    notes = []
    for seat, name in enumerate(game.seats):
        won, lost, drawn = duel(game, 0.5, RANDOM, seat, BOT_GAMES)
        if won - lost <= SIGMAS * np.sqrt(max(won + lost, 1)):
            raise Failed(f"as {name}, the bot wins {won} and loses {lost} of {BOT_GAMES} against chance ({drawn} draws)")
        notes.append(f"{(won + 0.5 * drawn) / BOT_GAMES:.1%}")
        won, lost, _ = duel(game, 1.0, 0.0, seat, BOT_GAMES)
        if "SEATS" not in vars(game.module) and lost - won > SIGMAS * np.sqrt(won + lost):
            raise Failed(f"as {name}, skill 1 wins {won} and loses {lost} of {BOT_GAMES} against skill 0")
    return " and ".join(notes) + " against chance"


def lone_bot(game: Game) -> str:
    """One seat: mean returns, three standard errors apart."""
    mean, error = {}, {}
    for skill in (RANDOM, 0.0, 0.5, 1.0):
        returns, _ = episodes(game, [skill], BOT_GAMES)
        mean[skill], error[skill] = returns.mean(), returns.std() / np.sqrt(BOT_GAMES)
    if mean[0.5] - mean[RANDOM] <= SIGMAS * np.hypot(error[0.5], error[RANDOM]):
        raise Failed(f"the bot's mean return is {mean[0.5]:.2f}, that of chance {mean[RANDOM]:.2f}")
    if mean[0.0] - mean[1.0] > SIGMAS * np.hypot(error[0.0], error[1.0]):
        raise Failed(f"skill 1 returns {mean[1.0]:.2f}, skill 0 {mean[0.0]:.2f}")
    return f"mean return {mean[0.5]:.2f}, chance {mean[RANDOM]:.2f}"


@promise("against itself the bot wins equally from both seats")
def fair(game: Game) -> str:
    if game.players == 1:
        return "one seat"
    if "SEATS" in vars(game.module):
        return "the seats are unlike"
    won, lost, drawn = duel(game, 0.5, 0.5, 0, MIRROR_GAMES)
    if abs(won - lost) > SIGMAS * np.sqrt(max(won + lost, 1)):
        raise Failed(f"the bot against itself wins {won} as {game.seats[0]} and {lost} as {game.seats[1]} ({drawn} draws)")
    return f"{won} : {lost}, {drawn} draws"


@promise("episodes end by the rules")
def ends(game: Game) -> str:
    """Mostly, for bots of two seats; for one seat some do, of the bot's or of chance's."""
    _, end = episodes(game, 0.5, BOT_GAMES)
    over = float((end == OVER).mean())
    if game.players == 2 and over < 0.5:
        raise Failed(f"{1 - over:.0%} of the bot's games against itself run out of time")
    if over == 0.0 and not (episodes(game, RANDOM, BOT_GAMES)[1] == OVER).any():
        raise Failed("no episode ends by the rules, of the bot's or of chance's")
    return f"{over:.0%} of the bot's"


# --- levels ---------------------------------------------------------------------------------------------------------


def built(game: Game, numbers: np.ndarray, fill: int = 0) -> np.ndarray:
    """The levels of these numbers, as `build` makes them in records filled with a byte."""
    states = np.zeros(len(numbers), game.state)
    states.view(np.uint8)[:] = fill
    states["tick"], states["over"], states["level"] = 0, 0, numbers
    states["rng"] = [int.from_bytes(hashlib.blake2b(str(n).encode(), digest_size=8).digest()) for n in numbers]
    for k in range(len(states)):
        game.module.build(core.at(states, k) if core.PLAIN else states[k])
    return states


@promise("a level depends on its number alone, and held-out levels are others")
def levels(game: Game) -> str:
    if not game.has_build:
        return "no levels"
    numbers = np.arange(200)
    zeros, rubbish, again = (contents(built(game, numbers, fill)) for fill in (0x00, 0xAB, 0x00))
    untouched = (zeros == 0x00) & (rubbish == 0xAB)  # left to `reset`
    wrong = np.argwhere((zeros != rubbish) & ~untouched | (zeros != again))
    if len(wrong):
        raise Failed(f"level {wrong[0, 0]} depends on more than its number: built twice, it differs")
    held_out = {level.tobytes() for level in contents(built(game, HELD_OUT + numbers))}
    known = {level.tobytes() for level in zeros}
    if len(known) < 2:
        raise Failed(f"{len(numbers)} levels are all the same")
    if len(held_out - known) < len(held_out) / 2:
        raise Failed(f"of {len(held_out)} held-out levels, {len(held_out & known)} are training levels too")
    return f"{len(known)} of {len(numbers)} are different"


@promise("every level can be solved")
def solvable(game: Game) -> str:
    solver = getattr(game.module, "solvable", None)
    if solver is None:
        return "no solver"
    if not game.has_build:
        raise Failed("solvable needs the function build")
    numbers = np.concatenate([np.arange(SOLVED - SOLVED // 10), HELD_OUT + np.arange(SOLVED // 10)])
    states = built(game, numbers)
    unsolved = [int(numbers[k]) for k in range(len(states)) if not solver(states[k])]
    if unsolved:
        raise Failed(f"{len(unsolved)} of {len(numbers)} levels cannot be solved, level {unsolved[0]} the first")
    return f"{len(numbers):,} levels"


# --- the standard APIs ----------------------------------------------------------------------------------------------

SEEN = ("pixels", "objects")


def made(game: Game, observation: str) -> Any:
    """The game as Gymnasium makes it."""
    import gymnasium

    from games import env as standard

    if not game.shipped:
        standard.register(game.path)
    return gymnasium.make(game.env_id, observation=observation, render_mode="rgb_array", disable_env_checker=True).unwrapped


def approve(checker: Callable[[Any], None], env: Any, observation: str) -> None:
    """Run somebody's checker; a warning is a failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            checker(env)
        except (Exception, Warning) as error:
            raise Failed(f"on {observation}: {str(error).strip().splitlines()[0]}") from error
        finally:
            env.close()


@promise("Gymnasium's checker is content, and a reset does not depend on the episode before it")
def gymnasium_env(game: Game) -> None:
    from gymnasium.utils.env_checker import check_env

    for observation in SEEN:
        approve(check_env, made(game, observation), observation)
    seen = []
    for steps in (3, 40):  # the checkers of others do not look at the second episode
        env = made(game, "objects")
        env.reset(seed=5)
        for _ in range(steps):
            mask = env.action_masks()
            _, _, terminated, truncated, _ = env.step(int(np.flatnonzero(mask)[0]))
            if terminated or truncated:
                break
        seen.append(env.reset()[0])
        env.close()
    if seen[0].tobytes() != seen[1].tobytes():
        raise Failed("after reset(seed=5), the second episode depends on how long the first one was")


@promise("Stable-Baselines3's checker is content")
def sb3_env(game: Game) -> str | None:
    try:
        from stable_baselines3.common.env_checker import check_env
    except ImportError:
        return "not looked at: Stable-Baselines3 is not installed"
    for observation in SEEN:
        approve(check_env, made(game, observation), observation)
    return None


# --- the command ----------------------------------------------------------------------------------------------------


def show(console, result: Result) -> None:
    """One line of the list, and another where a check fails."""
    word = "[green]ok    [/]" if result.ok else "[bold red]FAILED[/]"
    console.print(f"  {word}  {result.title}", end="", highlight=False, soft_wrap=True)
    if result.note:
        console.print(f"  ({result.note})", style="dim", end="", highlight=False, markup=False, soft_wrap=True)
    console.print(f"  {result.seconds:.1f} s", style="dim", highlight=False)
    if result.problem:
        console.print(f"          {result.problem}", highlight=False, markup=False, soft_wrap=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m games.check", description="What every game must pass.")
    parser.add_argument("games", nargs="*", metavar="NAME_OR_PATH", help="a game's name, or a file of your own (default: all)")
    parser.add_argument("--only", metavar="CHECK", help=f"one check alone: {', '.join(CHECKS)}")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the list")
    chosen = parser.parse_args(arguments)
    os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # pictures are painted, not shown
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    from rich.console import Console

    console = Console(quiet=chosen.json)
    try:
        if chosen.only and chosen.only not in CHECKS:
            raise UserError(f"There is no check '{chosen.only}'.\n{nearest(chosen.only, CHECKS)}")
        found = [games.load(name) for name in chosen.games or games.names()]
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    results: dict[str, list[Result]] = {}
    for game in found:
        console.print(f"[bold]{game.heading}[/]  {game.path}", highlight=False)
        results[str(game.path)] = []
        for result in run_checks(game, [chosen.only] if chosen.only else list(CHECKS)):
            results[str(game.path)].append(result)
            show(console, result)
    every = [result for of_game in results.values() for result in of_game]
    failed = sum(not result.ok for result in every)
    if chosen.json:
        print(json.dumps({path: [vars(result) for result in of_game] for path, of_game in results.items()}))
    console.print(f"{len(every) - failed} checks hold, {failed} failed." if failed else f"All {len(every)} checks hold.")
    return 1 if failed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        sys.exit(child(sys.argv[2], Path(sys.argv[3]), sys.argv[4]))
    sys.exit(main())
