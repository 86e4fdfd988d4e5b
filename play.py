"""Play a game against a trained agent, watch two agents, or let them play many games. Without a game: a menu of all."""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `command.run`: Ctrl-C while modules load prints no traceback

import argparse
import functools
import sys
from pathlib import Path

import games
from agents.core.game_names import is_gym
from agents.core.json_output import only_json, print_json
from games import command
from games.errors import UserError
from ui import replay_command

EPILOG = """seats: human, bot, bot:0.8 (a skill from 0 to 1), random, level:1 to level:7 or a level's name (newcomer to master),
moment:1 (an agent early in its training), fit (becomes as strong as you are), person:NAME (a simulated one),
the path of an agent's file or of a run's folder;
with --trust-pickle also of what Stable-Baselines3 saved

examples:
  python play.py                                       the menu
  python play.py pong                                  you against the best agent at hand
  python play.py pong human level:3                    you against the third of seven levels
  python play.py pong human fit                        an opponent that becomes as strong as you are
  python play.py pong human bot:1                      you against the game's own bot
  python play.py pong runs/pong/NAME bot               watch
  python play.py pong watch runs/pong/NAME             watch a training: always its newest agent
  python play.py pong runs/pong/NAME bot --headless --games 1000
  python play.py breakout                              a race: you and the agent side by side
  python play.py ./my_game.py human bot
  python play.py --replays                             the games that were played, and their files
  python play.py --replay FILE"""

FIT, WATCH = "fit", "watch"

TRUST = "open agents that Stable-Baselines3 saved (.zip), although that runs whatever code is in them"
LEVELS = "to play: train (any; the default), train:100, test or test:200 (held out), a bank's file, test:FILE"
SEEN = "what such an agent sees, if no config.json lies beside it: observation, size, stack, delay"


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="play.py", description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("game", nargs="?", help="a game's name, the path of a game's file, or (with --headless) gym:ID; without it: the menu")
    add("seats", nargs="*", metavar="SEAT", help="who plays; by default you against the best agent at hand")
    add("--network", action="append", default=[], metavar="FILE", help="of an agent's network of your own; may be repeated")
    add("--headless", action="store_true", help="no window: play --games games in one batch and print the result")
    add("--games", type=int, metavar="N", help="games to play (headless: 100 by default; a window: until it is closed)")
    add("--json", action="store_true", help="headless: print one JSON object")
    add("--levels", metavar="LEVELS", help=LEVELS)
    add("--seed", type=int, help="of the games (headless: 0 by default; a window: another one each time)")
    add("--runs", type=Path, default=Path("runs"), metavar="FOLDER", help="where runs are kept (default: runs)")
    add("--size", metavar="WxH", help="of the window, as 1280x720")
    add("--trust-pickle", action="store_true", help=TRUST)
    add("--set", action="append", default=[], metavar="NAME=VALUE", help=SEEN)
    add("--plain", action="store_true", help="no glow, shadows and other effects in the window")
    add("--eye", action="store_true", help="a window: begin with the agent's eye open (key V)")
    replay_command.add_arguments(parser)
    return parser


def main() -> int:
    options = arguments().parse_intermixed_args()  # seats may stand behind options
    try:
        for file in options.network:
            from agents.networks import custom

            custom.load(file)
        if replay_command.is_asked(options):
            return replay_command.run(options, functools.partial(found_seat, options), size_of(options.size))
        if not options.game:
            return menu(options)
        if options.games is not None and options.games < 1:
            raise UserError(f"--games is 1 or more, not {options.games}.")
        if options.seed is not None and not 0 <= options.seed < 1 << 63:
            raise UserError(f"--seed is 0 or more, not {options.seed}.")
        if options.eye and options.headless:
            raise UserError("--eye is a part of the window: leave out --headless.")
        if not options.headless:
            return window(options)
        with only_json(options.json):
            return headless(options)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def seats_of(options: argparse.Namespace, game) -> list[str]:
    """The seats named by the user, and who takes those that are not.

    With no name the best agent at hand plays a person, headless the bot. With one name in a game for two, a person plays in
    the window against who is named; headless, and where a person is named, the best agent at hand does.
    """
    from agents.participants import best_at_hand

    named = list(options.seats)
    places = game.players if options.headless else 2  # in a window, two participants may race in a game of one seat
    if len(named) > places:
        raise UserError(f"{game.heading} takes {places} participant{'s'[: places - 1]} here, not {len(named)}.")
    if not named:
        best = best_at_hand(game, options.runs)
        if best == "bot" and is_gym(game.name):
            raise UserError(
                f"There is no agent of {game.name} in {options.runs}.\n"
                f"Train one: python train.py {options.game}\n"
                f"Or name one, or random: python play.py {options.game} random --headless"
            )
        return [best, "bot"][: game.players] if options.headless else ["human", best]
    if len(named) < game.players:
        wants_agent = options.headless or named == ["human"]
        named = [*named, best_at_hand(game, options.runs)] if wants_agent else ["human", *named]
    return named


