"""The config of a run: all settings, resolved and checked, and the folder that keeps them."""

import hashlib
import json
import math
import os
import platform
import subprocess
import sys
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import torch
from msgspec import Meta

import games
from agents.algorithms import dqn, ppo, pqn
from agents.algorithms.settings import CHOICES, OWNERS, LearnerSettings
from agents.bridges.game_loader import load_game
from agents.core import distributed, schema, tensor_file, workers
from agents.core.game_names import is_gym
from agents.core.settings import CHOICES as AGENT_CHOICES
from agents.core.settings import RANGES as AGENT_RANGES
from agents.core.settings import TRAINERS, check_range, typed
from agents.core.shell import command_line
from agents.core.version import VERSION
from agents.experience import augmentation
from agents.networks import custom
from agents.participants import RUNS, participant
from agents.play import pool
from agents.play.agent import Agent
from agents.play.agent_files import PICKLED, file_of
from agents.play.agent_info import RunFile, config_values
from agents.play.ladder import is_level
from agents.play.seats import Participant
from agents.play.trainable import AnyGame
from games.engine.loader import Game
from games.errors import UserError, nearest
from games.people.person import PREFIX, Person, absolute_person

ALGORITHMS: dict[str, tuple[type, type, dict[str, Any]]] = {  # learner, settings, Stable-Baselines3's
    "ppo": (ppo.PPO, ppo.PPOSettings, ppo.SB3_PRESET),
    "dqn": (dqn.DQN, dqn.DQNSettings, dqn.SB3_PRESET),
    "pqn": (pqn.PQN, pqn.PQNSettings, {}),  # which has none
}


@dataclass
class RunSettings:
    """Settings of a run beside learning. All counts are in steps (decisions of a learning seat), never in seconds."""

    steps: int = 0  # to learn from; 0: the recipe's, or as many as the time limit allows
    eval_every: int = 0  # steps between evaluations; 0: a tenth of the run
    eval_games: int = 200  # of each evaluation, against the game's bot
    final_games: int = 1000  # of the final one, of the best agent
    checkpoint_every: int = 0  # steps between checkpoints; 0: a twentieth of the run
    threads: int = 0  # of each process, that play and learn a slice of every batch; 0: as many as cores, at most 4; a worker: 1
    levels: str = "train"  # that it learns in: train (any), train:1000 (the first ones), or a bank's file
    levels_digest: str = ""  # SHA-256 of the bank, which the run's folder keeps
    gif: bool = True  # a short video of play at each evaluation, for TensorBoard
    snapshots: int = 8  # agents of its own past that a run keeps, spread over its steps; 0: none
    # Of --opponent league: the fraction of environments in which both seats learn; and how the others are shared out.
    league_self: float = 0.2
    league_past: float = 0.25  # snapshots of the run
    league_bots: float = 0.45  # bot:0, bot, bot:1
    league_random: float = 0.05
    league_odd: float = 0.2  # players unlike the bot: `games.people.odd`
    league_named: float = 0.25  # agents that stand beside, each with --opponent
    league_choice: str = "hard"  # of one of them: hard or even (who wins more often is met more often), uniform, latest
    league_size: int = 8  # snapshots in the pool, at most
    league_every: int = 0  # steps until the next snapshot enters; 0: a twentieth of the run
    league_beats: float = 0.75  # mean win rate at which one enters after half as many
    league_memory: int = 100  # games against an opponent over which its win rate is a mean
    league_temperature: float = 1.0  # at which snapshots of ppo play; 0: always their most likely action


