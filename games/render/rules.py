"""A game's rules in the words of players."""

from games.engine.loader import Game


def rules(game: Game) -> list[str]:
    """The paragraphs of a game's docstring without its line about rewards, which is for those who train."""
    told = []
    for line in game.doc.splitlines():
        label, colon, rest = line.partition(": ")
        if colon and label == "End":
            told.append(f"The game ends: {rest}")
        elif not (colon and label == "Reward") and line.strip():
            told.append(line)
    return told
