"""Writes an agent as ONNX, for programs without torch: python -m agents.export AGENT out.onnx [--int8]

`agents.bridges.onnx` documents the graph's inputs and outputs.
"""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until `command.run`: Ctrl-C while modules load prints no traceback

import argparse
import sys
from pathlib import Path

import gymnasium

import games
from agents.bridges import onnx
from agents.bridges.game_loader import load_game
from agents.core.game_names import bare_id, is_gym
from agents.play.agent import Agent
from agents.play.agent_info import AgentInfo, peek
from games import command
from games.errors import UserError


def _named_in(path: Path, info: AgentInfo) -> str:
    """The game that an agent's file names; `UserError` if loading it could run code that only the file names."""
    if info.game_digest is None and info.game in games.names():
        return info.game
    if is_gym(info.game):
        if bare_id(info.game) in gymnasium.registry:
            return info.game
        raise UserError(f"{path} plays '{info.game}', which is not ours.\nName it: --game {info.game}")
    raise UserError(f"{path} plays '{info.game}', a game of somebody's own.\nName its file: --game ./{info.game}.py")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m agents.export", description="Write an agent as ONNX.")
    parser.add_argument("agent", type=Path, help="an agent's file, or a run's folder")
    parser.add_argument("out", type=Path, help="where to write it: out.onnx")
    parser.add_argument("--int8", action="store_true", help="weights in 8 bits: a quarter of the size, nearly the same choices")
    parser.add_argument("--game", help="the file of a game of your own, which an agent's file only names")
    parser.add_argument("--network", metavar="FILE", help="the file of a network of your own, likewise")
    options = parser.parse_args(arguments)
    try:
        path = options.agent / "agent.safetensors" if options.agent.is_dir() else options.agent
        info = peek(path)
        agent = Agent.load(path, load_game(options.game or _named_in(path, info)), network=options.network)
        print(
            f"Writing {options.out} and comparing it with the agent in {onnx.GAMES * onnx.DECISIONS:,} observations …",
            flush=True,
        )
        result = onnx.export(agent, options.out, options.int8)
        times = onnx.latency(agent, options.out)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    size = options.out.stat().st_size / 1024
    print(f"{options.out}: {size:,.0f} KiB; {result.observations:,} observations: {result.same:.2%} of choices the same,")
    print(f"scores within {result.difference:.1g} of the greatest. A decision of a batch of one, one thread:")
    print("  ".join(f"{name} {milliseconds:.3f} ms" for name, milliseconds in times.items()))
    if options.int8:
        print("With 8 bits a row's scores depend a little on the other rows of its batch.")
    return 0


if __name__ == "__main__":
    command.run(main)
