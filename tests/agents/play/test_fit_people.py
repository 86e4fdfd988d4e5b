"""An opponent that fits, against simulated people and on the ladders that ship: after 15 games a person wins about half.

`pytest -m slow -s tests/agents/play/test_fit_people.py` prints the share of each person's games.
"""

import numpy as np
import pytest

import games
from agents.participants import participant
from agents.play import ladder
from agents.play.fit import Fit
from agents.play.match import play_match
from agents.play.seats import Participant
from games.people.person import people_of
from tests.short_runs import ROOT

FIRST, MORE = 15, 400  # games until it is frozen, and those that are counted
MORE_SEED = 9000
BETWEEN = (0.4, 0.6)


class Person:
    """A simulated person before a ladder."""

    def __init__(self, game, steps, name):
        self.game, self.steps, self.name = game, steps, name
        self.shares = {}  # of `MORE` games, by the rung: whoever ends there another time plays the same games

    def against(self, rung, count, first):
        """Returns of some games."""
        agent = Participant("agent", agent=self.steps.agent(rung, self.game))
        return play_match(self.game, [participant(self.name, self.game), agent], count, first).returns[:, 0]

    def found(self, seed):
        """The share of `MORE` games that they win of the rung that fits after `FIRST` games, and that rung's place."""
        fit = Fit(self.steps.file)
        for number in range(FIRST):
            rung = fit.rung()
            fit.play(rung, float(self.against(rung, 1, seed + number)[0]))
        rung = fit.rung()
        if rung not in self.shares:
            self.shares[rung] = float((np.sign(self.against(rung, MORE, MORE_SEED)) + 1).mean() / 2)
        return self.shares[rung], self.steps.file.rungs.index(rung)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pong", "connect_four"])
def test_after_fifteen_games_simulated_people_win_about_half_of_four_hundred_more(name):
    game = games.load(name)
    steps = ladder.read(ROOT / "agents" / "zoo" / name / "ladder")
    last, found = len(steps.file.rungs) - 1, {}
    for person in people_of(game):
        tries = Person(game, steps, person.name)
        for seed in (1000, 2000, 3000):
            found[person.name, seed] = tries.found(seed)
            won, place = found[person.name, seed]
            print(f"{name} {person.name}: {won:.3f} at rung {place + 1} of {last + 1}")
    far = [key for key, (won, place) in found.items() if 0 < place < last and not 0.2 < won < 0.8]
    assert len(far) <= 0.1 * len(found), far  # fifteen games tell so much and no more
    within = [BETWEEN[0] <= won <= BETWEEN[1] for won, place in found.values() if 0 < place < last]
    print(f"{name}: {sum(within)} of {len(within)} within {BETWEEN}, those aside who are at an end")
    assert np.mean(within) > 0.5
