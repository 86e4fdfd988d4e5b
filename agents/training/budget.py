"""How many games an evaluation can afford where a run's time is limited."""

from agents.play.table import TOGETHER

FEWEST = 10  # games of an evaluation, however little time there is
SHARE = 0.25  # of a run's time is kept for its last evaluations, at most
BETWEEN = 0.1  # of a run's time may go to an evaluation on the way
APART = 0.3  # of what a full wave costs is spent however few games it holds
SPARE = 1.3  # times longer than expected a match may take
REST = 2.0  # seconds to load, to save and to end


def cost(games: int) -> float:
    """The cost of a match of so many games, in full waves: `TOGETHER` games at once, from their beginning to their end.

    >>> cost(TOGETHER), cost(4 * TOGETHER)
    (1.0, 4.0)
    """
    return max(games / TOGETHER, APART + (1.0 - APART) * games / TOGETHER)


def affordable(wanted: int, seconds: float, wave: float) -> int:
    """How many of the games wanted fit into so many seconds; `FEWEST` at least, so far as they are wanted.

    wave: seconds that a full wave takes.
    """
    waves = seconds / SPARE / wave if wave > 0.0 else float("inf")
    if cost(wanted) <= waves:
        return wanted
    fitting = waves if waves >= 1.0 else (waves - APART) / (1.0 - APART)
    return min(wanted, max(int(fitting * TOGETHER), FEWEST))


def kept(matches: list[int], wave: float, limit: float) -> float:
    """Seconds of a limited run to keep for its last matches, of so many games each if there is time.

    >>> kept([250, 1000], wave=0.2, limit=100.0)  # 2 s and 1.3 times five waves
    3.3
    >>> kept([250, 1000], wave=20.0, limit=100.0)  # it will play fewer games
    25.0
    """
    all_of_them = REST + SPARE * wave * sum(cost(games) for games in matches)
    fewest = REST + SPARE * wave * sum(cost(min(games, FEWEST)) for games in matches)
    return min(all_of_them, max(SHARE * limit, fewest), 0.5 * limit)
