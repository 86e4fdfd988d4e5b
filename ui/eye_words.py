"""The sentences of the agent's eye, for people who never trained a network."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it imports torch, which loads with the first agent
    from agents.play.insight import Insight, Outlook

MOST_BARS = 10  # actions that are shown at most
NO_NETWORK = "There is no network to look into here: people and bots decide without one. Let an agent play, and look again."
OTHER_KIND = "This player has no network that can be looked into: it follows rules, or was made by another program."
NOT_YET = "It has not decided yet."
LOOKS = "Purple is where it looks: a change there would change its choice."


def decimals(gap: float) -> int:
    """The decimals of action values, 2 to 4, by how far the best is from the worst: enough to tell them apart.

    >>> decimals(1.5), decimals(0.004), decimals(0.0)
    (2, 3, 4)
    """
    return min(max(math.ceil(-math.log10(max(gap, 1e-9) / 2.0)), 2), 4)


def reaction(insight: "Insight") -> str:
    """How fast it reacts and whether it remembers, in words."""
    often = f"decides {insight.decisions_per_second:.0f} times a second"
    if insight.game.turns:
        text = "It has as much time as it needs: players take turns."
    elif insight.delay_ms:
        text = f"It acts {insight.delay_ms:.0f} ms after it sees, and {often}."
    else:
        text = f"It acts at once (0 ms), and {often}."
    return f"{text} It remembers what it saw before." if insight.settings.memory != "none" else text


def habit(insight: "Insight", latest: "Outlook", count: int) -> str:
    """How it chooses among the actions, in words. count: of all actions."""
    settings = insight.settings
    if insight.ranks_actions:
        text = "It takes the best" + (", and now and then any other." if settings.epsilon > 0 else ".")
    else:
        text = "It takes the longest bar." if settings.temperature == 0 else "It chooses by chance: a longer bar is likelier."
    if not latest.legal.all():
        text += " Grey ones are not allowed now."
    return text + (f" The best {MOST_BARS} of {count} are shown." if count > MOST_BARS else "")


def value_words(wins: bool, loses: bool) -> tuple[str, str, str]:
    """The title of the value's line, and the words for its upper and lower end. loses: it is below 0 at times."""
    if wins:
        return "How sure it is of winning", "winning", "losing"
    return "How much it still expects to score", "much", "a loss" if loses else "nothing"
