"""When the games of an evaluation are cut: those of environments that are slow, or whose episodes may never end."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class MatchLimits:
    """The most that a match may take. Our own games always end, and need none."""

    seconds: float = math.inf  # of the whole match
    idle_decisions: int = 1_000_000  # of all games together, in which none of them ends
    idle_seconds: float = math.inf  # in which none of them ends

    def reached(self, seconds: float, idle_decisions: int, idle_seconds: float) -> str:
        """Why a match stops now, in words; empty if it does not. Arguments: so far.

        >>> MatchLimits(seconds=10).reached(10.5, 300, 0.2), MatchLimits(seconds=10).reached(9.5, 300, 0.2)
        ('the time is up', '')
        """
        if seconds > self.seconds:
            return "the time is up"
        if idle_decisions >= self.idle_decisions or idle_seconds > self.idle_seconds:
            return f"none ended in {idle_decisions:,} decisions"
        return ""


NO_LIMITS = MatchLimits()
