"""A page knows of a game, beside its code, its texts, its keys and its looks."""

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import games
from games.engine.keys import keys_of
from games.engine.players import People
from games.render import palette, renderer
from games.web import keys
from games.web.description import describe, fields_of, look
from games.web.hud import translate

ROOT = Path(__file__).parents[3]
TOYS = sorted((ROOT / "tests" / "toys").glob("*.py"))
HELPERS = ROOT / "agents" / "web" / "page" / "hud.js"

GAME = '''"""A game of texts.
Reward: none.
End: never.
"""

import numpy as np

from games.core import COMMON, ME, jit, rect

PLAYERS, MAX_TICKS, VERSION = 1, 600, 1
ACTIONS = ["stay", "go"]
KEYS = ({"space": "go"},)
MARK, RECIPE = ("bot:1", 1.0), {"ppo": {}}
NAMES = ("none", "one", "two")
STATE = np.dtype([*COMMON, ("x", "f8"), ("life", "i4"), ("score", "i4", (2,))])


@jit
def reset(s):
    s.x, s.life = 1.5, 3
    s.score[:] = 0


@jit
def step(s, actions, rewards):
    pass


@jit
def draw(s, f, seat):
    rect(f, s.x, 1.0, 2.0, 2.0, ME)


@jit
def bot(s, seat, skill):
    return 0


'''

HUDS = [
    "return str(s.score[0]), NAMES[s.life % 3], '♥' * s.life",
    "return f'{s.x:.2f} m', f'{s.score[1]:,}', f'{s.life:03d} </script>'",
    "left = 'ahead' if s.score[0] > s.score[1] else 'behind'\n    return left, str(s.x), str(-s.life // 2)",
    "texts = ['', '', '']\n    texts[s.life % 3] = str(round(s.x))\n    return texts[0], texts[1], texts[2]",
    "total = 0\n    for k in range(2):\n        total += s.score[k]\n    return str(total), str(max(total, 7)), '!'",
    "return 'you' if people.persons[0] and not s.over else 'it', f'{s.life / 2:g}', str(int(s.x))",
]


def in_javascript(body: str, state: dict, people: dict) -> list[str]:
    """What a translated `hud` gives, by Node."""
    script = f"""{HELPERS.read_text("utf-8")}
const hud = function (s, people, py) {{ {body} }};
console.log(JSON.stringify(hud({json.dumps(state)}, {json.dumps(people)}, py)));"""
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True, timeout=20)
    return json.loads(done.stdout)


@pytest.mark.skipif(not shutil.which("node"), reason="there is no Node to run JavaScript with")
@pytest.mark.parametrize("body", HUDS)
def test_a_hud_gives_the_same_texts_in_javascript(body, make_game):
    game = make_game(f"{GAME}def hud(s, people):\n    {body}\n")
    translated = translate(game)
    assert translated and "</script" not in translated
    record = np.zeros(1, game.state).view(np.recarray)[0]
    for life, x, score in ((3, 1.5, (4, 1200)), (5, -2.25, (0, 0)), (1, 40.0, (12345, 7))):
        record.life, record.x, record.score[:] = life, x, score
        state = {"x": x, "life": life, "score": list(score), "over": 0}
        plain = [str(text) for text in game.hud(record, People((True,), (True,)))]
        assert in_javascript(translated, state, {"persons": [True], "asked": [True]}) == plain


@pytest.mark.parametrize(
    "body", ["return str(s.score.sum()), '', ''", "return s.x.hex(), '', ''", "return str(s.over > 0), '', ''"]
)
def test_a_hud_that_cannot_be_translated_is_left_out(body, make_game):
    assert translate(make_game(f"{GAME}def hud(s):\n    {body}\n")) is None


@pytest.mark.parametrize("name", games.names())
def test_the_huds_of_games_that_ship_are_translated(name):
    assert translate(games.load(name))


@pytest.mark.parametrize("game", [*games.names(), *TOYS], ids=str)
def test_every_key_of_a_game_is_somewhere_on_the_keyboard(game):
    game = games.load(game)
    used = {key for mine in game.keys for name in mine for key in keys_of(name)}
    assert set(keys.codes_of(game).values()) == used


def test_a_description_is_json_and_has_the_rules_without_rewards():
    found = json.loads(json.dumps(describe(games.load("connect_four"))))
    assert found["spots"][1] == [12.0, 0.0, 12.0, 84.0] and found["turns"] and found["keys"][0][2] == [["3"], 2]
    assert not any("Reward" in line for line in found["rules"])


def test_fields_lie_where_numpy_puts_them():
    game = games.load("pong")
    state = np.zeros(1, game.state)
    state["score"][0, 1] = 7
    at, kind, count = fields_of(game.state)["score"]
    assert state.view(np.uint8)[at : at + 4 * count].view(kind).tolist() == [0, 7]


def test_looks_are_those_of_the_window():
    found = look()
    assert found["colours"] == renderer.DARK.colours and len(found["looks"]) == len(renderer.DARK.looks)
    assert found["palette"]["ground_top"] == palette.GROUND_TOP
