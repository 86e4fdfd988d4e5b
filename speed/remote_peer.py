"""Stable-Baselines3 in a separate process, where our settings of torch and of the memory allocator do not affect it."""

import multiprocessing
import os
import signal
from multiprocessing.connection import Connection
from typing import Any

from torch import Tensor

import games
from games.engine.loader import Game
from games.errors import UserError
from speed.learner_baselines import AlgorithmSettings, Sb3


class RemotePeer:
    """An `Sb3` in another process, with the same methods."""

    def __init__(self, process: "PeerProcess", game: Game, settings: AlgorithmSettings, threads: int, warm_start: int = 0):
        self.process, self.settings, self.threads, self.cpu_seconds = process, settings, threads, 0.0
        self.number, self.name = process.ask("make", str(game.path), settings, threads, warm_start)

    def iterate(self) -> int:
        decisions, self.cpu_seconds = self.process.ask("iterate", self.number)
        return decisions

    def weights(self) -> Tensor:
        return self.process.ask("weights", self.number)

    def counts(self) -> tuple[int, int]:
        return self.process.ask("counts", self.number)

    def close(self) -> None:
        self.process.ask("close", self.number)


class PeerProcess:
    """A process that holds several `Sb3` and answers requests. It ends with this process at the latest."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fresh interpreter
        self.pipe, child_pipe = context.Pipe()
        self.process = context.Process(target=serve, args=(child_pipe,), daemon=True)
        self.process.start()
        child_pipe.close()

    def ask(self, request: str, *arguments: Any) -> Any:
        """Send a request and return the answer; a `UserError` there is raised here."""
        self.pipe.send((request, *arguments))
        answer = self.pipe.recv()
        if isinstance(answer, UserError):
            raise answer
        return answer

    def close(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.join()
        self.pipe.close()


def serve(pipe: Connection) -> None:
    """Answer requests until the pipe is closed. It ignores Ctrl-C: the parent process handles it and ends this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    learners: list[Sb3 | None] = []
    while True:
        try:
            pipe.send(answer(learners, *pipe.recv()))
        except EOFError:
            return


def answer(learners: list[Sb3 | None], request: str, *arguments: Any) -> Any:
    """The answer to a request: "pid", "make", or a method of the learner with the given number; or the `UserError` raised."""
    try:
        if request == "pid":
            return os.getpid()
        if request == "make":
            path, *settings = arguments
            new = Sb3(games.load(path), *settings)
            learners.append(new)
            return len(learners) - 1, new.name
        [number] = arguments
        learner = learners[number]
        assert learner is not None, "it has been closed"
        if request == "close":
            learners[number] = None
        result = getattr(learner, request)()
        return (result, learner.cpu_seconds) if request == "iterate" else result
    except UserError as error:
        return error
