"""A seat of the window for the newest agent of a training run."""

from pathlib import Path

from games.engine.loader import Game
from ui.run_watcher import RunWatcher
from ui.seats import Seat


def watching_seat(game: Game, folder: Path) -> Seat:
    """A seat for the newest agent of a run, whose curve is shown beside the game. Raises `UserError` as `RunWatcher` does."""
    run = RunWatcher(game, folder)
    assert run.info
    return Seat(
        "agent",
        run.name,
        make=run.player,
        load=run.load,
        observation=run.info.settings.observation,
        about=f"the newest agent of {folder}",
        adaptive=run,
        run=run,
    )