def headless(options: argparse.Namespace) -> int:
    """Play --games games in one batch and print the result; returns the exit code."""
    from agents.bridges.game_loader import load_game
    from agents.participants import loaded
    from agents.play.match import play_match
    from agents.training.report import verdict

    game = load_game(options.game)
    names = seats_of(options, game)
    if "human" in names and is_gym(options.game):
        raise UserError(f"{game.name} has no window here for a person to play in.\nSeats: random, or an agent.")
    if "human" in names:
        raise UserError(
            "A person cannot play without a window: leave out --headless, and one opens.\n"
            "Seats without a window: bot, bot:0.8, random, person:NAME, or an agent."
        )
    if names[:1] == [WATCH]:
        raise UserError(f"{WATCH} is of the window: leave out --headless.")
    if FIT in names:
        raise UserError(f"{FIT} needs a person to fit: leave out --headless.\nWithout a window: level:1, level:2, …")
    trusted = trusted_files(options, names)
    seated = [loaded(name, game, trusted, unless_named(options, name), options.runs) for name in names]
    levels = levels_of(options, game, names)
    result = play_match(game, seated, options.games or 100, options.seed or 0, levels)
    summary = result.summary()
    if options.levels is not None:
        summary |= {"levels": levels.name, "levels_skipped": levels.skipped}
    if options.json:
        print_json(summary)
        return 0
    played = "" if options.levels is None else f" on {levels.name}"
    print(f"{game.heading}, {result.games} games{played}, {summary['steps_per_second']:,} decisions a second")
    if levels.skipped:
        print(f"  {levels.note()}")
    for text in result.repeats:
        print(f"  {text}")
    if game.players == 1:
        print(f"  {names[0]}: {verdict(summary)}" + (f"\n  {result.note}" if result.note else ""))
        return 0
    if not game.competitive:
        print("\n".join(f"  {line}" for line in returns_in_words(names, summary)))
        return 0
    width = max(len(name) for name in names)
    for k, name in enumerate(names):
        print(f"  {name:{width}}  won {summary['wins'][k]:5}   mean return {summary['mean_return'][k]:+.2f}")
    low, high = summary["interval"]
    print(f"  {'draws':{width}}      {summary['draws']:5}")
    print(f"{names[0]} scores {summary['win_rate']:.1%} (95 %: {low:.1%} to {high:.1%}), a draw counting half")
    return 0


def returns_in_words(names: list[str], summary: dict) -> list[str]:
    """The mean returns of two participants where nobody wins: a line for each, or one where both earn the same."""
    if summary["rewards"] == "shared":
        names, means, intervals = [" and ".join(names)], [summary["mean_return"]], [summary["return_interval"]]
    else:
        means, intervals = summary["mean_return"], summary["return_interval"]
    width = max(len(name) for name in names)
    rows = zip(names, means, intervals, strict=True)
    return [f"{name:{width}}  return {mean:.2f} (95 %: {low:.2f} to {high:.2f})" for name, mean, (low, high) in rows]