@dataclass
class Config:
    """All settings that determine a run, resolved: config.json."""

    game: str
    game_version: int
    game_digest: str | None  # of a user's own game, which is named again on resume
    algorithm: str
    seed: int
    time_limit: float | None  # seconds, the command's start to its end
    opponents: list[str]
    opponent_digests: list[str | None]  # of agents' files, so that a resumed run meets the same
    device: str
    ranks: int = 1  # processes that train together, each with settings like these
    game_file: str = ""  # of a user's own game, as it was named: shown to people, never opened
    network_file: str = ""  # of a user's own network, likewise
    copied: list[str] = field(default_factory=list)  # weights that --init-from took from an agent
    freeze: str = ""  # encoder: it learns nothing
    trainer: str = TRAINERS[0]
    run: RunSettings = field(default_factory=RunSettings)
    learner: Any = None  # the algorithm's settings

    @property
    def kind(self) -> str:
        """Of its learner, as a run without a name is called after: ppo, or sb3-ppo."""
        return self.algorithm if self.trainer == TRAINERS[0] else f"{self.trainer}-{self.algorithm}"


LEAGUE = "league"  # an opponent's name: see `agents.training.league`
DIVIDED = ("n_envs", "batch_size", "buffer_size")  # settings of which each worker has a part
DEVICES = ("cpu", "cuda", "mps")
NOT_CHOSEN = ("network_digest", "levels_digest")  # settings that follow from others

WHY = {
    "dqn": "dqn has no policy, only what actions are worth, learned off policy",
    "ppo": "ppo learns on policy, from what it has just played; it keeps no replay and values no actions",
    "pqn": "pqn has no policy and no replay, only what actions are worth, learned from what it has just played",
}

# --- settings --------------------------------------------------------------------------------------------------------


