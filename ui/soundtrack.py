"""`Soundtrack`: which sound belongs to which moment of a match."""

from games.core import WORLD
from ui.cast import Cast
from ui.highlights import Highlights
from ui.match import Match
from ui.moments import BOUNCE, BREAK, CUED, HIT, LEFT, MOVED, PLACED, POINT, Moment
from ui.sound import Sounds

RIVAL = 0.35  # how loud the picture of whom a person races is
FASTEST = 2.2  # times the slowest speed: the ball that sounds highest
CUE_TONES = {"loss": "lost", "drop": "disc"}  # the other cues have the names of their tones


class Soundtrack:
    """Plays the sounds of a match."""

    def __init__(self, sounds: Sounds, cast: Cast, highlights: Highlights):
        """highlights: that have followed the same moments already."""
        self.sounds, self.cast, self.highlights = sounds, cast, highlights

    def follow(self, picture: int, moments: list[Moment]) -> None:
        """Play the sounds of a tick in one picture. Those that the game asks for by cues replace those found in the picture."""
        rival = self.cast.pictures == 2 and len(self.cast.people) == 1 and picture != self.cast.people[0]
        loudness = RIVAL if rival else 1.0
        cues = [name for moment in moments if moment.kind == CUED for name in moment.cues]
        for name in cues:
            self.sounds.play(CUE_TONES.get(name, name), loudness=loudness)
        for moment in () if cues else moments:
            name, higher = self._tone(picture, moment, moments)
            if name:
                self.sounds.play(name, higher, loudness, moment.x / WORLD)

    def result(self, match: Match) -> None:
        """Play the sound of a game's result, as a single person has it."""
        winner = match.result.winner if match.result else None
        if winner is None:
            self.sounds.play("draw")
        elif len(self.cast.people) == 1 and winner != self.cast.people[0]:
            self.sounds.play("loss")
        else:
            self.sounds.play("win")

    def _tone(self, picture: int, moment: Moment, moments: list[Moment]) -> tuple[str, int]:
        """The tone of a moment, and how many steps higher it is; "" for none."""
        if moment.kind == HIT:
            by_speed = round(6 * (moment.speed - 1.0) / (FASTEST - 1.0)) if moment.speed else 0
            return "hit", max(by_speed, self.highlights.rally // 3)
        if moment.kind == BREAK:
            return ("break", self.highlights.broken_in_a_row[picture] - 1) if moment.number < 0 else ("pick", 0)
        if moment.kind in (PLACED, MOVED):
            return "disc", round(6 * (1.0 - moment.y / WORLD))
        if moment.kind == POINT:
            return ("point" if self._is_good(moment) else "lost"), 0
        if moment.kind == LEFT and not any(each.kind == POINT for each in moments):
            return "lost", 0
        return ("bounce", 0) if moment.kind == BOUNCE else ("", 0)

    def _is_good(self, moment: Moment) -> bool:
        """Whether a point is one for the only person; with none, or two, each point is."""
        if self.cast.game.players == 1 or len(self.cast.people) != 1 or not self.cast.game.competitive:
            return moment.reward > 0.0
        return moment.seat == self.cast.people[0]
