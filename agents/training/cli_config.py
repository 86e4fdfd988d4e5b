"""From `train.py`'s options to a run: its game, config and folder, new or resumed."""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import games
from agents.bridges.game_loader import load_game
from agents.core.distributed import launcher, local_processes
from agents.core.shell import command_line
from agents.networks import custom
from agents.play.agent import build_network, matching_weights
from agents.play.trainable import AnyGame
from agents.training import config as configs
from agents.training import run_folder, run_levels
from agents.training.config import Config, RunSettings
from agents.training.league import check_league, put_back
from agents.training.moved_opponents import found_opponents
from agents.training.run_folder import RunFolder
from games.errors import UserError, nearest

NO_RESUME = (
    "A run of Stable-Baselines3's cannot be gone on with: its files do not hold all that it would need. Begin a new one."
)

# Options that a run to go on with has answered already.
KEPT = (
    *(
        "algo",
        "trainer",
        "memory",
        "observation",
        "envs",
        "preset",
        "init_from",
        "freeze",
        "set",
        "name",
        "seed",
        "levels",
        "workers",
    ),
)


def resolve_options(options: argparse.Namespace) -> tuple[AnyGame, str, Any, RunSettings]:
    """The game, the algorithm and all settings, as the command line names them."""
    _check_ends(options)
    if not options.game:
        raise UserError(f"Which game?\nKnown: {', '.join(games.names())}.\nFor example: python train.py pong")
    if options.trainer not in (None, *configs.TRAINERS):
        raise UserError(f"There is no trainer '{options.trainer}'.\n{nearest(options.trainer, configs.TRAINERS)}")
    game = load_game(options.game)
    for file in (options.network or [])[1:]:
        custom.load(file)
    algorithm = options.algo or next(iter(game.recipe))
    learner, settings = configs.resolve(game, algorithm, chosen_settings(options), options.preset)
    _divide(learner, options.workers or 1)
    if options.trainer == "sb3":
        from agents.training.sb3.settings import fit  # Stable-Baselines3 loads here

        fit(game, algorithm, learner, chosen_settings(options), options.preset)
    return game, algorithm, learner, settings


