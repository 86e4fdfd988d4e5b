"""Runs that take seconds, for the tests of what runs leave behind."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
REPEAT = ROOT / "tests" / "learning" / "repeat.py"
FAST = [
    *("--set", "n_steps=16", "--set", "batch_size=512", "--set", "size=12", "--set", "hidden=16", "--set", "threads=1"),
    *("--set", "eval_games=2", "--set", "final_games=3", "--set", "gif=false", "--seed", "3"),
]  # fmt: skip
PONG = ["pong", *FAST, "--envs", "64", "--steps", "80000", "--set", "eval_every=30000", "--set", "checkpoint_every=4000"]
BOARD = [
    *("connect_four", *FAST, "--envs", "32", "--steps", "40000", "--set", "eval_every=15000", "--set", "checkpoint_every=2000"),
    *("--opponent", "self", "--opponent", "bot"),
]  # fmt: skip
BRIEF = ["--set", "eval_games=4", "--set", "final_games=4", "--set", "gif=false", "--quiet"]


def folder_of(tmp_path, words, name):
    return tmp_path / words[0] / name
