"""A `pygame` that is not pygame-ce is reported in words."""

import subprocess
import sys
import types
from pathlib import Path

import pytest

from games.errors import UserError
from games.render.pygame_ce import require_pygame_ce

ROOT = Path(__file__).parents[3]


def test_pygame_ce_is_accepted():
    require_pygame_ce()


def test_another_pygame_is_refused_with_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pygame", types.ModuleType("pygame"))
    with pytest.raises(UserError, match=r"pip uninstall pygame\n.*pip install --force-reinstall pygame-ce"):
        require_pygame_ce()


@pytest.mark.parametrize("module", ["ui.window", "ui.keys", "ui.text", "games.render.renderer", "games.render.glyphs"])
def test_all_that_draws_checks_it_first(tmp_path, module):
    (tmp_path / "pygame.py").write_text("BLEND_RGB_ADD = 1\nclass Surface: ...\n", "utf-8")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import {module}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "UserError: The installed pygame is not pygame-ce" in done.stderr


def test_games_works_without_pygame():
    code = (
        "import sys; sys.modules['pygame'] = None; import games, games.envs.gymnasium;"
        "assert games.envs.gymnasium.SparringEnv('pong').reset(seed=1)[0].shape == (84, 84, 4)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
