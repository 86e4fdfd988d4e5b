"""The description of an agent's network that `train.py … --describe` prints: its layers, their sizes and costs."""

import math
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from agents.core.settings import AgentSettings
from agents.networks.network import Network
from agents.networks.summary import layers
from agents.play.agent import Agent, build_network, describe_agent, frame_shape_of
from agents.play.agent_info import AgentInfo
from agents.play.trainable import AnyGame, trainable


def file_bytes(game: AnyGame, info: AgentInfo, network: Network) -> int:
    """The size of the agent's file, before it contains a score."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "agent.safetensors"
        Agent(game, info, network).save(path)
        return path.stat().st_size


def describe_network(game: AnyGame, settings: AgentSettings, algorithm: str) -> dict[str, Any]:
    """The description of the network that settings make, as a JSON object."""
    network = build_network(game, settings, algorithm)
    shape = (settings.stack, *frame_shape_of(game, settings))
    rows = layers(network, shape, np.float32 if settings.observation == "objects" else np.uint8)
    return {
        "game": game.name,
        "algorithm": algorithm,
        "network": settings.network,
        "memory": settings.memory,
        "observation": settings.observation,
        "input": list(shape),
        "parts": trainable(game).describe_observation(settings),
        "layers": [asdict(layer) for layer in rows],
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "multiply_adds": sum(layer.multiply_adds for layer in rows),
        "file_bytes": file_bytes(game, describe_agent(game, settings, algorithm), network),
    }


def print_description(description: dict[str, Any], heading: str) -> None:
    """Print a description as a table."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    memory = "" if description["memory"] == "none" else f" + {description['memory']}"
    observation = f"{description['observation']} {_by(description['input'])}"
    title = f"{heading}: {description['algorithm']}, {description['network']}{memory}, {observation}"
    table = Table(title=title, title_justify="left", title_style="bold", show_footer=True, box=box.SIMPLE_HEAD)
    table.add_column("layer", "total", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("output", justify="right", no_wrap=True)
    table.add_column("parameters", f"{description['parameters']:,}", justify="right", no_wrap=True)
    table.add_column("multiply-adds", f"{description['multiply_adds']:,}", justify="right", no_wrap=True)
    for layer in description["layers"]:
        numbers = (f"{layer['parameters']:,}", f"{layer['multiply_adds']:,}")
        table.add_row(layer["name"].removeprefix("encoder."), layer["kind"], _by(layer["shape"]), *numbers)
    table.caption, table.caption_justify = f"One decision; the agent's file has {_size(description['file_bytes'])}.", "left"
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = 120  # not cut off when the output is a file
    console.print(table)
    if description["parts"]:
        parts = Table(title="What the network is given", title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
        for heading in ("of an observation", "its space", "becomes"):
            parts.add_column(heading)
        for row in description["parts"]:
            parts.add_row(*row)
        console.print(parts)


def _by(shape: Iterable[int]) -> str:
    return " × ".join(map(str, shape))


def _size(count: int) -> str:
    """A number of bytes in decimal units, for people.

    >>> _size(812), _size(415_000), _size(6_700_000)
    ('812 B', '415 kB', '6.7 MB')
    """
    power = 0 if count < 1000 else min(3, int(math.log10(count)) // 3)
    value, unit = count / 1000**power, ("B", "kB", "MB", "GB")[power]
    return f"{value:.1f} {unit}" if power and value < 10 else f"{value:.0f} {unit}"
