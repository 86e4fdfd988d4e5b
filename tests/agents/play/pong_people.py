"""Pong against simulated people, who play unlike its bot: they look up late, misjudge, and stay where they hit the ball."""

from pathlib import Path

import games
from games.engine.loader import Game

PEOPLE = {
    "expects the ball and stays": '''
    """Looks up some ticks after the other has hit the ball, goes where it expects it, and stays there."""
    face = PADDLE_X + RADIUS if seat == 0 else 84.0 - PADDLE_X - RADIUS
    flight = 84.0 - 2.0 * PADDLE_X - 2.0 * RADIUS if s.rally > 0 else 42.0 - PADDLE_X - RADIUS
    coming = (s.vx < 0.0) == (seat == 0) and s.pause == 0
    goal = s.paddle[seat]
    if coming and flight - abs(s.x - face) > 14.0 * abs(s.vx):
        goal = crossing(s, face) + (2.0 * noise(s, seat, s.rally) - 1.0) * 3.0
''',
    "follows the ball": '''
    """Follows the ball in its own half of the field, else stays where it is."""
    goal = s.paddle[seat]
    if (s.x < 42.0) == (seat == 0) and s.pause == 0:
        goal = s.y + (2.0 * noise(s, seat, s.rally) - 1.0) * 3.0
''',
}
MOVE = """    if s.paddle[seat] < goal - 2.5:
        return 2
    if s.paddle[seat] > goal + 2.5:
        return 1
    return 0


"""


def pong_against(person: str, folder: Path) -> Game:
    """Pong with a person in the bot's place, as a game file in `folder`."""
    rules, bot = Path(games.load("pong").path).read_text("utf-8").split("def bot(s, seat, skill):\n")
    path = folder / "pong_people.py"
    path.write_text(f"{rules}def bot(s, seat, skill):{PEOPLE[person]}{MOVE}def hud(s):{bot.split('def hud(s):')[1]}", "utf-8")
    return games.load(path)
