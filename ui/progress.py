"""A person's results against each opponent of a game, kept in their user data folder: one file for each game."""

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import platformdirs
from msgspec import Meta

from agents.core import kept_file, schema
from agents.core.game_names import file_name
from agents.play.game_info import GameInfo
from games.errors import UserError

MOST_OPPONENTS = 1000  # in a file


class Results(msgspec.Struct, forbid_unknown_fields=True):
    """The games against one opponent."""

    won: schema.Count = 0
    drawn: schema.Count = 0
    lost: schema.Count = 0


class ProgressFile(schema.Written, kw_only=True, forbid_unknown_fields=True):
    """The schema of the file."""

    game_version: schema.Count
    opponents: Annotated[dict[schema.Text, Results], Meta(max_length=MOST_OPPONENTS)]


def path_of(game: GameInfo) -> Path:
    """The file of a game's results, in the user's data folder."""
    return Path(platformdirs.user_data_dir("sparring", appauthor=False)) / "progress" / f"{file_name(game.name)}.json"


class Progress:
    """The results of a game by opponent. `notice` tells people of a trouble with the file; empty if there is none."""

    def __init__(self, game: GameInfo):
        self.game = game
        found, notice = kept_file.read(path_of(game), ProgressFile)
        self.notice = f"Your results in {game.heading} begin anew. {notice}" if notice else ""
        is_current = found is not None and found.game_version == game.version
        self.results = found.opponents if found and is_current else {}

    def against(self, opponent: str) -> Results:
        """The results against an opponent, by the name that its seat has on the command line."""
        return self.results.get(opponent, Results())

    def has_beaten(self, opponent: str) -> bool:
        """Whether a game against an opponent was won."""
        return self.against(opponent).won > 0

    def count(self, opponent: str, result: float) -> None:
        """A game is over: keep it. result: positive for a win of the person's, negative for a loss."""
        before = self.against(opponent)
        self.results[opponent] = Results(before.won + (result > 0), before.drawn + (result == 0), before.lost + (result < 0))
        try:
            opponents = msgspec.to_builtins(self.results)
            kept_file.write(path_of(self.game), {"game_version": self.game.version, "opponents": opponents})
        except UserError as error:  # the games go on
            self.notice = str(error).splitlines()[0]
            print(self.notice, file=sys.stderr)


def in_words(results: Results) -> str:
    """Results for people; empty if no game was played.

    >>> in_words(Results(won=2, lost=1)), in_words(Results(drawn=1)), in_words(Results())
    ('2 won, 1 lost', '1 drawn', '')
    """
    counts = ((results.won, "won"), (results.drawn, "drawn"), (results.lost, "lost"))
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def yours_in_words(results: Results) -> str:
    """The same beside an opponent's name, where it must be said whose they are.

    >>> yours_in_words(Results(won=2, lost=1)), yours_in_words(Results())
    ('you: 2 won, 1 lost', '')
    """
    told = in_words(results)
    return f"you: {told}" if told else ""