def _divide(learner: Any, workers: int) -> None:
    """Give each of several workers an equal part of the environments, the batch and the replay buffer."""
    for name in configs.DIVIDED:
        whole, least = getattr(learner, name, 0), configs.RANGES[name][0]
        if whole and whole < least * workers:
            raise UserError(
                f"{workers} workers cannot share {name}, which is {whole}: each needs {least}.\n"
                f"For example: --set {name}={least * workers}, or --workers 1"
            )
        if whole % workers:
            fitting = (whole // workers + 1) * workers
            raise UserError(
                f"{workers} workers cannot share {name} equally, which is {whole}.\nFor example: --set {name}={fitting}"
            )
        if whole:
            setattr(learner, name, whole // workers)


def _check_ends(options: argparse.Namespace) -> None:
    if options.steps is not None and not (options.steps >= 1 and math.isfinite(options.steps)):
        raise UserError(f"--steps is a whole number, 1 or more, not {options.steps:g}.")
    if options.time_limit is not None and not 5 <= options.time_limit < math.inf:
        raise UserError(f"A time limit is 5 seconds at least, and some number of them, not {options.time_limit:g}.")


def new_run(options: argparse.Namespace, processes: int = 1) -> tuple[AnyGame, Config, RunFolder]:
    """A new run of so many processes: its game, config and folder, made and locked."""
    game, config = new_config(options)
    config.ranks = processes
    if options.name:
        folder = run_folder.claim_named(options.runs, game, options.name)
    else:
        label = run_folder.automatic_label(config.kind, config.learner.network)
        folder = run_folder.claim(options.runs, game, None, label, [config.seed])[config.seed]
    try:
        run_levels.keep_bank(folder.path, game, config.run)
        configs.write_frame(folder.path, config)
    except BaseException:
        folder.abandon()
        raise
    return game, config, folder


def new_config(options: argparse.Namespace) -> tuple[AnyGame, Config]:
    """The game and the config of a new run, from the command line; `UserError` if an option is missing or is not valid."""
    game, algorithm, learner, settings = resolve_options(options)
    if options.time_limit is not None and "steps" not in chosen_settings(options):
        settings.steps = 0
    elif not settings.steps and "steps" in chosen_settings(options):
        raise UserError("The setting steps is 0; it must be 1 or more.")
    elif not settings.steps:
        raise UserError(f"How long?\nThe recipe of {game.name} does not say.\nGive --steps 5e6 or --time-limit 300.")
    seed = 1 if options.seed is None else options.seed
    if not 0 <= seed < 1 << 31:
        raise UserError(f"--seed is from 0 to {(1 << 31) - 1}, not {seed}.")
    run_levels.settle(game, settings, named="levels" in chosen_settings(options))
    device = configs.device_of(options.device or "auto")
    network = build_network(game, learner, algorithm)  # tells whether the settings go together, before there is a folder
    copied = list(matching_weights(options.init_from, network)[0]) if options.init_from else []
    opponents = [configs.absolute_opponent(name) for name in opponents_named(options, game, algorithm, learner.n_envs)]
    if configs.LEAGUE in opponents:
        check_league(game, opponents, settings, learner.n_envs)
    config = configs.Config(
        game=game.name,
        game_version=game.version,
        game_digest=None if game.shipped else game.digest,
        game_file="" if game.shipped else options.game,
        algorithm=algorithm,
        seed=seed,
        time_limit=options.time_limit,
        network_file=custom.LOADED[learner.network_digest].shown if learner.network_digest else "",
        opponents=opponents,
        opponent_digests=configs.digests(configs.opponents_of(opponents, game, device, options.runs)),
        device=device,
        copied=copied,
        freeze=options.freeze or "",
        trainer=options.trainer or configs.TRAINERS[0],
        run=settings,
        learner=learner,
    )
    return game, config


def default_opponents(game: AnyGame) -> list[str]:
    """The opponents where nobody names any: beside the bot some whom a beginner beats, since a reward that never comes teaches
    nothing. Where nobody wins the bot is a partner.
    """
    if game.players == 1:
        return []
    return ["self", "bot", "random"] if game.competitive else ["bot"]


def opponents_named(options: argparse.Namespace, game: AnyGame, algorithm: str, n_envs: int) -> list[str]:
    """The opponents it learns against: those the user named, else the recipe's, else some of whom one can be beaten."""
    recipe = list(game.recipe.get(algorithm, {}).get("opponents", default_opponents(game)))
    if options.trainer != "sb3":
        return options.opponent or recipe
    from agents.training.sb3.settings import opponents

    if options.init_from or options.freeze:
        option = "--init-from" if options.init_from else "--freeze"
        raise UserError(f"Stable-Baselines3's learners begin with weights of their own, and all learn: leave out {option}.")
    return opponents(game, options.opponent or [], recipe, n_envs)


def resumed_run(options: argparse.Namespace, processes: int = 1) -> tuple[AnyGame, Config, RunFolder]:
    """A run to resume, by so many processes: its game, config and folder."""
    run_folder.check_resumable(options.resume)
    config = configs.read_config(options.resume)
    if config.trainer == "sb3":
        raise UserError(NO_RESUME)
    if config.ranks != processes:
        raise UserError(
            f"{options.resume} is a run of {config.ranks} process{'es'[: 2 * (config.ranks > 1)]}, and here {processes} would "
            "go on with it.\nEach has environments of its own: "
            f"{command_line(['python', 'train.py', '--resume', options.resume])}"
        )
    kept = [name for name in KEPT if getattr(options, name) not in (None, [])]
    kept += ["opponent"] if any("=" not in text for text in options.opponent or []) else []
    for name in kept:
        option = f"--{name.replace('_', '-')}"
        raise UserError(
            f"A resumed run keeps its settings: {option} cannot be given.\nOnly --steps, --time-limit and --device can; "
            "and --opponent OLD=NEW, for an agent that is elsewhere now."
        )
    game = configs.resumed_game(config, options.game)
    configs.load_resumed_networks(config, options.network or [], options.game, options.resume)
    _check_ends(options)
    if options.steps is not None:
        config.run.steps = int(options.steps)
    if options.time_limit is not None:
        config.time_limit = options.time_limit
    config.device = configs.device_of(options.device or config.device)
    config.opponents = found_opponents(config, options.resume, put_back(options.resume, options.opponent or []))
    configs.check_resumable(config, game, options.resume.resolve().parents[1])
    return game, config, RunFolder(options.resume)


def chosen_settings(options: argparse.Namespace) -> dict[str, Any]:
    """The settings given on the command line."""
    values = {}
    for text in options.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise UserError(f"--set takes NAME=VALUE, not '{text}'.")
        values[name] = value
    named = {
        "network": options.network[0] if options.network else None, "memory": options.memory,
        "observation": options.observation, "n_envs": options.envs, "steps": options.steps, "levels": options.levels,
    }  # fmt: skip
    values |= {name: value for name, value in named.items() if value is not None}
    if values.get("observation") == "objects" and "network" not in values:
        values["network"] = "mlp"
    return values


def networks_named(options: argparse.Namespace, config: Config) -> list[str]:
    """The files of networks that have to be named again; none where all networks ship."""
    named = [name for name in options.network or [] if name.endswith(".py")]
    return named or ([config.network_file] if config.network_file else [])


def network_arguments(options: argparse.Namespace, config: Config) -> list[str]:
    """The words of a command that name them."""
    return [word for file in networks_named(options, config) for word in ("--network", file)]


def resume_command(options: argparse.Namespace, config: Config, folder: Path, game: list[str], more: Sequence[Any] = ()) -> str:
    """The command that goes on with a run. game: its name, where it has to be said."""
    line = ["train.py", *game, "--resume", folder, *more, *network_arguments(options, config)]
    return f"{launcher(config.ranks, local_processes())} {command_line(line)}"
