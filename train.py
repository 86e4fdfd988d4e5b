"""Train an agent: python train.py pong"""

import gc
import signal
import time

STARTED = time.perf_counter()
if __name__ == "__main__":
    gc.disable()  # until `command.loaded`
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `command.run`: Ctrl-C while modules load prints no traceback

import argparse  # noqa: E402 - the clock starts first
import contextlib  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable  # noqa: E402
from pathlib import Path  # noqa: E402

import games  # noqa: E402
from agents.core import workers  # noqa: E402
from agents.core.game_names import is_gym  # noqa: E402
from agents.core.json_output import only_json, print_json  # noqa: E402
from agents.core.signals import interrupts_ignored  # noqa: E402
from games import command  # noqa: E402
from games.errors import EnvironmentFailed, UserError  # noqa: E402

EPILOG = """examples:
  python train.py pong                                     the game's own recipe
  python train.py connect_four --opponent self --opponent bot
  python train.py ./my_game.py --time-limit 300            a game of your own
  python train.py gym:CartPole-v1                          an environment of Gymnasium's
  python train.py breakout --set n_envs=256 --set gamma=0.995 --steps 5e6
  python train.py pong --seeds 3 --jobs 2                  three runs, two side by side; their mean
  python train.py --resume runs/pong/NAME                  go on with a run that was stopped or killed
  python train.py pong --workers 2                         two processes that train one network together
watch:  tensorboard --logdir runs        play:  python play.py pong"""

