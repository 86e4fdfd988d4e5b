"""Perfect play in Connect Four: who wins a position when nobody makes a mistake.

Alpha-beta search over two numbers of bits, as in `games.connect_four`, with a table of positions that were seen. Only won,
drawn or lost is told, not how soon: that is found far faster. The game itself is won by who begins (Allis 1988).
"""

import numpy as np

from games.connect_four import ACROSS, BOTTOM, CENTRE_FIRST, COLUMNS, FALLING, FULL, RISING, UP, has_four, landing
from games.core import engine_jit

ENTRIES = 1 << 22  # of the table of positions; the newest of those that share a place stays
EXACT, AT_LEAST, AT_MOST = range(3)
COLUMN = 0b0111111  # the cells of the first column


@engine_jit
def winning_cells(discs, occupied):
    """The free cells that would complete four in a row, as bits; whether a disc can be dropped there now or not."""
    cells = 0
    for way in (UP, FALLING, ACROSS, RISING):
        left, right = discs << way, discs >> way
        left2, right2 = discs << 2 * way, discs >> 2 * way
        cells |= (left & left2 & (discs << 3 * way)) | (left & left2 & right)
        cells |= (right & right2 & (discs >> 3 * way)) | (right & right2 & left)
    return cells & FULL & ~occupied


@engine_jit
def count_bits(bits):
    """The number of ones in a number of 49 bits."""
    count = 0
    while bits:
        bits &= bits - 1
        count += 1
    return count


@engine_jit
def sound_drops(mine, theirs):
    """The cells on which a disc can be dropped without losing to the very next disc, as bits; none: the position is lost.

    It is taken for granted that no disc wins at once.
    """
    occupied = mine | theirs
    drops = (occupied + BOTTOM) & FULL
    threats = winning_cells(theirs, occupied)
    forced = drops & threats
    if forced:
        if forced & (forced - 1):
            return 0  # two threats at once
        drops = forced
    return drops & ~(threats >> 1)  # nor below a cell where the other would win


@engine_jit(cache=True)
def value(mine, theirs, alpha, beta, keys, kept):
    """1, 0 or -1: the side that moves wins, draws or loses; exact between `alpha` and `beta`, else a bound.

    keys int64 [ENTRIES], kept int8 [ENTRIES]: the table of positions, which grows.
    """
    occupied = mine | theirs
    if winning_cells(mine, occupied) & (occupied + BOTTOM):
        return 1
    drops = sound_drops(mine, theirs)
    if drops == 0:
        return 0 if occupied == FULL else -1
    key = mine + occupied + BOTTOM
    place = key % ENTRIES
    if keys[place] == key:
        kind, found = kept[place] // 4, kept[place] % 4 - 1
        if kind == EXACT or (kind == AT_LEAST and found >= beta) or (kind == AT_MOST and found <= alpha):
            return found
    best, low = -1, alpha
    tried = 0
    while tried != drops and best < beta:
        chosen, most = 0, -1
        for column in CENTRE_FIRST:  # the disc that makes the most threats first, near the middle where they are as many
            drop = drops & ~tried & (COLUMN << 7 * column)
            if drop:
                threats = count_bits(winning_cells(mine | drop, occupied | drop))
                if threats > most:
                    chosen, most = drop, threats
        tried |= chosen
        best = max(best, -value(theirs, mine | chosen, -beta, -low, keys, kept))
        low = max(low, best)
    kind = AT_LEAST if best >= beta else AT_MOST if best <= alpha else EXACT
    keys[place], kept[place] = key, 4 * kind + best + 1
    return best


class Solver:
    """Solves positions of Connect Four; its table of positions serves all of them."""

    def __init__(self) -> None:
        self._keys, self._kept = np.zeros(ENTRIES, np.int64), np.zeros(ENTRIES, np.int8)

    def value(self, mine: int, theirs: int) -> int:
        """1, 0 or -1: the side that moves wins, draws or loses. The game is not over yet."""
        return int(value(mine, theirs, -1, 1, self._keys, self._kept))

    def values(self, mine: int, theirs: int) -> list[int | None]:
        """The value of each column for the side that moves; None for a full one."""
        found: list[int | None] = []
        for column in range(COLUMNS):
            drop = landing(mine | theirs, column)
            if not drop:
                found.append(None)
            elif has_four(mine | drop):
                found.append(1)
            elif mine | theirs | drop == FULL:
                found.append(0)
            else:
                found.append(-self.value(theirs, mine | drop))
        return found
