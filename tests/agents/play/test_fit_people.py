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

FIRST, MORE, TRIES = 15, 400, 10  # games until it is frozen, those that are counted, and how often each person begins anew
POOL = 60  # games of a person and a rung, from which those until it is frozen are drawn
BETWEEN, FAR = (0.4, 0.6), (0.2, 0.8)


class Person:
    """A simulated person before a ladder. Games of the same two are played at once, since one alone takes nearly as long."""

    def __init__(self, game, steps, name):
        self.game, self.steps, self.name = game, steps, name
        self.pools, self.shares = {}, {}  # by rung: returns of games, and the share that the person wins of `MORE`

    def returns(self, rung, count, seed):
        """The person's returns of some games."""
        agent = Participant("agent", agent=self.steps.agent(rung, self.game))
        return play_match(self.game, [participant(self.name, self.game), agent], count, seed).returns[:, 0]

    def fitted(self, rng):
        """The chance of each rung after `FIRST` games [K]."""
        fit = Fit(self.steps.file)
        for _ in range(FIRST):
            rung = fit.rung()
            if rung not in self.pools:
                self.pools[rung] = self.returns(rung, POOL, 1000)
            fit.play(rung, float(rng.choice(self.pools[rung])))
        return fit.chances()

    def share(self, rung):
        """The share of `MORE` games against a rung that the person wins."""
        if rung not in self.shares:
            self.shares[rung] = float((np.sign(self.returns(rung, MORE, 2000)) + 1).mean() / 2)
        return self.shares[rung]


@pytest.mark.slow
@pytest.mark.parametrize("name, every", [("pong", 3), ("connect_four", 1)])  # a third of the people of Pong's table
def test_after_fifteen_games_simulated_people_win_about_half_of_four_hundred_more(name, every):
    game = games.load(name)
    steps = ladder.read(ROOT / "agents" / "zoo" / name / "ladder")
    last, shares = len(steps.file.rungs) - 1, {}
    for model in people_of(game)[::every]:
        person, rng = Person(game, steps, model.name), np.random.default_rng(3)
        chances = np.array([person.fitted(rng) for _ in range(TRIES)])
        at_all = {place: person.share(steps.file.rungs[place]) for place in np.flatnonzero(chances.any(axis=0))}
        found = chances[:, list(at_all)] @ np.array(list(at_all.values()))
        places = chances.argmax(axis=1)
        beyond = ((places == 0) & (found < BETWEEN[0])) | ((places == last) & (found > BETWEEN[1]))
        shares[model.name] = found[~beyond]  # who is beyond an end of the ladder gets that end
        print(
            f"{name} {model.name}: {found.mean():.2f} ({found.min():.2f} to {found.max():.2f}), at rung {places.min() + 1} to "
            f"{places.max() + 1} of {last + 1}, {beyond.sum()} of {TRIES} beyond the ladder",
            flush=True,
        )
    all_of_them = np.concatenate(list(shares.values()))
    within = ((all_of_them >= BETWEEN[0]) & (all_of_them <= BETWEEN[1])).mean()
    far = ((all_of_them < FAR[0]) | (all_of_them > FAR[1])).mean()
    print(f"{name}: {within:.1%} of {len(all_of_them)} within {BETWEEN}, {far:.1%} not within {FAR}, those beyond left out")
    assert within > 0.5 and far < 0.05
    assert all(abs(np.mean(each) - 0.5) < 0.2 for each in shares.values() if len(each) > TRIES / 2)  # nobody is misjudged
