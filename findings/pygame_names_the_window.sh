#!/bin/bash
# Importing pygame-ce where DISPLAY is set gives the window a class after the script's file name, so os.environ.setdefault comes too late.
#
# SDL takes a window's class, by which Linux desktops group windows and find an icon, from SDL_VIDEO_X11_WMCLASS. One would set that
# with os.environ.setdefault before the display opens, so that a value of the user's own wins. But `import pygame` has set the variable
# by then, to the base name of sys.argv[0], and nothing tells that value from one of the user's. So it must be set before pygame is
# imported, or set again where it equals the script's name. Without DISPLAY (a Wayland session without X, a test) it is not set.
#
# Seen on 2026-11-28 with pygame-ce 2.5.8, CPython 3.11.7, Linux x86_64: with DISPLAY 'my_game.py', without it None.
# Source: https://github.com/pygame-community/pygame-ce, src_py/__init__.py (DISPLAY, SDL_VIDEO_X11_WMCLASS)
set -euo pipefail

[ "$(uname)" = Linux ] || { echo "This is about Linux."; exit 0; }
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/python" -m pip install --quiet --disable-pip-version-check pygame-ce==2.5.8

cat > "$place/my_game.py" <<'PYTHON'
import os

import pygame

os.environ.setdefault("SDL_VIDEO_X11_WMCLASS", "My Game")
print(os.environ["SDL_VIDEO_X11_WMCLASS"])
PYTHON
ask() { # with the environment's changes: the last line that the script prints
    env -u SDL_VIDEO_X11_WMCLASS -u DISPLAY PYGAME_HIDE_SUPPORT_PROMPT=1 "$@" "$place/venv/bin/python" "$place/my_game.py" | tail -1
}
with=$(ask DISPLAY=:0) without=$(ask LANG=C)
"$place/venv/bin/python" -c 'import sys; from importlib.metadata import version as v; print("version: pygame-ce", v("pygame-ce"), "CPython", sys.version.split()[0])'
echo "expected: My Game, with a display and without"
echo "behaviour: with DISPLAY the class is '$with', without it '$without'"
[ "$with" = my_game.py ] && [ "$without" = "My Game" ]
