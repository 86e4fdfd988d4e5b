"""Numbers from process to process of one machine, through memory that all of them have.

gloo takes a millisecond for a sum of some numbers, twice in each gradient step; this takes a tenth of that. Each process writes
its numbers into a place of its own, says so, and reads those of all when all have said so. Whoever ends, however it ends,
closes its sockets: the others learn of it at once, and the memory, which has no name, is gone with the last of them.
"""

import contextlib
import mmap
import os
import socket
import tempfile
from typing import Any

import torch
from torch import Tensor

from agents.core.workers import meeting

PLACE = 1 << 28  # bytes of a process's place; only what is written takes memory
GLANCES = 100  # at a socket without waiting, before a process sleeps: waking one takes longer
PATIENCE = 300.0  # seconds for all processes to come
TURN = b"."


class Gone(Exception):
    """Another process has ended."""


class SharedMemory:
    """Memory of all processes of a machine, of each process two places, and a socket to rank 0; rank 0 has one to each."""

    def __init__(self, rank: int, size: int, memory: mmap.mmap, sockets: list[socket.socket]):
        self.rank, self.size, self.sockets = rank, size, sockets
        whole = torch.frombuffer(memory, dtype=torch.uint8)
        self._places = whole.view(2, size, PLACE)
        self._turn = 0

    def takes(self, tensor: Tensor) -> bool:
        """Whether a tensor can be exchanged: it is in the machine's memory and not larger than a place."""
        return tensor.device.type == "cpu" and tensor.nbytes <= PLACE

    def all_gather(self, tensor: Tensor) -> list[Tensor]:
        """The tensors of all processes, of one shape, in the order of ranks. They are valid until this
        process calls it again.

        The places of two calls alternate, so that one who is early writes where nobody reads any more: the next call but one
        begins when all have come to the next.
        Raises `Gone`.
        """
        self._turn ^= 1
        places = self._places[self._turn]
        found = [place[: tensor.nbytes].view(tensor.dtype).view(tensor.shape) for place in places]
        found[self.rank].copy_(tensor)
        self._meet()
        return found

    def _meet(self) -> None:
        """Wait until all processes are here."""
        try:
            if self.rank or self.size == 2:  # of two each tells the other; of more, rank 0 tells that all are here
                self.sockets[0].send(TURN)
                _wait(self.sockets[0])
            else:
                for other in self.sockets:
                    _wait(other)
                for other in self.sockets:
                    other.send(TURN)
        except OSError as error:
            raise Gone(error.strerror or str(error)) from error

    def close(self) -> None:
        """Tell the others that this process is gone."""
        for other in self.sockets:
            other.close()


def _wait(other: socket.socket) -> None:
    """Wait for another process's turn."""
    for _ in range(GLANCES):
        try:
            said = other.recv(1, socket.MSG_DONTWAIT)
            break
        except BlockingIOError:
            continue
    else:
        said = other.recv(1)
    if not said:
        raise Gone("it has closed its socket")


def join_memory(store: Any, rank: int, size: int) -> SharedMemory | None:
    """The memory of the processes of one machine; None where the machine cannot give it. store: torch's, of all of them.

    Raises OSError where another process does not come.
    """
    return _lead(store, size) if rank == 0 else _follow(store, rank, size)


def _lead(store: Any, size: int) -> SharedMemory | None:
    """Rank 0's part: make the memory, and hand it to each process that comes."""
    with contextlib.ExitStack() as stack:
        try:
            meets_in = os.path.dirname(meeting()) or None  # which goes whoever ends, and however
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="sparring-", dir=meets_in))  # of this user alone
            door = stack.enter_context(socket.socket(socket.AF_UNIX))
            door.bind(f"{folder}/door")
            door.listen(size)
            file = _nameless_file(2 * size * PLACE)
            stack.callback(os.close, file)
            memory = mmap.mmap(file, 2 * size * PLACE)
        except (OSError, AttributeError):  # no such sockets, no room
            store.set("memory", "")
            return None
        store.set("memory", f"{folder}/door")
        door.settimeout(PATIENCE)
        sockets: dict[int, socket.socket] = {}
        while len(sockets) < size - 1:
            other, _ = door.accept()
            other.setblocking(True)
            rank = int(other.recv(16))
            socket.send_fds(other, [TURN], [file])
            sockets[rank] = other
    return SharedMemory(0, size, memory, [sockets[rank] for rank in range(1, size)])


def _follow(store: Any, rank: int, size: int) -> SharedMemory | None:
    """The part of the others: come to rank 0 and take the memory."""
    door = store.get("memory").decode()
    if not door:
        return None
    other = socket.socket(socket.AF_UNIX)
    other.connect(door)
    other.send(str(rank).encode())
    _, files, _, _ = socket.recv_fds(other, 1, 1)
    try:
        memory = mmap.mmap(files[0], 2 * size * PLACE)
    finally:
        os.close(files[0])
    return SharedMemory(rank, size, memory, [other])


def _nameless_file(count: int) -> int:
    """A file without a name, of so many bytes, none of which takes memory yet."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("sparring")
    else:
        with tempfile.TemporaryFile() as made:
            file = os.dup(made.fileno())
    os.ftruncate(file, count)
    return file
