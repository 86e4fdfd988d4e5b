"""Games for two in which nobody wins: sound ones pass the checks of rewards and bots, which have been seen to fail."""

from pathlib import Path

import pytest

from games import check

TOYS = Path(__file__).parents[2] / "toys"

# Name: (toy, the check that must fail, a word of what it says, (what is replaced, by what), …).
MUTANTS = {
    "one earns less": ("plates", "rewards", "not the same for both, as REWARDS", ("rewards[1] += 1.0", "rewards[1] += 0.5")),
    "a seat without": ("harvest", "rewards", "seat 1 never earns anything", ("rewards[seat] += 1.0", "rewards[0] += 1.0")),
    "no number": ("harvest", "rewards", "not finite", ("rewards[seat] += 1.0", "rewards[seat] += 1.0 / (s.tick - s.tick)")),
    "an idle partner": (
        "plates",
        "bot",
        "as player 1, the bot's mean return is",
        ("    if stands(s, seat) or noise(s, seat, s.tick) > 0.4 + 0.6 * skill:\n", "    if s.tick >= 0:\n"),
    ),
    "worse for more skill": ("harvest", "bot", "as left, skill 1 returns", ("0.4 + 0.6 * skill", "1.0 - 0.6 * skill")),
    "the second is faster": (
        "harvest",
        "fair",
        "as left and ",
        ("s.x[seat] + SPEED * right", "s.x[seat] + (1.0 + 0.2 * seat) * SPEED * right"),
    ),
    "never over": ("harvest", "ends", "no episode ends by the rules", ("int(s.tick + 1 >= LIMIT)", "0")),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_broken_game_without_a_winner_fails_its_check(name, make_game):
    toy, kind, word, (old, new) = MUTANTS[name]
    text = (TOYS / f"{toy}.py").read_text("utf-8")
    assert old in text
    (result,) = check.check(make_game(text.replace(old, new), name.replace(" ", "_")), only=kind)
    assert not result.ok
    assert word in result.problem


@pytest.mark.parametrize(
    "name, notes",
    [
        ("plates", {"rewards": "both earn the same", "bot": "as player 2, mean return", "fair": "both seats earn the same"}),
        ("harvest", {"rewards": "each earns its own", "bot": "as right, mean return", "fair": "mean return "}),
    ],
)
def test_sound_games_without_a_winner_are_measured_by_returns(toy, name, notes):
    for kind in ("contract", "rewards", "bot", "fair", "ends"):
        (result,) = check.check(toy(name), only=kind)
        assert (result.ok, result.problem) == (True, "")
        assert notes.get(kind, "") in result.note


def test_a_mark_may_be_any_return_where_nobody_wins(toy):
    assert toy("plates").mark[1] > 1.0
    (result,) = check.check(toy("plates"), only="contract")
    assert result.ok
