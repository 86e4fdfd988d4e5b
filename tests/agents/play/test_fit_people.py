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
BETWEEN = (0.4, 0.6)


def share(game, steps, person, seed):
    """The share of `MORE` games that a person wins of the rung that fits after `FIRST` games, and that rung's place."""
    fit, agents = Fit(steps.file), {}

    def against(rung, count, first):
        if rung not in agents:
            agents[rung] = Participant("agent", agent=steps.agent(rung, game))
        return play_match(game, [participant(person, game), agents[rung]], count, first).returns[:, 0]

    for number in range(FIRST):
        rung = fit.rung()
        fit.play(rung, float(against(rung, 1, seed + number)[0]))
    returns = against(fit.rung(), MORE, seed + FIRST)
    return float((np.sign(returns) + 1).mean() / 2), steps.file.rungs.index(fit.rung())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pong", "connect_four"])
def test_after_fifteen_games_simulated_people_win_about_half_of_four_hundred_more(name):
    game = games.load(name)
    steps = ladder.read(ROOT / "agents" / "zoo" / name / "ladder")
    last, found = len(steps.file.rungs) - 1, {}
    for person in people_of(game):
        for seed in (1000, 2000, 3000):
            found[person.name, seed] = share(game, steps, person.name, seed)
            won, place = found[person.name, seed]
            print(f"{name} {person.name}: {won:.3f} at rung {place + 1} of {last + 1}")
    far = [key for key, (won, place) in found.items() if 0 < place < last and not 0.2 < won < 0.8]
    assert len(far) <= 0.1 * len(found), far  # fifteen games tell so much and no more
    within = [BETWEEN[0] <= won <= BETWEEN[1] for won, place in found.values() if 0 < place < last]
    print(f"{name}: {sum(within)} of {len(within)} within {BETWEEN}, those aside who are at an end")
    assert np.mean(within) > 0.5
