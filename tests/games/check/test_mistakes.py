"""Mistakes of beginners, made in the games that ship: each is told in words, with its line or its field."""

import re
from contextlib import closing
from pathlib import Path

import pytest

import games
from games import check
from games.errors import UserError
from tests.games.check.mistakes import MISTAKES

FOLDER = Path(games.__file__).parent


def text_and_words(name):
    """The game with the mistake in it, and what is to be said of it."""
    game, _, said, changes = MISTAKES[name]
    text = (FOLDER / f"{game}.py").read_text("utf-8")
    lines = {"line": text[: text.index(changes[0][0])].count("\n") + 1}
    for old, new in changes:
        assert old in text, f"there is no {old!r} to break"
        text = text.replace(old, new)
    lines |= {found[1]: text[: found.start()].count("\n") + 1 for found in re.finditer(r"(?m)^def (\w+)", text)}
    return text, re.sub(r"\{(\w+)\}", lambda place: str(lines[place[1]]), said)


def told(result):
    return f"{result.problem}{result.note}"


ONE_EACH = dict(reversed([(kind, name) for name, (_, kind, *_) in MISTAKES.items() if kind != "load"]))
CHECKED = [name for name, (_, kind, *_) in MISTAKES.items() if kind != "load"]


@pytest.mark.parametrize("name", [name for name, (_, kind, *_) in MISTAKES.items() if kind == "load"])
def test_a_mistake_is_told_when_the_file_is_loaded(name, make_game):
    text, words = text_and_words(name)
    with pytest.raises(UserError, match=re.escape(words)):
        make_game(text)


COSTLY = ("the same luck for all", "ME is seat 0", "a number that is no role", "a bot stronger on one side")  # much to compile


@pytest.mark.parametrize("name", [name for name in ONE_EACH.values() if name not in COSTLY])
def test_a_mistake_is_told_by_its_check(name, make_game):
    text, words = text_and_words(name)
    (result,) = check.check(make_game(text), only=MISTAKES[name][1])
    assert words in told(result)


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKED)
def test_a_mistake_is_told_when_all_checks_run(name, make_game):
    text, words = text_and_words(name)
    with closing(check.run_checks(make_game(text))) as results:
        results = list(results) if name in ("a crash in hud",) else results
        seen = []
        for result in results:
            seen.append(told(result))
            assert "Traceback" not in seen[-1] and "the process died" not in seen[-1]
            if words in seen[-1]:
                break
    assert words in seen[-1]


def test_there_are_thirty_mistakes_and_more():
    assert len(MISTAKES) >= 30
