"""A peer in a process of its own, as people use it: what we tell torch and the memory's allocator is none of its business."""

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from typing import Any

from torch import Tensor

import games
from games.engine.loader import Game
from games.errors import UserError
from speed.learner_baselines import Sb3, Settings


class RemotePeer:
    """`Sb3` elsewhere, with the same methods."""

    def __init__(self, place: "PeerProcess", game: Game, settings: Settings, threads: int, under_way: int = 0):
        self.place, self.settings, self.threads, self.spent = place, settings, threads, 0.0
        self.number, self.name = place.ask("make", str(game.path), settings, threads, under_way)

    def iterate(self) -> int:
        decisions, self.spent = self.place.ask("iterate", self.number)
        return decisions

    def weights(self) -> Tensor:
        return self.place.ask("weights", self.number)

    def happened(self) -> tuple[int, int]:
        return self.place.ask("happened", self.number)

    def close(self) -> None:
        self.place.ask("close", self.number)


class PeerProcess:
    """A process that holds peers. It ends with this one at the latest."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # with nothing of ours in it
        self.pipe, its = context.Pipe()
        self.process = context.Process(target=serve, args=(its,), daemon=True)
        self.process.start()
        its.close()

    def ask(self, what: str, *arguments: Any) -> Any:
        """What it answers; its errors are raised here."""
        self.pipe.send((what, *arguments))
        answer = self.pipe.recv()
        if isinstance(answer, UserError):
            raise answer
        return answer

    def close(self) -> None:
        self.process.terminate()
        self.process.join()
        self.pipe.close()


def serve(pipe: Connection) -> None:
    """Answer until nobody asks any more. A Ctrl-C, which all get, is for the one who asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    peers: list[Sb3 | None] = []
    while True:
        try:
            pipe.send(answer(peers, *pipe.recv()))
        except EOFError:
            return


def answer(peers: list[Sb3 | None], what: str, *arguments: Any) -> Any:
    try:
        if what == "pid":
            return os.getpid()
        if what == "make":
            path, *others = arguments
            new = Sb3(games.load(path), *others)
            peers.append(new)
            return len(peers) - 1, new.name
        [number] = arguments
        peer = peers[number]
        assert peer is not None, "it has been closed"
        if what == "close":
            peers[number] = None
        found = getattr(peer, what)()
        return (found, peer.spent) if what == "iterate" else found
    except UserError as error:
        return error
