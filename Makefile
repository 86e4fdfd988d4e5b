# Each target does its own set-up the first time. Works with the make of macOS (3.81) and any POSIX shell.
#
#   GAME=…    the game: pong, breakout, connect_four, or a file of your own (./my_game.py)
#   ARGS=…    more arguments for the command: make train GAME=pong ARGS="--seed 2"
#   TORCH=cpu the small build of torch, without CUDA (on Linux): make setup TORCH=cpu, before all else
#   PYTHON=…  the Python that the virtual environment is made with (3.11 or newer)

GAME = pong
ARGS =
BENCH = env
TORCH =
VENV = .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready
CPU_ONLY = $(if $(filter cpu,$(TORCH)),--extra-index-url https://download.pytorch.org/whl/cpu)

.PHONY: help setup train play pages bench test test-all trust

help:
	@echo "make train GAME=pong    train an agent from pixels, about a minute"
	@echo "make play GAME=pong     play against the best agent at hand"
	@echo "make pages              pages of all games, to play in a browser: pages/index.html"
	@echo "make test               formatting, types, floors and tests, a few minutes"
	@echo "make test-all           the slow proofs too"
	@echo "make trust              kills, damaged files, full disks, signals: is anything lost? Up to 20 minutes"
	@echo "make bench BENCH=env    measure speed: env, train, scale, play, usual or gpu; BENCH='since HEAD~3': than before"
	@echo "make setup              only make .venv and install; the others do it by themselves"
	@echo
	@echo 'More arguments: ARGS="…", as in  make train GAME=pong ARGS="--seed 2"'

setup: $(READY)
	@echo "Everything is installed in $(VENV)."

# Newer than both files once everything is installed, so that it is done again only when one of them changes.
$(READY): pyproject.toml constraints.txt
	@found=; \
	for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python); do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	    echo "Sparring needs Python 3.11 or newer; $(or $(PYTHON),python3) is none." >&2; \
	    echo "Install one from python.org or your system's packages, or name it: make setup PYTHON=/path/to/python3" >&2; \
	    exit 2; \
	fi; \
	echo "Setting up $(VENV) with $$($$found --version). The first time this downloads some 300 MB$(if $(CPU_ONLY),,; on Linux several GB, with CUDA)."; \
	$$found -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(CPU_ONLY) -e '.[test,dev]'
	@touch $(READY)

train: $(READY)
	$(BIN)/python train.py $(GAME) $(ARGS)

play: $(READY)
	$(BIN)/python play.py $(GAME) $(ARGS)

# Made anew each time: what is in pages/ goes.
pages: $(READY)
	rm -rf pages
	$(BIN)/python -m agents.web --out pages $(ARGS)

bench: $(READY)
	$(BIN)/python bench.py $(BENCH) $(ARGS)

# On all cores. ARGS="-n 0 …" for one process, as a debugger needs it.
test: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n auto --maxprocesses 8 --dist worksteal $(ARGS)

# One after the other: the slow proofs measure time and kill.
test-all: test
	$(BIN)/python -m pytest -m slow $(ARGS)

trust: $(READY)
	$(BIN)/python -m tests.trust $(ARGS)
