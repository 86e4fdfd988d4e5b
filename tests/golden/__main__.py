"""`python -m tests.golden pong …`: write the golden games of games that ship."""

import sys

import games
from games.errors import UserError
from tests import golden


def main() -> int:
    for name in sys.argv[1:] or games.names():
        try:
            game = games.load(name)
        except UserError as error:
            print(error, file=sys.stderr)
            return 2
        file, text = golden.path(game), golden.golden_game(game)
        before = file.read_text("utf-8") if file.exists() else text
        if before != text and golden.version(before) == game.version > 0:  # while VERSION is 0, rules are being tried
            print(f"{game.heading} plays another game than the one of the same VERSION, {game.version}.", file=sys.stderr)
            print(f"Where that is meant, raise VERSION in {game.path} first.", file=sys.stderr)
            return 2
        file.write_text(text, encoding="utf-8")
        print(f"{file}: {len(text.splitlines())} lines")
    return 0


if __name__ == "__main__":
    sys.exit(main())
