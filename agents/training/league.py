"""A run's league: who enters and leaves its pool of opponents, how the learner fares against them, and its checkpoint.

All processes hold the same pool; rank 0 alone writes and reads files.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import torch
from msgspec import Meta

from agents.algorithms.learner import Learner
from agents.core import schema, tensor_file
from agents.core.distributed import ProcessGroup
from agents.core.shell import command_line
from agents.participants import participant
from agents.play.agent import Agent, build_network
from agents.play.league_arena import LeagueArena
from agents.play.pool import DRAWN, GROUPS, WON, Member, Pool, self_play
from agents.play.ratings import FIXED, rating_against
from agents.play.seats import Participant
from agents.play.trainable import AnyGame
from agents.training.config import LEAGUE, Config, RunSettings
from agents.training.run_checkpoint import CHECKPOINT, CheckpointFile
from agents.training.snapshots import FOLDER, Snapshots, snapshot_name
from games.engine.constants import RANDOM
from games.engine.loader import Game
from games.errors import UserError
from games.people.odd import kinds_of

BOTS = ("bot", "bot:0", "bot:1")
OFTEN = 250_000  # steps between entries, where those of the run are not limited
ENOUGH = 20.0  # games on record against an opponent, before they say anything
COLUMNS = 60  # of the table of scores over time, at most


class MemberFile(msgspec.Struct, forbid_unknown_fields=True):
    """The schema of a pool's member in a checkpoint."""

    key: schema.Count
    name: schema.Text
    group: Literal[GROUPS]  # type: ignore[valid-type]
    active: bool
    record: tuple[Annotated[float, Meta(ge=0)], Annotated[float, Meta(ge=0)], Annotated[float, Meta(ge=0)]]
    steps: Annotated[int, Meta(ge=-1, le=schema.MOST)]
    digest: schema.Name  # of a snapshot's weights; empty for others
    rating: Annotated[float, Meta(ge=-1e6, le=1e6)] | None = None


class LeagueFile(msgspec.Struct, forbid_unknown_fields=True):
    """The schema of a league in a checkpoint."""

    members: Annotated[list[MemberFile], Meta(max_length=10_000)]
    next_key: schema.Count
    entered: schema.Count  # step of the latest entry
    history: Annotated[list[tuple[schema.Count, dict[schema.Text, float]]], Meta(max_length=COLUMNS)]


# --- who may be in it ------------------------------------------------------------------------------------------------


def check_league(game: AnyGame, names: list[str], run: RunSettings, n_envs: int) -> None:
    """`UserError` where a run cannot have a league. names: all that the user gave as opponents; run: its settings."""
    if not isinstance(game, Game) or game.players != 2:
        raise UserError(f"{game.heading} has one seat: there are no opponents for a league.\nLeave out --opponent league.")
    if not game.competitive:
        raise UserError(
            f"A league ranks opponents by games won, and nobody wins in {game.heading} (its REWARDS are '{game.rewards}').\n"
            "Choose --opponent self, bot or random."
        )
    beside = [name for name in names if name != LEAGUE]
    if len(names) - len(beside) > 1 or {"self", "random"} & set(beside):
        raise UserError(
            "A league has random players and the current self already; how many: --set league_random=… and league_self=…\n"
            "Beside --opponent league name agents, or bots of further skills."
        )
    shares = shares_of(run)
    if shares["past"] > 0 and run.snapshots == 0:
        raise UserError(
            "A league plays against snapshots of its own past, and snapshots=0 keeps none.\n"
            "Leave that out, or play without them: --set league_past=0"
        )
    if not any(shares[group] > 0 for group in GROUPS if group not in ("past", "named")) and not (shares["named"] and beside):
        raise UserError(
            "The league's pool is empty: nobody but the past, of which there is none yet, has a share.\n"
            "Give one to somebody: --set league_bots=… (league_random, league_odd; league_named with --opponent AGENT)."
        )
    if self_play(n_envs, run.league_self).all():
        raise UserError("In all environments the current self would play itself.\nThat is --opponent self, or more --envs.")