NETWORK = "patch, tiny, small, nature, impala, mobile, mlp, or a file of your own, ./my_net.py; repeat it for opponents' files"
ALONE = {  # options that ranks which train together have no use for
    "trainer": "is for one process",
    "describe": "needs one process",
    "seeds": "trains one run after the other",
    "jobs": "goes with --seeds",
}
SIZES = {"n_envs", "batch_size", "threads", "env_processes"}  # who chooses one of them says by it how the cores are used
OPPONENT = (
    "bot (bot:0.5), bot:0.8, random, self, league (many), person:NAME, level:N, an agent; may be repeated; "
    "with --resume OLD=NEW, where an agent is now"
)
LEVELS = "that it learns in: train (any; the default), train:1000 (the first ones), or a bank's file, .npy or .json"
WORKERS = "processes that train one network together (default: 2 or 4, where there are cores for them, for PPO and PQN; else 1)"
LIMIT = "of the whole command, instead of a number of steps; give --steps too to stop at whichever comes first"


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="train.py", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("game", nargs="?", help="a game's name (--list shows them), the path of a game's file, or gym:ID, any of Gymnasium's")
    add("--algo", help="the learner, ppo, dqn or pqn (default: the first of the game's recipe)")
    add("--trainer", help="sparring (default), or sb3: Stable-Baselines3's own learners, as the reference")
    add("--network", action="append", metavar="NETWORK", help=NETWORK)
    add("--memory", help="none, or lstm: what earlier decisions showed")
    add("--observation", help="pixels, planes or objects")
    add("--opponent", action="append", metavar="SEAT", help=OPPONENT)
    add("--levels", metavar="LEVELS", help=LEVELS)
    add("--seed", type=int, help="of everything random (default: 1)")
    add("--steps", type=float, help="decisions to learn from, as 2e6")
    add("--time-limit", type=float, metavar="SECONDS", help=LIMIT)
    add("--envs", type=int, help="environments at once")
    add("--device", help="auto, cpu, cuda or mps (default: auto)")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="change a setting; may be given several times")
    add("--preset", metavar="NAME", help="sb3: Stable-Baselines3's defaults")
    add("--name", help="of the run's folder")
    add("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help="where runs are kept (default: runs)")
    add("--resume", type=Path, metavar="RUN", help="go on with a run's folder")
    add("--init-from", type=Path, metavar="AGENT", help="begin with the weights of an agent, of any game, where they fit")
    add("--freeze", choices=["encoder"], help="what does not learn (--set copied_rate=0.1: what was copied learns slower)")
    add("--seeds", type=int, metavar="K", help="train K times, with the seeds from --seed on; tells their mean")
    add("--jobs", type=int, metavar="J", help="of --seeds: so many side by side (default: 1)")
    add("--workers", type=int, metavar="N", help=WORKERS)
    add("--describe", action="store_true", help="print the network's layers, parameters and operations, and train nothing")
    add("--list", action="store_true", help="list the games and their recipes")
    add("--quiet", action="store_true", help="print nothing but errors")
    add("--json", action="store_true", help="print one JSON object at the end, and nothing else")
    return parser


def main() -> int:
    try:
        if int(os.environ.get("WORLD_SIZE", "1")) > 1 and "LOCAL_RANK" in os.environ:  # one of several
            return workers.run_worker(together)
        options = arguments().parse_args()
        if (count := workers_named(options)) > 1:
            if not options.resume:
                compile_ahead(options)  # while all of them load torch
            return workers.run(count, Path(__file__), together)
        with only_json(options.json):
            return command_of(options)(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # before there was anything to save
        what = "The run is as it was." if any(word.startswith("--resume") for word in sys.argv) else "No run was begun."
        if os.environ.get("RANK", "0") == "0":  # the terminal's Ctrl-C comes to all ranks
            print(f"\nStopped before the first iteration. {what}", file=sys.stderr)
        return 130
    except (MemoryError, RuntimeError) as error:
        from agents.core.out_of_memory import is_out_of_memory, out_of_memory

        if not is_out_of_memory(error):
            raise
        print(f"error: {out_of_memory(error)}", file=sys.stderr)
        return 2


def command_of(options: argparse.Namespace) -> Callable[[argparse.Namespace], int]:
    """The command that the options ask for."""
    if options.list:
        return list_games
    if options.describe:
        return describe
    return train if options.seeds is None and options.jobs is None else train_seeds


def workers_named(options: argparse.Namespace) -> int:
    """The number of processes that train together: as told, or of a run that goes on as many as it had."""
    if options.workers is not None and not 1 <= options.workers <= 256:
        raise UserError(f"--workers is from 1 to 256, not {options.workers}.")
    if options.list or named_alone(options):
        return options.workers or 1  # of which is told that they need one process
    if options.workers is None and options.resume:
        with contextlib.suppress(OSError, ValueError, AttributeError):  # what is wrong with it is told later
            found = json.loads((options.resume / "config.json").read_text("utf-8")).get("ranks")
            return found if isinstance(found, int) and 1 <= found <= 256 else 1
    return options.workers or (workers.default_count(options.device) if shares_by_default(options) else 1)


def shares_by_default(options: argparse.Namespace) -> bool:
    """Whether several workers learn a run for which nobody has said how many: that of a recipe, if its learner gains by it."""
    chosen = {text.partition("=")[0] for text in options.set} | ({"n_envs"} if options.envs else set())
    if options.preset:
        return False
    if not options.game or is_gym(options.game) or options.device not in (None, "auto", "cpu"):
        return False
    recipes = games.load(options.game).recipe
    algorithm = options.algo or next(iter(recipes))
    return algorithm in ("ppo", "pqn") and not (chosen | set(recipes.get(algorithm, {}))) & SIZES


def named_alone(options: argparse.Namespace) -> list[str]:
    """The options given that need one process."""
    given = ((name, getattr(options, name)) for name in ALONE)
    return [name for name, value in given if not (value is None or value is False or value == "sparring")]


def list_games(options: argparse.Namespace) -> int:
    for name in games.names():
        game = games.load(name)
        print(f"{game.name:14} {', '.join(game.recipe):10} {game.doc.splitlines()[0]}")
    return 0


def together(check: Callable[[], None] | None) -> int:
    """Train as one of several processes. check: raises where one of them is gone before all are there."""
    from agents.core import distributed  # torch loads here, in all of them at once

    return distributed.run_group(train_together, follow, check)


def train_together(group) -> int:
    """Rank 0's part of a training by several processes."""
    options = arguments().parse_args()
    for name in named_alone(options):
        without = "--workers" if workers.meeting() else "torchrun"
        raise UserError(f"--{name} {ALONE[name]}: python train.py, without {without}.")
    if options.workers is not None and not workers.meeting():
        raise UserError("torchrun has begun all processes: leave out --workers.")
    if workers.meeting() and not options.resume:
        options.workers = group.size  # named or not
    with only_json(options.json):
        return list_games(options) if options.list else train(options, group)


def follow(group) -> int:
    """The other ranks' part: the same run, as rank 0 has planned it."""
    from agents.training import trainer  # noqa: F401 - loads while rank 0 compiles

    shared = group.broadcast_json(None)
    with only_json(arguments().parse_args().json):
        return follow_run(group, shared)


def follow_run(group, shared: dict) -> int:
    """Train the run that rank 0 has told of."""
    from agents.networks import custom
    from agents.training import config as configs
    from agents.training import trainer as runs

    config = configs.config_of(shared["config"], Path(shared["folder"]) / "config.json")
    for file in shared["networks"]:
        custom.load(file)
    game = configs.resumed_game(config, shared["game"])
    configs.check_resumable(config, game, Path(shared["folder"]).resolve().parents[1])
    run = runs.Trainer(game, config, Path(shared["folder"]), quiet=True, started=STARTED, resume=shared["resume"], group=group)
    if shared["begins_from"]:
        run.begin_from({})  # rank 0's
    command.loaded()
    try:
        run.train()
    except runs.Stop as stop:
        return 128 + stop.number
    return 0


def train(options: argparse.Namespace, group=None) -> int:
    """Begin or resume a run, and train. group: the processes that train together; without, this one alone."""
    compiling = not options.resume and compile_ahead(options)
    from agents.core.distributed import ProcessGroup
    from agents.training import cli_config  # torch loads here
    from agents.training import trainer as runs
    from games.engine import precompile
    from games.engine.loader import Game

    group = group or ProcessGroup()
    fresh = options.resume is None
    game, config, folder = (cli_config.new_run if fresh else cli_config.resumed_run)(options, group.size)
    if not fresh and (final := runs.finished(folder.path, config)):
        tell_finished(options, final, config, folder.path)
        return 0
    try:
        if not fresh and isinstance(game, Game):
            compiling = precompile.compile_in_background(game, *loops_of(game, config.learner.observation))
        if compiling and not (options.quiet or options.json):
            print(f"Compiling {game.heading}: some seconds, once for each state of its rules …", flush=True)
        if compiling and group.size > 1 and isinstance(game, Game):
            precompile.wait(game)  # or each would compile for itself
        run = begun(options, game, config, folder, group)
    except BaseException:  # nothing has been learned that would be lost
        folder.abandon()
        raise
    folder.release()  # the run holds the lock too
    try:
        final = trained(options, run)
    except runs.Stop as stop:
        tell_stopped(options, run)
        return 128 + stop.number
    except EnvironmentFailed as error:
        print(f"error: {error}", file=sys.stderr)
        tell_stopped(options, run)
        return 2
    except KeyboardInterrupt:  # before the run had a handler of its own
        run.close()
        tell_stopped(options, run)
        return 130
    with interrupts_ignored():
        if options.json:
            print_json(final)
        elif not options.quiet:
            tell_results(options, final, run)
    return 0


def trained(options: argparse.Namespace, run) -> dict:
    """Say what begins, and train; the final evaluation."""
    from agents.core.shell import command_line

    game, config, group = run.game, run.config, run.group
    who, many = learner_named(game, config), f", {group.size} processes" if group.size > 1 else ""
    run.terminal.say(f"{game.heading}: {who}, {config.learner.network} network, seed {config.seed}, on {config.device}{many}")
    for remark in filter(None, [run.about_levels, *run.learner.remarks]):
        run.terminal.say(remark)
    watched = run.folder.parent.parent if options.resume else options.runs
    run.terminal.say(f"Watch:  {command_line(['tensorboard', '--logdir', watched])}\n")
    return run.train()


def begun(options: argparse.Namespace, game, config, folder, group):
    """The run, new or resumed, in all processes."""
    from agents.play.agent import matching_weights
    from agents.training import cli_config
    from agents.training import config as configs

    fresh, run = options.resume is None, None
    begins_from = fresh and bool(options.init_from)
    told = {
        "game": options.game or game.name,
        "config": configs.as_json(config),
        "folder": str(folder.path),
        "resume": not fresh,
    }
    try:
        group.broadcast_json({**told, "networks": cli_config.networks_named(options, config), "begins_from": begins_from})
        quiet = options.quiet or options.json
        started = {"quiet": quiet, "started": STARTED, "resume": not fresh, "group": group, "lock": folder.lock}
        run = run_class(config)(game, config, folder.path, **started)
        if begins_from:
            weights, without = matching_weights(options.init_from, run.learner.network)
            run.begin_from(weights)
            run.terminal.say(f"From {options.init_from}: {len(weights)} weights; not: {', '.join(without) or 'none'}")
        elif not fresh:
            configs.write_config(folder.path, config)  # so that it goes on for as long the next time too
    except BaseException:
        if run is not None:
            run.close()
        raise
    command.loaded()
    return run


@interrupts_ignored()
def tell_stopped(options: argparse.Namespace, run) -> None:
    """Print what is saved after a signal, and how to go on."""
    from agents.training import cli_config

    game, folder = run.game, run.folder
    steps = run.learner.steps if run.saved is None else run.saved  # of an iteration that was broken off nothing is kept
    print(f"\nStopped at step {steps:,}.", end=" ", file=sys.stderr)
    if run.config.trainer == "sb3":
        print(f"The agent so far: {folder / run.agent_file}\n{cli_config.NO_RESUME}", file=sys.stderr)
    else:
        named = [options.game] if options.game and not game.shipped else []
        print(f"Go on with:\n  {cli_config.resume_command(options, run.config, folder, named)}", file=sys.stderr)


def tell_results(options: argparse.Namespace, final: dict, run) -> None:
    """Print a run's results, and how to play against its agent."""
    from agents.core.shell import command_line
    from agents.training import cli_config
    from agents.training.report import summary_lines

    who = options.game if not run.game.shipped else run.game.name
    seats = [run.folder, "--headless"] if is_gym(who) else ["human", run.folder]
    trust = ["--trust-pickle"] if run.config.trainer == "sb3" else []
    play = ["python", "play.py", who, *seats, *trust, *cli_config.network_arguments(options, run.config)]
    print("\n" + "\n".join([*summary_lines(final), f"Agent:  {final['agent']}", f"Play:   {command_line(play)}"]))


def compile_ahead(options: argparse.Namespace) -> bool:
    """Compile a game that is met for the first time while torch loads; True where something is compiled."""
    from games.engine import precompile
    from games.engine.view import OBSERVATIONS

    if not options.game or is_gym(options.game):
        return False
    game = games.load(options.game)
    settings = dict(text.split("=", 1) for text in options.set if "=" in text)
    recipe = game.recipe.get(options.algo or next(iter(game.recipe)), {})
    seen = options.observation or settings.get("observation") or recipe.get("observation") or OBSERVATIONS[0]
    return seen in OBSERVATIONS and precompile.compile_in_background(game, *loops_of(game, seen))


def loops_of(game, observation: str) -> tuple[str, tuple[str, ...]]:
    """The kernel's loops that training with an observation needs, and its films: `precompile.compile_in_background`."""
    return "step_slice", (f"{observation}_slice", "frame_slice", *(("mask_slice",) if game.has_legal else ()))


def run_class(config):
    """The trainer class of a config."""
    if config.trainer == "sb3":
        from agents.training.sb3.trainer import Sb3Trainer  # Stable-Baselines3 loads here

        return Sb3Trainer
    from agents.training.trainer import Trainer

    return Trainer


def learner_named(game, config) -> str:
    """The name of a config's learner, for people."""
    if config.trainer == "sb3":
        from agents.training.sb3.settings import class_name

        return f"Stable-Baselines3's {class_name(game, config.algorithm, config.learner)}"
    return config.algorithm


def tell_finished(options: argparse.Namespace, final: dict, config, folder: Path) -> None:
    """Print the results of a run that has finished already, and how to train it for longer."""
    from agents.training import cli_config

    if options.json:
        print_json(final)
    elif not options.quiet:
        by_steps = config.run.steps and final["steps"] >= config.run.steps
        longer = ["--steps", 2 * final["steps"]] if by_steps else ["--time-limit", f"{2 * config.time_limit:g}"]
        limit = "" if by_steps else f" and its {config.time_limit:g} s"
        print(f"This run has finished already, after {final['steps']:,} steps{limit}. Longer:")
        print(f"  {cli_config.resume_command(options, config, folder, [options.game] if options.game else [], longer)}")


def describe(options: argparse.Namespace) -> int:
    """Print the table of the network that the settings make, or a run's."""
    from agents.play.description import describe_network, print_description
    from agents.training import cli_config
    from agents.training import config as configs

    if options.resume:
        config = configs.read_config(options.resume)
        game = configs.resumed_game(config, options.game)
        configs.load_resumed_networks(config, options.network or [], options.game, options.resume)
        algorithm, learner = config.algorithm, config.learner
    else:
        game, algorithm, learner, _ = cli_config.resolve_options(options)
    found = describe_network(game, learner, algorithm)
    if options.json:
        print_json(found)
    elif not options.quiet:
        print_description(found, game.heading)
    return 0


def train_seeds(options: argparse.Namespace) -> int:
    """The same run for several seeds, each in a process of its own."""
    from agents.training import cli_config, run_folder, seeds

    if options.resume or options.seeds is None:
        raise UserError("--jobs goes with --seeds K, which begins new runs; each is gone on with by itself.")
    command.loaded()
    game, config = cli_config.new_config(options)  # tells what is wrong before the first begins
    last = config.seed + options.seeds - 1
    if options.seeds < 1 or last >= 1 << 31:
        raise UserError(f"--seeds is 1 or more, and the last seed below {1 << 31}; not {options.seeds} from {config.seed} on.")
    together, silent = options.jobs if options.jobs is not None else 1, options.quiet or options.json
    threads = seeds.threads_each(together)
    if together > 1 and not any(text.startswith("threads=") for text in options.set):
        options.set.append(f"threads={threads}")
    label = run_folder.automatic_label(config.kind, config.learner.network)
    folders = run_folder.claim(options.runs, game, options.name, label, range(config.seed, last + 1))
    jobs = seeds.of_seeds(Path(__file__), vars(options), folders, silent or together > 1)
    side_by_side = together > 1 and not silent  # then they print nothing themselves
    try:
        seeds.Jobs(jobs, together, silent or together > 1, seeds.tell if side_by_side else None).run()
    except seeds.Stopped as stop:
        own_game = None if game.shipped else options.game
        again = seeds.how_to_go_on(jobs, vars(options), own_game, cli_config.networks_named(options, config))
        lines = [cli_config.NO_RESUME] if config.trainer == "sb3" else ["Go on with:", *again]
        print("\nStopped.", "\n  ".join(lines), file=sys.stderr)
        return 128 + stop.number
    found = {"game": game.name, "algorithm": config.algorithm, "network": config.learner.network, **seeds.summary(jobs)}
    if options.json:
        print_json(found)
    elif not options.quiet:
        print("\n" + "\n".join([*(seeds.line(job) for job in jobs if together == 1), *seeds.last_lines(found)]))
    for job in jobs:
        if job.failed:
            print(f"error: seed {job.seed}: {job.failed}", file=sys.stderr)
    return 2 if any(job.failed for job in jobs) else 0


if __name__ == "__main__":
    command.run(main)
