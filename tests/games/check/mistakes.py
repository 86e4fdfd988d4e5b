"""Mistakes that beginners make, each made in a game that ships: where it is told, and in which words.

Name: (the game, the check that tells it or "load", a word of what is said, (what is replaced, by what), …). `{line}` is the
line of the first replacement, `{step}` that of the function `step`, and so on.
"""

Mistake = tuple[str, str, str, tuple[tuple[str, str], ...]]


def made(game: str, check: str, said: str, *changes: tuple[str, str]) -> Mistake:
    return game, check, said, changes


BOT_SEES = "coming = (s.vx < 0.0) == (seat == 0) and s.pause == 0  # nobody sees where a serve will go"
ASKED = "    if not 0 <= column < COLUMNS:\n        return\n"

MISTAKES: dict[str, Mistake] = {
    # --- told as soon as the file is loaded ---
    "no @jit": made("pong", "load", "line {line}: the function reset lacks its @jit", ("@jit\ndef reset(s):", "def reset(s):")),
    "a helper without @jit": made(
        "pong",
        "load",
        "serve, which lacks @jit.\nWrite @jit above line {line}, def serve",
        ("@jit\ndef serve(s):", "def serve(s):"),
    ),
    "a field that is not there": made(
        "pong", "load", "line {line}: STATE has no field 'vxx'", ("s.x += s.vx\n", "s.x += s.vxx\n")
    ),
    "a list": made("pong", "load", "line {line}: step makes a list", ("before = s.x\n", "before = [s.x]\n")),
    "a global that changes": made(
        "pong", "load", "line {line}: serve changes PAUSE", ("    s.pause = PAUSE\n", "    global PAUSE\n    PAUSE = 9\n")
    ),
    "np.random": made("pong", "load", "line {line}: serve uses np.random", ("52.0 * uniform(s)", "52.0 * np.random.random()")),
    "too few arguments": made("pong", "load", "line {line}: step gives meet 2 arguments", ("meet(s, 0, left)", "meet(s, 0)")),
    "bot without skill": made(
        "pong", "load", "line {line}: bot must take 3 arguments", ("def bot(s, seat, skill):", "def bot(s, seat):")
    ),
    "half precision": made("pong", "load", "STATE's field 'paddle' is an f4 field", ('"paddle", "f8"', '"paddle", "f4"')),
    "truths": made("pong", "load", "STATE's field 'server' is a boolean field; use u1", ('"server", "i4"', '"server", "?"')),
    "text in the state": made("pong", "load", "STATE's field 'server' holds text", ('"server", "i4"', '"server", "U9"')),
    "objects in the state": made("pong", "load", "STATE's field 'score' holds Python", ('"score", "i4"', '"score", "O"')),
    "a key of no action": made("pong", "load", "line {line}: KEYS names the action 'upp'", ('{"w": "up"', '{"w": "upp"')),
    "keys for one": made(
        "pong", "load", "line {line}: KEYS must hold a dict for each seat", ('{"w": "up", "s": "down"}, ', "")
    ),
    "a pair in MIRROR that is none": made(
        "pong", "load", "line {line}: MIRROR must hold pairs", ("MIRROR = ()", 'MIRROR = "up"')
    ),
    "MIRROR of a number": made("pong", "load", "line {line}: MIRROR must hold pairs", ("MIRROR = ()", "MIRROR = 1")),
    "a mark without a score": made("pong", "load", "line {line}: MARK must be an opponent and", ('("bot", 0.95)', '"bot"')),
    "a grid of one number": made(
        "breakout", "load", "line {line}: GRID must be the numbers of", ("GRID = (21, 14)", "GRID = 21")
    ),
    "a spot of three numbers": made(
        "connect_four", "load", "line {line}: SPOTS holds", ("12.0 * column, 0.0, 12.0,", "12.0 * column, 0.0,")
    ),
    "a seat's name alone": made(
        "pong", "load", "line {line}: SEATS must be a list of", ("SHAPES = 3", 'SEATS = "ab"\nSHAPES = 3')
    ),
    # --- names, keys and places ---
    "an action without a key": made(
        "pong",
        "contract",
        "line {line}: KEYS gives seat 0 no key for the action 'down'",
        ('{"w": "up", "s": "down"}', '{"w": "up"}'),
    ),
    "a mark in percent": made("pong", "contract", "line {line}: MARK's score is 95", ('("bot", 0.95)', '("bot", 95)')),
    "no frames to skip": made("pong", "contract", "line {line}: FRAME_SKIP 0 is", ("SHAPES = 3", "FRAME_SKIP = 0\nSHAPES = 3")),
    "hands in a game that does not wait": made(
        "pong", "contract", "line {line}: HANDS are for games", ("SHAPES = 3", 'HANDS = ["jump"]\nSHAPES = 3')
    ),
    "a spot too few": made(
        "connect_four", "contract", "line {line}: SPOTS holds 6", ("for column in range(7)]", "for column in range(6)]")
    ),
    "spots outside": made(
        "connect_four",
        "contract",
        "line {line}: SPOTS has (78.0, 0.0, 12.0, 84.0) for '7'",
        ("12.0 * column, 0.0, 12.0", "12.0 * column + 6.0, 0.0, 12.0"),
    ),
    "no third line": made("pong", "contract", "the docstring needs three lines", ("End: the first to 5 points wins.\n", "")),
    # --- lines that the engine does not expect ---
    "a tick too many": made(
        "pong", "source", "line {line}, step: it writes s.tick", ("    before = s.x\n", "    s.tick += 1\n    before = s.x\n")
    ),
    "a level of its own": made(
        "pong", "source", "line {line}, reset: it writes s.level", ("s.score[:] = 0\n", "s.level = 1\n    s.score[:] = 0\n")
    ),
    "dice in draw": made(
        "pong", "source", "line {line}, draw: uniform in draw", ("disc(f, s.x, s.y", "disc(f, s.x + uniform(s), s.y")
    ),
    "dice in bot": made(
        "pong", "source", "line {line}, bot: uniform in bot", ("2.0 * noise(s, seat, s.rally)", "2.0 * uniform(s)")
    ),
    "a reward that is set": made(
        "pong",
        "source",
        "line {line}, point: it sets rewards[winner] with =",
        ("rewards[winner] += 1.0", "rewards[winner] = 1.0"),
    ),
    # --- the first ticks ---
    "half a point": made(
        "pong",
        "trial",
        "line {line}, point: 0.5 is written into the field score",
        ("s.score[winner] += 1", "s.score[winner] += 0.5"),
    ),
    "a ball of whole numbers": made(
        "pong", "trial", "is written into the field y, which holds integers", ('("y", "f8")', '("y", "i4")')
    ),
    "a bot that forgets to return": made(
        "pong",
        "trial",
        "line {bot}, bot: it returns nothing for seat",
        ("        return 1\n    return 0\n", "        return 1\n"),
    ),
    "a bot that returns nothing late": made(
        "pong",
        "trial",
        "bot: it returns nothing",
        ("    goal = 42.0  # it", "    if s.score[0] + s.score[1] > 4:\n        return\n    goal = 42.0  # it"),
    ),
    "a step without end": made(
        "pong",
        "trial",
        "still at work after",
        ("    before = s.x\n", "    before = s.x\n    while s.x == before:\n        s.y += 0.0\n"),
    ),
    "a crash in hud": made("pong", "trial", "line {line}, hud: IndexError", ("str(s.score[1])", "str(s.score[2])")),
    "division by zero": made(
        "pong",
        "trial",
        "line {line}, meet: ZeroDivisionError",
        ("offset = (s.y - s.paddle[seat]) /", "offset = (s.y - s.paddle[seat]) / s.rally /"),
    ),
    "the root of a negative number": made(
        "breakout",
        "trial",
        "line {line}, aim: nan is written into the field vy",
        ("s.speed * s.speed - s.vx * s.vx", "s.vx * s.vx - s.speed * s.speed"),
    ),
    "a brick too large": made(
        "breakout", "trial", "OverflowError: Python integer 300", ("s.bricks[:] = 1\n", "s.bricks[:] = 300\n")
    ),
    "rows and columns changed": made(
        "breakout", "trial", "line {line}, draw: IndexError", ("f.grid[ABOVE + row, column]", "f.grid[column + 9, row]")
    ),
    # --- what is drawn ---
    "a number that is no role": made(
        "pong", "frames", "line {line}, draw: seat -1: shape 2, disc, has the role 3", ("RADIUS, BALL)", "RADIUS, 3)")
    ),
    "a number above all roles": made("pong", "frames", "line {line}, draw: seat -1: shape", ("RADIUS, BALL)", "RADIUS, 48)")),
    "pixels, not world units": made(
        "pong", "frames", "line {line}, draw: seat -1: shape 2, disc", ("disc(f, s.x, s.y,", "disc(f, 10.0 * s.x, s.y,")
    ),
    "SHAPES too small": made("pong", "frames", "SHAPES is 2: set SHAPES = 3", ("SHAPES = 3", "SHAPES = 2")),
    "a disc in a rectangle's row": made(
        "connect_four",
        "frames",
        "is of two kinds in turn; emit gone(f)",
        (
            "    for row in range(ROWS):  # from the top\n",
            "    if s.last > 2:\n        rect(f, 0.0, 0.0, 9.0, 9.0, WALL)\n    for row in range(ROWS):  # from the top\n",
        ),
        ("SHAPES = 43", "SHAPES = 44"),
    ),
    "nothing that moves": made(
        "pong",
        "frames",
        "line {draw}, draw: the picture of seat -1 never changes",
        ("s.paddle[player] - 0.5", "42.0 - 0.5"),
        ("disc(f, s.x, s.y,", "disc(f, 42.0, 42.0,"),
    ),
    "people alone see the ball": made(
        "pong",
        "frames",
        "line {draw}, draw: seat -1: without decor",
        ("    disc(f, s.x, s.y, RADIUS, BALL)\n", "    if f.people:\n        disc(f, s.x, s.y, RADIUS, BALL)\n"),
    ),
    # --- seats ---
    "ME is seat 0": made(
        "pong", "seats", "line {draw}, draw: both seats see the same as ME", ("mine = max(seat, 0)", "mine = 0")
    ),
    "one action for both": made(
        "pong",
        "seats",
        "line {step}, step: what seat 1 does changes nothing",
        ("actions[seat] == 1", "actions[0] == 1"),
        ("actions[seat] == 2", "actions[0] == 2"),
    ),
    "one action of two for both": made(
        "pong", "seats", "line {step}, step: 'up' of seat 1 changes nothing", ("actions[seat] == 1", "actions[0] == 1")
    ),
    "MIRROR forgotten": made("pong", "seats", "the seats face each other", ("MIRROR = ()", "WIDE = ()")),
    "MIRROR without a pair": made(
        "connect_four", "seats", "line {line}: MIRROR: '1' puts ME at", ("SHAPES = 43", "MIRROR = ()\nSHAPES = 43")
    ),
    "both are always asked": made("connect_four", "seats", "line {asks}, asks: seat", ("return seat == s.turn", "return True")),
    # --- what may be done ---
    "nothing is legal": made(
        "connect_four",
        "masks",
        "line {legal}, legal: seat",
        ("            mask[column] = 0\n", "            mask[column] = 0\n    mask[:] = 0\n"),
    ),
    "a mask of twos": made(
        "connect_four",
        "masks",
        "line {legal}, legal: legal writes 2",
        ("            mask[column] = 0\n", "            mask[column] = 0\n        else:\n            mask[column] = 2\n"),
    ),
    "no look at the action's number": made(
        "connect_four", "impossible", "line {line}, step: ", (ASKED, "    column = CENTRE_FIRST[column]\n")
    ),
    "a full column takes a disc": made(
        "connect_four",
        "impossible",
        "changes",
        ("    if dropped == 0:\n        return\n", "    if dropped == 0:\n        s.last = column\n        return\n"),
    ),
    # --- side effects ---
    "draw that counts": made(
        "pong",
        "quiet",
        "line {line}, draw: draw for seat -1 changes rally",
        ("    disc(f, s.x, s.y, RADIUS", "    s.rally += 1\n    disc(f, s.x, s.y, RADIUS"),
    ),
    "a bot that moves": made(
        "pong",
        "quiet",
        "line {line}, bot: bot changes paddle",
        ("    goal = 42.0  # it", "    s.paddle[seat] = 42.0\n    goal = 42.0  # it"),
    ),
    "a bot of full columns": made(
        "connect_four", "bot", "line {bot}, bot: the bot of skill", ("    return choice\n", "    return 3\n")
    ),
    "a hud of numbers": made(
        "pong", "hud", "line {hud}, hud: hud gives (0, 'first to 5', '0')", ("return str(s.score[0])", "return s.score[0]")
    ),
    # --- reset, chance, rules ---
    "a field that reset forgets": made(
        "pong",
        "clean_start",
        "line {reset}, reset: begun in a record full of rubbish: the field score",
        ("    s.score[:] = 0\n", ""),
    ),
    "the same luck for all": made(
        "breakout",
        "repeats",
        "line {reset}, reset: another seed plays the same",
        ("uniform(s) if uniform(s) < 0.5 else -0.3 - 0.3 * uniform(s)", "0.5"),
        (" + s.idle * STRAY * (2.0 * uniform(s) - 1.0)", ""),
    ),
    "rewards for one": made("pong", "rewards", "not 0 in all", ("    rewards[1 - winner] -= 1.0\n", "")),
    "over is never set": made(
        "pong",
        "ends",
        "line {step}, step: 100% of the bot's games against itself run out of time",
        ("        s.over = 1\n", "        s.over = 0\n"),
    ),
    "too little time": made(
        "pong", "ends", "and MAX_TICKS, which is 60, leave time", ("MAX_TICKS = 60 * 180", "MAX_TICKS = 60")
    ),
    "an index in a saved game": made(
        "pong",
        "restored",
        "the field server, restored as",
        ("0 <= s.server <= 1", "0 <= s.server"),
        ("    reach = 0.5 * PADDLE_H + RADIUS\n", "    reach = 0.5 * PADDLE_H + RADIUS + 0.0 * s.paddle[s.server]\n"),
    ),
    # --- the bot ---
    "a bot that peeks": made(
        "pong",
        "secrets",
        "line {bot}, bot: it goes by a random number that no picture has told seat",
        (BOT_SEES, "coming = (s.vx < 0.0) == (seat == 0)"),
    ),
    "a bot of one seat": made(
        "pong",
        "bot",
        "line {bot}, bot: as right, the bot wins",
        ("    if s.paddle[seat] < goal - 2.5:", "    if s.paddle[0] < goal - 2.5:"),
        ("if s.paddle[seat] > goal", "if s.paddle[0] > goal"),
    ),
    "the better the worse": made(
        "breakout", "bot", "line {bot}, bot: skill 1 returns", ("(6.0 - 2.7 * skill)", "(40.0 * skill)")
    ),
    "people who look at the wrong thing": made(
        "pong",
        "people",
        "line {line}: PEOPLE: expert of the simulated people never moves",
        ('PEOPLE = {"kind": "axis"}', 'PEOPLE = {"kind": "axis", "target": ("OTHER",)}'),
    ),
    "people of another kind": made(
        "connect_four", "load", "line {line}: PEOPLE's kind is 'axis'; board is for games of TURNS", ('"board"}', '"axis"}')
    ),
    "people without a kind": made("pong", "load", "line {line}: PEOPLE must be a dict", ('{"kind": "axis"}', '"axis"')),
    "a target that is no role": made(
        "pong", "load", "Did you mean 'BALL'?", ('{"kind": "axis"}', '{"kind": "axis", "target": ("BAL",)}')
    ),
    "a bot stronger on one side": made(
        "pong",
        "fair",
        "line {bot}, bot: the bot against itself wins",
        ("(7.4 - 4.5 * skill)", "(7.4 - 4.5 * skill - 3.0 * seat)"),
    ),
    "a bot stronger on one side, with names": made(
        "pong",
        "fair",
        "though the seats are alike",
        ("(7.4 - 4.5 * skill)", "(7.4 - 4.5 * skill - 3.0 * seat)"),
        ("SHAPES = 3", 'SEATS = ("west", "east")\nSHAPES = 3'),
    ),
}