def shares_of(run: RunSettings) -> dict[str, float]:
    """The share of each group of opponents in a run's settings."""
    return {group: getattr(run, f"league_{group}") for group in GROUPS}


def first_members(game: Game, named: list[Participant], shares: dict[str, float]) -> list[Member]:
    """The members that a pool has from the beginning: all but its past."""
    found: list[dict[str, Any]] = []
    if shares["bots"] > 0:
        found += [{"name": name, "group": "bots", "bot": participant(name, game).bot} for name in BOTS]
        found[BOTS.index("bot")]["rating"] = FIXED
    if shares["random"] > 0:
        found.append({"name": "random", "group": "random", "bot": RANDOM})
    if shares["odd"] > 0:
        found += [{"name": f"odd:{name}", "group": "odd", "odd": kind} for kind, name in enumerate(kinds_of(game))]
    if shares["named"] > 0:
        found += [{"name": each.name, "group": "named", "bot": each.bot, "agent": each.agent} for each in named]
    return [Member(key=key, **about) for key, about in enumerate(found)]


def leaving(strengths: list[float], most: int) -> list[int]:
    """The places of those who leave a pool's past, from their strengths in the order of their entry.

    The newer half stays. Of the older ones those go first who are most alike in strength: the distance of their neighbours is
    least. The weakest and the strongest stay as long as possible.

    >>> leaving([0.1, 0.5, 0.52, 0.9, 0.6, 0.7], 5), leaving([0.5, 0.4], 2)
    ([1], [])
    """
    newer, gone = -(-most // 2), []
    while len(strengths) - len(gone) > most:
        old = sorted(
            (strength, place) for place, strength in enumerate(strengths[: len(strengths) - newer]) if place not in gone
        )
        gaps = [(old[i + 1][0] - old[i - 1][0], old[i][1]) for i in range(1, len(old) - 1)]
        gone.append(min(gaps)[1] if gaps else old[0][1])
    return sorted(gone)


def league_of(config: Config, game: AnyGame, folder: Path, group: ProcessGroup) -> "League":
    """The league of a run's config, as it begins."""
    check_league(game, config.opponents, config.run, config.learner.n_envs)
    assert isinstance(game, Game)
    runs = folder.resolve().parents[1]
    named = [participant(name, game, config.device, runs=runs) for name in config.opponents if name != LEAGUE]
    return League(game, config.run, named, folder, group)


# --- the league ------------------------------------------------------------------------------------------------------


class League:
    """The pool of a run's opponents, over the run."""

    def __init__(self, game: Game, run: RunSettings, named: list[Participant], folder: Path, group: ProcessGroup):
        """run: the run's settings. named: agents and bots beside those that every league has. folder: the run's."""
        self.game, self.run, self.folder, self.group = game, run, folder, group
        shares = shares_of(run)
        self.pool = Pool(first_members(game, named, shares), shares, run.league_choice, run.league_self)
        self.every = run.league_every or (max(1, run.steps // 20) if run.steps else OFTEN)
        self.entered = 0  # step of the latest entry
        self.digests: dict[int, str] = {}  # of the snapshots' weights, by key
        self.history: list[tuple[int, dict[str, float]]] = []  # step, and the score against each member by name

    def after_iteration(self, learner: Learner, snapshots: Snapshots) -> None:
        """Take note of the games of an iteration, of all processes; a snapshot may enter. All of them call it."""
        arena = learner.collector.arena
        assert isinstance(arena, LeagueArena)
        taken = torch.from_numpy(arena.take_outcomes()).double()
        counts = self.group.all_reduce(taken.flatten()).reshape(taken.shape).numpy()
        for member, count in zip(self.pool.members, counts[:, :3], strict=True):
            member.record = member.record * (1 - 1 / self.run.league_memory) ** count.sum() + count
        before = [member.key for member in self.pool.members]
        seated = counts[:, 3] > 0
        self.pool.members = [m for m, there in zip(self.pool.members, seated, strict=True) if m.active or there]
        if self._may_enter(learner.steps):
            self._enter(learner, snapshots)
        self.pool.update()
        if [member.key for member in self.pool.members] != before:
            arena.pool_changed()

    def _may_enter(self, steps: int) -> bool:
        """Whether the learner as it is now becomes a member: after so many steps, or sooner where it beats the others."""
        if self.run.league_past == 0:
            return False
        since = steps - self.entered
        met = [member.score for member in self.pool.active() if member.games >= ENOUGH]
        beats = bool(met) and float(np.mean(met)) >= self.run.league_beats
        return since >= self.every or (beats and since >= self.every / 2)

    def _enter(self, learner: Learner, snapshots: Snapshots) -> None:
        agent = self._frozen(learner)
        if self.group.rank == 0:
            snapshots.write(learner.agent())
        steps, rating = agent.info.steps, self.rating()
        member = self.pool.add(name=f"step {steps:,}", group="past", agent=agent, steps=steps, rating=rating)
        self.digests[member.key] = tensor_file.digest(agent.network.state_dict())
        self.entered = learner.steps
        past = self.pool.active("past")
        for place in leaving([1.0 - old.score for old in past], self.run.league_size):
            past[place].active = False

    def _frozen(self, learner: Learner) -> Agent:
        """The learner as it is now, with weights of its own."""
        agent = learner.agent()
        settings = replace(agent.info.settings, temperature=self.run.league_temperature)
        with torch.random.fork_rng(devices=[]):  # a user's own network may not be made to be copied
            network = build_network(self.game, settings, learner.algorithm)
        network.load_state_dict(agent.network.state_dict())
        return Agent(self.game, replace(agent.info, settings=settings), network.requires_grad_(False), str(learner.device))

    # --- what is told of it ---

    def rating(self) -> float | None:
        """The learner's rating now, `bot` at 1000: by its games against those whose ratings are known, None before these.

        A snapshot keeps the rating that the learner had when it entered. Far above the bot such ratings lean on each other;
        `python -m agents.ratings` compares agents by games of their own.
        """
        met = [m for m in self.pool.active() if m.rating is not None and m.games >= ENOUGH]
        if not met:
            return None
        points = [m.record[WON] + 0.5 * m.record[DRAWN] for m in met]
        return rating_against(points, [m.games for m in met], [m.rating for m in met if m.rating is not None])

    def numbers(self) -> dict[str, float]:
        """For TensorBoard: the learner's scores, those against whom it has played enough."""
        met = {member.name: member.score for member in self.pool.active() if member.games >= ENOUGH}
        past = [member.score for member in self.pool.active("past") if member.games >= ENOUGH]
        found = {"league/size": float(len(self.pool.active()))}
        rating = self.rating()
        if rating is not None:
            found["league/rating"] = rating
        if "bot" in met:
            found["league/win_rate_bot"] = met["bot"]
        if past:
            found["league/win_rate_latest"] = past[-1]
        if met:
            found |= {"league/win_rate_mean": float(np.mean(list(met.values()))), "league/win_rate_worst": min(met.values())}
        return found

    def note_scores(self, steps: int) -> None:
        """Keep the scores of now, for the table over time."""
        scores = {member.name: round(member.score, 4) for member in self.pool.active() if member.games >= ENOUGH}
        if scores:
            self.history = [*self.history, (steps, scores)][-COLUMNS:]

    # --- checkpoints ---

    def state(self) -> dict[str, Any]:
        """The JSON-like values that `restore` needs beside the snapshots."""
        members = [
            {
                "key": member.key,
                "name": member.name,
                "group": member.group,
                "active": member.active,
                "record": member.record.tolist(),
                "steps": member.steps,
                "digest": self.digests.get(member.key, ""),
                "rating": member.rating,
            }
            for member in self.pool.members
        ]
        return {"members": members, "next_key": self.pool.next_key, "entered": self.entered, "history": list(self.history)}

    def restore(self, state: dict[str, Any] | None, learner: Learner) -> None:
        """Go on from a state that rank 0 has and the others do not. All of them call it, before the learner is restored.

        `UserError` where a snapshot is missing or is another; `ValueError` for a state of another league.
        """
        state = self.group.broadcast_json(state)
        found = msgspec.convert(state, LeagueFile)
        constant = {member.key: member for member in self.pool.members}
        saved = [(each.key, each.name) for each in found.members if each.group != "past"]
        if saved != [(member.key, member.name) for member in constant.values()]:
            raise ValueError("its league has other members")
        keys = [each.key for each in found.members]
        if keys != sorted(set(keys)) or found.next_key <= max(keys, default=-1):
            raise ValueError("its league's members are not in their order")
        if self.group.rank == 0:
            check_files(self.folder, [snapshot_name(each.steps) for each in found.members if each.group == "past"])
        members = []
        for each in found.members:
            member = constant.get(each.key) or self._snapshot(each, learner)
            member.active, member.record = each.active, np.array(each.record, np.float64)
            members.append(member)
        self.pool.members, self.pool.next_key = members, found.next_key
        self.digests = {each.key: each.digest for each in found.members if each.digest}
        self.entered, self.history = found.entered, found.history
        self.pool.update()
        arena = learner.collector.arena
        assert isinstance(arena, LeagueArena)
        arena.pool_changed()

    def _snapshot(self, about: MemberFile, learner: Learner) -> Member:
        """A member of the past, from its file; rank 0 reads it, the others get the weights."""
        agent = self._frozen(learner)
        agent.info.steps = about.steps
        if self.group.rank == 0:
            path = self.folder / FOLDER / snapshot_name(about.steps)
            weights = Agent.load(path, self.game, str(learner.device)).network.state_dict()
            if tensor_file.digest(weights) != about.digest:
                raise UserError(f"{path} is not the snapshot that the league knows.\nUse a copy of it, or begin a new run.")
            agent.network.load_state_dict(weights)
        self.group.broadcast(list(agent.network.state_dict().values()))
        return Member(about.key, about.name, "past", agent=agent, steps=about.steps, rating=about.rating)


def check_files(folder: Path, names: list[str]) -> None:
    """`UserError` where snapshots of a run's league are missing: which, and how to say where they are."""
    missing = [name for name in names if not (folder / FOLDER / name).is_file()]
    if missing:
        again = command_line(["python", "train.py", "--resume", folder, "--opponent", f"{missing[0]}=PATH"])
        raise UserError(
            f"{folder / FOLDER} lacks snapshots of the run's league: {', '.join(missing)}.\n"
            f"Copy them there, or say where each is now: {again}"
        )


def snapshot_digests(folder: Path) -> dict[str, str]:
    """The digest of the weights of each snapshot in a run's league, by its file's name, as the latest checkpoint says."""
    path = folder / CHECKPOINT
    if not path.exists():
        return {}
    meta = tensor_file.load_metadata(path, "checkpoint")
    schema.check(path, meta, CheckpointFile)
    if meta.get("league") is None:
        return {}
    members = schema.check(path, meta["league"], LeagueFile).members
    return {snapshot_name(each.steps): each.digest for each in members if each.group == "past"}


def put_back(folder: Path, told: list[str]) -> list[str]:
    """Copy the snapshots that a user names, `step-….safetensors=PATH`, to their place in a run; the other texts."""
    remaining, wanted = [], snapshot_digests(folder) if any("=" in text for text in told) else {}
    for text in told:
        name, equals, path = text.partition("=")
        if not (equals and name == Path(name).name and name.startswith("step-") and name.endswith(".safetensors")):
            remaining.append(text)
            continue
        data = tensor_file.read_bytes(Path(path), tensor_file.LARGEST["agent"])
        tensors, _ = tensor_file.unpack(Path(path), data, "agent")
        if name in wanted and tensor_file.digest(tensors) != wanted[name]:
            raise UserError(f"{path} is not the {name} that the run's league knows.\nName a copy of that one.")
        tensor_file.make_folder(folder / FOLDER)
        tensor_file.write_bytes(folder / FOLDER / name, data)
    return remaining