def window(options: argparse.Namespace) -> int:
    """Play in a window; returns the exit code."""
    from ui.challenge import challenge_of
    from ui.match import between
    from ui.replays import folder_of
    from ui.seating import described, seat_of
    from ui.settings import SettingsFile, path_of
    from ui.sound import Mixer
    from ui.watching import watching_seat
    from ui.window import play

    if options.json:
        raise UserError("--json goes with --headless.")
    if is_gym(options.game):
        instead = "name an agent instead of human, and " if "human" in options.seats else ""
        raise UserError(f"{options.game} has no window here.\nLet an agent play it: {instead}add --headless")
    game = games.load(options.game)
    watched = options.seats[:1] == [WATCH]
    names = watched_seats(options) if watched else seats_of(options, game)
    trusted = trusted_files(options, names)
    if FIT in names and (game.players != 2 or not game.competitive or names.count("human") != 1):
        raise UserError(f"{FIT} plays against one person, where one of two can win: python play.py pong human {FIT}")
    run = [watching_seat(game, Path(names[0]))] if watched else []
    seats = run + [seat_of(name, game, trusted, unless_named(options, name), options.runs) for name in names[len(run) :]]
    levels = levels_of(options, game, names)
    played = "" if options.levels is None else f", on {levels.name}"
    print(f"{game.heading}: {f' {between(game)} '.join(map(described, seats))}{played}", flush=True)
    if levels.skipped:
        print(levels.note(), flush=True)
    kept = SettingsFile(path_of())
    effects = kept.settings.effects and not options.plain
    settings = {"seed": options.seed, "size": size_of(options.size), "games": options.games, "effects": effects, "kept": kept}
    settings |= {"countdown": True, "speaker": Mixer(), "replays": folder_of(), "eye": options.eye or watched}
    settings["challenge"] = challenge_of(game, seats, options.runs)
    play(game, seats, levels=levels, **settings)
    return 0


def found_seat(options: argparse.Namespace, name: str, game):
    """The seat of a replay's participant, by the name that they had on the command line."""
    from ui.seating import seat_of

    return seat_of(name, game, runs=options.runs)


def watched_seats(options: argparse.Namespace) -> list[str]:
    """The run that is watched and its opponent, by default the game's bot."""
    named = options.seats[1:]
    if not 1 <= len(named) <= 2:
        told = f"{WATCH} needs a run's folder, and may name its opponent."
        raise UserError(f"{told}\nFor example: python play.py pong {WATCH} runs/pong/NAME")
    return [named[0], *(named[1:] or ["bot"])]


def menu(options: argparse.Namespace) -> int:
    """Show the menu, where games and opponents are chosen; returns the exit code."""
    if options.headless:
        raise UserError(f"Which game?\nKnown: {', '.join(games.names())}.\nFor example: python play.py pong --headless")
    of_a_game = ("games", "json", "levels", "seed", "trust_pickle", "set", "eye")
    given = [f"--{name.replace('_', '-')}" for name in of_a_game if getattr(options, name) not in (None, False, [])]
    if given:
        raise UserError(f"{given[0]} goes with a game.\nFor example: python play.py pong {given[0]}")
    from ui.menu import open_menu
    from ui.sound import Mixer

    open_menu(size=size_of(options.size), runs=options.runs, effects=not options.plain, speaker=Mixer())
    return 0


def levels_of(options: argparse.Namespace, game, names: list[str]):
    """The levels that --levels names, any without it. Held-out ones are none in which an agent that plays has learned."""
    from agents.play.levels import chosen_levels, trained_on

    is_test = (options.levels or "").partition(":")[0] == "test"
    agents = [name for name in names if is_test and Path(name).exists()]
    return chosen_levels(game, options.levels, *(trained_on(name, game) for name in agents))


def trusted_files(options: argparse.Namespace, names: list[str]) -> dict[str, str] | None:
    """The user's --set values for agents of Stable-Baselines3's; None if their files must not be opened."""
    from agents.play.agent_files import PICKLED, file_of

    told = dict(text.partition("=")[::2] for text in options.set)
    if (options.trust_pickle or told) and not any(file_of(name).suffix == PICKLED for name in names):
        option = "--set" if told else "--trust-pickle"
        raise UserError(f"No agent of Stable-Baselines3's ({PICKLED}) sits here: leave out {option}.")
    if told and not options.trust_pickle:
        raise UserError("--set goes with --trust-pickle: what an agent of Stable-Baselines3's sees.")
    return told if options.trust_pickle else None


def unless_named(options: argparse.Namespace, name: str) -> Path | None:
    """Where to look for another participant if this one cannot be loaded; None for those whom the user has named."""
    return None if name in options.seats else options.runs


def size_of(text: str | None) -> tuple[int, int] | None:
    """The width and height that --size names, in pixels; None if it is not given."""
    if text is None:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and 200 <= int(width) <= 8000 and 200 <= int(height) <= 8000):
        raise UserError(f"--size is WIDTHxHEIGHT in pixels, as 1280x720, not '{text}'.")
    return int(width), int(height)


if __name__ == "__main__":
    command.run(main)
