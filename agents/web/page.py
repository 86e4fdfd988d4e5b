"""A game's page: its files, made of the templates in `page/` and of the game's data, as a folder or as a single file."""

import base64
import gzip
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agents.core.version import VERSION
from agents.web import forward as op
from agents.web.cast import CastAgent
from games.engine import cache
from games.engine.loader import Game
from games.web.description import describe, look
from games.web.module import compile_game
from games.web.wasm import Entry, compile_module

TEMPLATES = Path(__file__).parent / "page"
STYLE, INDEX, GAMES, DATA = "style.css", "index.html", "games.html", "game.js"
# In the order in which they build on each other: classic scripts, since browsers refuse modules of a page on disk.
SCRIPTS = (
    "pack.js", "memory.js", "hud.js", "frame.js", "sprites.js", "painter.js", "replay.js", "agent.js", "person.js", "board.js",
    "match.js", "clock.js", "controls.js", "eye.js", "chooser.js", "main.js",
)  # fmt: skip


def files_of(game: Game, cast: Sequence[CastAgent], single: bool) -> dict[str, bytes]:
    """A page's files by name: index.html, its style, its scripts and game.js, or a single one, GAME.html."""
    data = game_script(game, cast)
    scripts = {name: (TEMPLATES / name).read_text("utf-8") for name in SCRIPTS}
    style = (TEMPLATES / STYLE).read_text("utf-8")
    page = (TEMPLATES / INDEX).read_text("utf-8").replace("{{title}}", html.escape(game.heading))
    if single:
        page = page.replace("{{style}}", f"<style>\n{style}</style>")
        inlined = "\n".join(f"<script>\n{text}</script>" for text in (data, *scripts.values()))
        return {f"{game.name}.html": page.replace("{{scripts}}", inlined).encode()}
    page = page.replace("{{style}}", f'<link rel="stylesheet" href="{STYLE}">')
    page = page.replace("{{scripts}}", "\n".join(f'<script src="{name}"></script>' for name in (DATA, *SCRIPTS)))
    texts = {INDEX: page, STYLE: style, DATA: data, **scripts}
    return {name: text.encode() for name, text in texts.items()}


def game_script(game: Game, cast: Sequence[CastAgent]) -> str:
    """The script that holds all of a page that differs from game to game."""
    described = describe(game)
    networks: dict[bytes, int] = {}  # the number of each network, by its weights and operations
    programs = []
    parts = {"game": compile_game(game, {each.sight for each in cast}).code}
    agents = []
    for each in cast:
        program = each.program
        weights = by_place(program.weights.astype(np.float16 if program.is_half else np.float32))
        key = weights + program.rows.tobytes()
        if key not in networks:
            networks[key] = len(networks)
            parts[f"weights_{networks[key]}"] = weights
            programs.append(_described(program))
        agents.append(each.described(networks[key]))
    if cast:
        parts["network"] = compile_networks(cast)
    index, pack = _packed(parts)
    hud = described.pop("hud")
    data = {
        "version": VERSION,
        "game": {**described, "stateBytes": game.state.itemsize},
        "agents": agents,
        "networks": programs,
        "parts": index,
        "pack": pack,
    }
    function = f"function (s, people, py) {{ {hud} }}" if hud else "null"
    return f"const DATA = {_script(data)};\nconst LOOK = {_script(look())};\nconst HUD = {function};\n"


def compile_networks(cast: Sequence[CastAgent]) -> bytes:
    """The module that runs networks, with memory for the largest of a page's."""
    arrays: dict[str, np.ndarray] = {
        "program": np.zeros((max(len(each.program.rows) for each in cast), op.WIDTH), np.int64),
        "weights": np.zeros(max(len(each.program.weights) for each in cast), np.float32),
        "numbers": np.zeros(max(each.program.numbers for each in cast), np.float32),
    }
    folder = cache.versioned("loops-web", [Path(op.__file__)])
    return compile_module([Entry("forward", op.forward, tuple(arrays))], arrays, "The network", folder, is_wide=True).code


def _described(program: Any) -> dict[str, Any]:
    """A program as a page reads it, without its weights."""
    return {
        "rows": program.rows.ravel().tolist(),
        "numbers": program.numbers,
        "inputs": program.inputs,
        "scores": program.scores,
        "value": program.value,
        "memory": program.memory,
        "isHalf": program.is_half,
    }


def by_place(weights: np.ndarray) -> bytes:
    """The first byte of each weight, then the second of each, and so on: bytes that are alike lie together and compress."""
    return np.frombuffer(weights.tobytes(), np.uint8).reshape(len(weights), -1).T.tobytes()


def _packed(parts: dict[str, bytes]) -> tuple[dict[str, tuple[int, int]], str]:
    """Where each part lies in the unpacked bytes, and these bytes, compressed, in 85 letters that may stand in a script."""
    index, whole = {}, b""
    for name, data in parts.items():
        index[name] = len(whole), len(data)
        whole += data
    return index, base64.b85encode(gzip.compress(whole, 9, mtime=0)).decode().replace("<", ",")


def _script(values: Any) -> str:
    """JSON that may stand in a script of an HTML file."""
    return json.dumps(values, separators=(",", ":")).replace("<", "\\u003c")


def games_page(games: Sequence[Game], single: bool) -> bytes:
    """A page that leads to those of several games."""
    links = [
        f'<a href="{f"{game.name}.html" if single else f"{game.name}/{INDEX}"}"><b>{html.escape(game.heading)}</b>'
        f"<span>{html.escape(game.doc.splitlines()[0])}</span></a>"
        for game in games
    ]
    style = "\n".join(f"--{name.replace('_', '-')}: rgb{tuple(value)};" for name, value in look()["palette"].items())
    page = (TEMPLATES / GAMES).read_text("utf-8")
    return page.replace("{{colours}}", style).replace("{{games}}", "\n".join(links)).encode()
