"""A small ladder of Pong for tests: three rungs of two agents, of which two are levels."""

import shutil
from pathlib import Path

from agents.participants import ZOO
from agents.play import ladder
from agents.play.ladder import LadderFile, Moment, Rung

HERE = Path(__file__).parent


def small_ladder(folder: Path) -> LadderFile:
    """Make it in a folder."""
    folder.mkdir(parents=True)
    shutil.copy(HERE / "pong_against_bot_alone.safetensors", folder / "weak.safetensors")
    shutil.copy(ZOO / "pong" / "ppo.safetensors", folder / "strong.safetensors")
    file = LadderFile(
        game="pong",
        game_version=1,
        rungs=[
            Rung(file="weak.safetensors", delay=18, temperature=1.0, rating=800.0, interval=(780.0, 820.0), name="Newcomer"),
            Rung(file="strong.safetensors", delay=12, temperature=0.5, rating=1000.0, interval=(980.0, 1020.0)),
            Rung(file="strong.safetensors", delay=6, temperature=0.0, rating=1200.0, interval=(1180.0, 1220.0), name="Master"),
        ],
        moments=[Moment(file="weak.safetensors", steps=100_000, seconds=2.5)],
        most=5.0,
        trials=3.4,
        scale=640.0,
    )
    ladder.write(folder, file)
    return file