def resolve(game: AnyGame, algorithm: str, chosen: dict[str, Any], preset: str | None) -> tuple[Any, RunSettings]:
    """Settings: the defaults, changed by the game's recipe, by a preset, by what the user chose, in this order."""
    if algorithm not in ALGORITHMS:
        raise UserError(f"There is no algorithm '{algorithm}'.\n{nearest(algorithm, ALGORITHMS)}")
    _, settings_type, sb3 = ALGORITHMS[algorithm]
    if preset not in (None, "sb3"):
        raise UserError(f"There is no preset '{preset}'.\n{nearest(str(preset), ['sb3'])}")
    if preset and not sb3:
        raise UserError(f"Stable-Baselines3 has no {algorithm}, so there is no preset for it.\nLeave out --preset {preset}.")
    recipe = {name: value for name, value in game.recipe.get(algorithm, {}).items() if name != "opponents"}
    layers = [(f"the recipe of {game.name}", recipe), ("the preset", sb3 if preset else {}), ("", chosen)]
    learner, run = settings_type(), RunSettings()
    for source, values in layers:
        for name, value in values.items():
            _refuse_foreign(name, algorithm, f" in {source}" if source else "")
            target = learner if hasattr(learner, name) else run
            kinds = {f.name: type(f.default) for f in fields(target)}
            if name not in kinds or name in NOT_CHOSEN:
                names = [f.name for f in (*fields(learner), *fields(run)) if f.name not in NOT_CHOSEN]
                place = f" in {source}" if source else ""
                raise UserError(f"There is no setting '{name}'{place}.\n{nearest(name, names)}")
            setattr(target, name, typed(name, value, kinds[name]))
    if learner.memory != "none" and not _stack_goes_with_memory([values for _, values in layers]):
        learner.stack = 1
    if custom.is_file(chosen.get("network")):
        network = custom.load(chosen["network"])
        learner.network, learner.network_digest = network.name, network.digest
    _check(learner, run)
    augmentation.check(learner)
    if learner.env_processes and isinstance(game, Game):
        raise UserError(
            f"env_processes={learner.env_processes} is for environments that are not ours: "
            f"threads step all copies of {game.name} at once.\nLeave it out, or choose --set threads=…"
        )
    cores, most = max(1, (os.cpu_count() or 1) // distributed.local_processes()), 1 if workers.meeting() else 4
    run.threads = run.threads or min(most, cores)  # a resumed run needs as many, on another machine too
    return learner, run


def _refuse_foreign(name: str, algorithm: str, place: str) -> None:
    """`UserError` for a setting that only another algorithm has: what it is, and why it cannot be."""
    having = [other for other, (_, kind, _) in ALGORITHMS.items() if name in {f.name for f in fields(kind)}]
    owners = OWNERS.get(name) or tuple(having)
    if owners and algorithm not in owners:
        raise UserError(
            f"{name}{place} is a setting of {' and '.join(owners)}, not of {algorithm}: {WHY[algorithm]}.\n"
            f"Leave it out, or choose --algo {owners[0]}."
        )


def _stack_goes_with_memory(layers: list[dict[str, Any]]) -> bool:
    """Was the stack chosen together with the memory, or after it? One that a recipe or preset has for a network without a
    memory is not meant for one with it, which sees single frames."""
    chose = max(number for number, values in enumerate(layers) if "memory" in values)
    return any("stack" in values for values in layers[chose:])


WORDS = {**CHOICES, "league_choice": pool.CHOICES}  # that settings may be

# The range of each number; what is not listed is from 0 to no end.
MANY = 1 << 20
RANGES: dict[str, tuple[float, float]] = {
    **AGENT_RANGES,
    "n_envs": (1, MANY), "n_steps": (1, MANY), "batch_size": (2, MANY), "n_epochs": (1, 1000), "learning_rate": (0, 10),
    "gamma": (0, 1), "gae_lambda": (0, 1), "q_lambda": (0, 1), "clip_range": (1e-6, 10), "max_grad_norm": (1e-9, math.inf),
    "reward_scale": (1e-9, math.inf), "augment_shift": (0, 64), "augment_intensity": (0, 0.5),
    "momentum": (0, 1), "warmup": (0, 1), "copied_rate": (0, 100),
    "train_freq": (1, MANY), "gradient_steps": (1, MANY), "buffer_size": (1, 1 << 40),
    "n_step": (1, 1000), "alpha": (0, 1), "beta": (0, 1), "tau": (0, 1), "exploration_initial_eps": (0, 1),
    "exploration_final_eps": (0, 1), "exploration_fraction": (0, 1), "sequence": (1, 4096), "burn_in": (0, 4096),
    "eval_games": (1, MANY), "final_games": (1, MANY), "threads": (0, 256), "env_processes": (0, 256),
    "snapshots": (0, 1000), "league_self": (0, 1), "league_size": (1, 64), "league_beats": (0, 1), "league_memory": (1, MANY),
    "league_temperature": (0, 1000),
    **dict.fromkeys(("league_past", "league_bots", "league_random", "league_odd", "league_named"), (0, 1000)),
}  # fmt: skip


def _check(*settings: LearnerSettings | RunSettings) -> None:
    for group in settings:
        for name, value in asdict(group).items():
            if isinstance(value, (int, float)):
                check_range(name, value, RANGES)
            elif name in WORDS and value not in WORDS[name]:
                raise UserError(f"The setting {name} is '{value}'.\n{nearest(value, WORDS[name])}")


def of_all_workers(settings: Any, workers: int) -> Any:
    """A learner's settings as somebody has chosen them, of which each of several workers has its part."""
    return replace(settings, **{name: workers * getattr(settings, name) for name in DIVIDED if hasattr(settings, name)})


# --- the schema of config.json ---------------------------------------------------------------------------------------


SETTINGS_FILES = {
    kind: schema.settings_schema(kind, RANGES, {**WORDS, **AGENT_CHOICES})
    for kind in (RunSettings, *(settings for _, settings, _ in ALGORITHMS.values()))
}


class ConfigFile(RunFile, kw_only=True, forbid_unknown_fields=True):
    """The schema of config.json; `SETTINGS_FILES` are those of `run` and `learner`."""

    seed: Annotated[int, Meta(ge=0, lt=1 << 31)]
    time_limit: Annotated[float, Meta(gt=0)] | None
    opponents: Annotated[list[schema.Text], Meta(max_length=MANY)]
    opponent_digests: Annotated[list[schema.Name | None], Meta(max_length=MANY)]
    device: Literal[DEVICES]  # type: ignore[valid-type]
    ranks: Annotated[int, Meta(ge=1, le=MANY)]
    game_file: schema.Text
    network_file: schema.Text
    copied: list[schema.Name]
    freeze: Literal["", "encoder"]
    run: dict[str, Any]


# --- with whom, and on what ------------------------------------------------------------------------------------------


def device_of(name: str) -> str:
    """`auto`, `cpu`, `cuda` or `mps` as torch names it; `UserError` where this machine lacks it."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name not in DEVICES:
        raise UserError(f"There is no device '{name}'.\n{nearest(name, ('auto', *DEVICES))}")
    there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there[name]:
        raise UserError(
            f"torch {torch.__version__} finds no {name} device here.\nUse --device cpu, or install a torch built for {name}."
        )
    return name


def opponents_of(names: list[str], game: AnyGame, device: str, runs: Path = RUNS) -> list[Participant | None]:
    """Opponents by their names. `self` is None: both seats learn; so is `league`, which stands for many.

    runs: where a ladder of the user's own is found.
    """
    if game.players == 1:
        if names:
            raise UserError(f"{game.heading} has one seat, so there is no opponent to choose.")
        return []
    found: list[Participant | None] = []
    for name in names:
        if file_of(name).suffix == PICKLED:
            raise UserError(
                f"{name} is an agent of Stable-Baselines3's, which cannot be a training opponent: its file can run code.\n"
                "Choose bot, bot:0.8, random, self, league, person:NAME, or an agent of ours."
            )
        opponent = None if name in ("self", LEAGUE) else participant(name, game, device, runs=runs)
        if opponent is not None and opponent.human:
            raise UserError(
                "A person cannot be a training opponent.\nChoose bot, bot:0.8, random, self, person:NAME, or an agent."
            )
        if opponent is not None and opponent.simulated is not None and LEAGUE in names:
            raise UserError(
                f"{name} cannot be in a league: who sits there is changed from game to game.\nName bots and agents."
            )
        found.append(opponent)
    return found


def absolute_opponent(opponent: str) -> str:
    """An opponent as config.json names it: an agent by its whole path, so that the run goes on from any folder."""
    named = opponent in ("self", LEAGUE, "human", "random", "bot") or opponent.startswith("bot:")
    if opponent.startswith(PREFIX):
        return absolute_person(opponent)
    return opponent if named or not Path(opponent).exists() else str(Path(opponent).resolve())


def digests(opponents: list[Participant | None]) -> list[str | None]:
    """A SHA-256 of each opponent that is an agent or a simulated person."""
    return [None if opponent is None else _digest(opponent) for opponent in opponents]


def _digest(opponent: Participant) -> str | None:
    sitter = opponent.sitter
    if isinstance(sitter, Person):
        return sitter.digest
    if not isinstance(sitter, Agent):
        return None
    weights, settings = tensor_file.digest(sitter.network.state_dict()), sitter.info.settings
    if not is_level(opponent.name):
        return weights
    return hashlib.sha256(f"{weights} {settings.delay} {settings.temperature}".encode()).hexdigest()  # as its ladder says now


def resumed_game(config: Config, named: str | None) -> AnyGame:
    """The game of a run to resume. No path in a config is opened: a user's own game is named again."""
    if named is None and is_gym(config.game):
        raise UserError(
            f"This run plays '{config.game}', which is not ours.\nName it again: python train.py {config.game} --resume …"
        )
    if named is None and (config.game_digest is not None or config.game not in games.names()):
        shown = config.game_file if str(config.game_file).isprintable() else ""
        raise UserError(
            f"This run plays '{config.game}', a game of your own.\n"
            f"Name its file again: {command_line(['python', 'train.py', shown or f'./{config.game}.py'])} --resume …"
        )
    game = load_game(named or config.game)
    if (game.name, game.version) != (config.game, config.game_version):
        raise UserError(f"The run plays {config.game} version {config.game_version}, not {game.name} version {game.version}.")
    if config.game_digest is not None and game.digest != config.game_digest:
        raise UserError(f"{game.path.name} has changed since the run began; take back the edit, or begin a new run.")
    return game


def load_resumed_networks(config: Config, named: list[str], game: str | None, folder: Path) -> None:
    """The networks of users' own that a run to go on with needs, its opponents' too: they are named again like a game."""
    own_network, rivals = bool(config.learner.network_digest), any(config.opponent_digests)
    if named and not all(custom.is_file(name) and (own_network or rivals) for name in named):
        raise UserError(
            "A resumed run keeps its settings: --network cannot be given, but for a file of your own that it needs."
        )
    for name in named:
        custom.load(name)
    again = command_line(["python", "train.py", *([game] if game else []), "--resume", folder])
    shown = config.network_file if config.network_file.isprintable() else ""
    named_again = command_line([shown]) if shown else "FILE"
    custom.require(config.learner, "This run", "the run began", f"Name its file again: {again} --network {named_again}")


def check_resumable(config: Config, game: AnyGame, runs: Path) -> None:
    """Raise `UserError` where this machine lacks the run's device, or an opponent has changed.

    runs: the folder of all runs, as in `opponents_of`.
    """
    device_of(config.device)
    found = digests(opponents_of(config.opponents, game, config.device, runs))
    for name, now, before in zip(config.opponents, found, config.opponent_digests, strict=True):
        if now != before:
            file = "" if name.startswith(PREFIX) else "'s file"
            raise UserError(
                f"The opponent{file} has changed since the run began: {name}.\nWith another it would be another run."
            )


# --- files ----------------------------------------------------------------------------------------------------------


def as_json(config: Config) -> dict[str, Any]:
    """The content of config.json; `config_of` makes a config of it again."""
    return {"written_by": VERSION, **asdict(config)}


def write_config(folder: Path, config: Config) -> None:
    tensor_file.write_bytes(folder / "config.json", (json.dumps(as_json(config), indent=2) + "\n").encode())


def write_frame(folder: Path, config: Config) -> None:
    """config.json, command.txt and system.json."""
    write_config(folder, config)
    line = f"{distributed.launcher(config.ranks, distributed.local_processes())} {command_line(sys.argv)}"
    tensor_file.write_bytes(folder / "command.txt", (line + "\n").encode())
    tensor_file.write_bytes(folder / "system.json", (json.dumps(_system(), indent=2) + "\n").encode())


def _system() -> dict[str, Any]:
    from importlib.metadata import PackageNotFoundError, version

    versions = {}
    for package in ("sparring", "torch", "numpy", "numba", "gymnasium", "pygame-ce", "safetensors"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "commit": _commit(),
        "versions": versions,
    }


def _commit() -> str | None:
    """Of the code, where it lies in a repository and git is there."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent, check=False)
        return found.stdout.strip() or None
    except OSError:
        return None


def read_config(folder: Path) -> Config:
    """The config of a run's folder; `UserError` if there is none or it does not fit this version."""
    return config_of(config_values(folder), folder / "config.json")


def config_of(values: dict[str, Any], path: Path) -> Config:
    """The config in a parsed config.json. path: of that file, for messages. `UserError` if `as_json` cannot have written it."""
    found = schema.check(path, values, ConfigFile)
    settings_type = ALGORITHMS[found.algorithm][1]
    groups: dict[str, Any] = {}
    for place, kind in (("learner", settings_type), ("run", RunSettings)):
        group = schema.with_added(getattr(found, place), {each.name for each in fields(kind)}, found.written_by)
        checked = schema.check(path, group, SETTINGS_FILES[kind], place, found.written_by)
        groups[place] = kind(**msgspec.structs.asdict(checked))
    plain = {name: value for name, value in msgspec.structs.asdict(found).items() if name != "written_by"}
    if len(found.opponent_digests) != len(found.opponents):
        raise UserError(
            f"{path} does not fit: it has {len(found.opponents)} opponents and digests of {len(found.opponent_digests)}."
        )
    if not groups["run"].steps and found.time_limit is None:
        raise UserError(f"{path} does not fit: it has neither steps nor a time limit, so that it would never end.")
    return Config(**{**plain, **groups})
