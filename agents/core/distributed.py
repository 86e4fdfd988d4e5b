"""Several processes that train one network together: `torchrun --nproc-per-node 2 train.py pong` (torch.distributed).

Each, a rank, plays in environments of its own. What they learn is the same: gradients, and the means that go into them, are
those of all decisions of all ranks, so that their weights stay the same to the last bit. Rank 0 alone writes and prints.
A process by itself is a rank 0 of 1, for which nothing here costs or changes anything.

One rank that fails ends the others: it leaves its message in the store where ranks meet and hangs up; whoever waits for it
in any of the calls below, or is about to, gets `Lost`.
"""

import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
import torch.distributed.nn  # now: its functions keep, as defaults, the group that there is when it is imported
from torch import Tensor

from games.errors import UserError

COLLECTIVE_TIMEOUT = timedelta(days=1)  # of ranks that wait for an evaluation; of one that is gone they hear at once
FAREWELL_TIMEOUT = timedelta(seconds=20)  # for rank 0 to say what is to be said, before the others end
HEARD_TIMEOUT = timedelta(seconds=3)  # for the others to hear that it has


class Stop(BaseException):
    """SIGINT or SIGTERM came."""

    def __init__(self, number: int):
        self.number = number


class Lost(Exception):
    """Another rank is gone."""


class ProcessGroup:
    """This process among those that train together."""

    def __init__(self, rank: int = 0, size: int = 1, local: int = 0, local_size: int = 1, store: Any = None):
        """local: its number among those on this machine. local_size: how many these are. store: where all meet."""
        self.rank, self.size, self.local, self.local_size, self.store = rank, size, local, local_size, store
        self.signal = 0  # that came, and that the others have not been told of yet
        self._interruptible = size == 1

    def own_seed(self, seed: int) -> int:
        """This rank's own, for what is to differ: rank 0's is the seed itself."""
        return seed if self.rank == 0 else int(np.random.SeedSequence([seed, self.rank]).generate_state(1, np.uint64)[0] >> 1)

    def check_device(self, device: str) -> None:
        """`UserError` where they cannot compute on it together."""
        if self.size > 1 and device not in ("cpu", "cuda"):
            raise UserError(f"Several processes train together on cpu or cuda, not on {device}.\nGive --device cpu.")
        if self.size > 1 and device == "cuda" and self.local >= (count := torch.cuda.device_count()):
            raise UserError(f"Every rank needs a GPU of its own, and here are {count}.\nGive --nproc-per-node {count}.")

    # --- what all have together; every rank calls it ---

    def gather_numbers(self, *own: float) -> Tensor:
        """Some numbers of each rank, float64 [size, len(own)]."""
        mine = torch.tensor(own, dtype=torch.float64)
        return torch.stack(self.all_gather(mine))

    def all_gather(self, mine: Tensor) -> list[Tensor]:
        """A tensor of every rank's, of one shape, in the order of ranks."""
        if self.size == 1:
            return [mine]
        found = [torch.empty_like(mine) for _ in range(self.size)]
        with _others():
            dist.all_gather(found, mine)
        return found

    def all_reduce(self, numbers: Tensor) -> Tensor:
        """The sums over ranks of some numbers [n]. `Stop` where a signal has come to one of them."""
        if self.size == 1:
            return numbers
        flat = torch.cat([numbers, numbers.new_full((1,), float(self.signal != 0))])
        with _others():
            dist.all_reduce(flat)
        if flat.device.type == "cpu" and flat[-1] > 0:  # elsewhere asking would hold everything up; see `raise_signals`
            self.raise_signals()
        return flat[:-1]

    def mean(self, x: Tensor) -> Tensor:
        """Of the numbers [B] of all ranks."""
        if self.size == 1:
            return x.mean()
        count, total, _ = self._sums(x)
        return (total / count).to(x.dtype)

    def variance(self, x: Tensor) -> Tensor:
        """Of the numbers [B] of all ranks; nan of a single one."""
        if self.size == 1:
            return x.var() if len(x) > 1 else x.new_tensor(float("nan"))
        count, total, squares = self._sums(x)
        return ((squares - total * total / count) / (count - 1)).to(x.dtype)

    def moments(self, x: Tensor) -> tuple[Any, Tensor, Tensor]:
        """How many numbers [B] all ranks have, their mean and their deviation; of a single one, 0 and 1."""
        if self.size == 1:
            return (len(x), x.mean(), x.std()) if len(x) > 1 else (len(x), torch.zeros(()), torch.ones(()))
        count, total, squares = self._sums(x)
        spread = ((squares - total * total / count) / (count - 1)).clamp(min=0.0).sqrt()
        several = count > 1
        mean, spread = torch.where(several, total / count, 0.0), torch.where(several, spread, 1.0)
        return count.float(), mean.to(x.dtype), spread.to(x.dtype)

    def _sums(self, x: Tensor) -> Tensor:
        """float64 [3]: over all ranks, how many there are, their sum and that of their squares."""
        precise = x.double()
        sums = torch.stack([torch.full_like(precise.sum(), len(x)), precise.sum(), precise.square().sum()])
        with _others():
            dist.all_reduce(sums)
        return sums

    # --- what rank 0 decides ---

    def broadcast_number(self, value: float) -> float:
        """Rank 0's."""
        if self.size == 1:
            return value
        decided = torch.tensor([value], dtype=torch.float64)
        self.broadcast([decided])
        return decided.item()

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        """Fill tensors with those of rank 0."""
        if self.size > 1:
            with _others():
                for tensor in tensors:
                    whole = tensor.contiguous()
                    dist.broadcast(whole, 0)
                    tensor.copy_(whole)

    def broadcast_json(self, values: dict[str, Any] | None) -> dict[str, Any]:
        """Rank 0's JSON-like dict; the others give None."""
        if self.size == 1:
            return values or {}
        data = torch.frombuffer(bytearray(json.dumps(values).encode()), dtype=torch.uint8)
        length = int(self.broadcast_number(len(data)))
        text = data if self.rank == 0 else torch.empty(length, dtype=torch.uint8)
        self.broadcast([text])
        return json.loads(text.numpy().tobytes())

    def on_rank_0(self, call: Callable[[], None]) -> None:
        """Rank 0 does something that may take a while, and that a signal breaks off; the others wait until it has."""
        if self.size == 1:
            return call()
        if self.rank == 0:
            try:
                self._interruptible = True
                call()
                self._interruptible = False
            except Stop as stop:
                self._interruptible, self.signal = False, stop.number
        self.raise_signals()

    # --- bytes, to and from rank 0 ---

    def gather_bytes(self, data: bytes) -> list[bytes]:
        """On rank 0, what the others gave, in the order of ranks; on those, nothing."""
        if self.rank:
            self._send(data, 0)
            return []
        return [self._receive(rank) for rank in range(1, self.size)]

    def scatter_bytes(self, each: Sequence[bytes]) -> bytes:
        """What rank 0 gave for this one: it has some for each of the others, which give nothing."""
        if self.rank:
            return self._receive(0)
        for rank, data in enumerate(each, 1):
            self._send(data, rank)
        return b""

    def _send(self, data: bytes, to: int) -> None:
        with _others():
            dist.send(torch.tensor([len(data)]), to)
            if data:
                dist.send(torch.frombuffer(bytearray(data), dtype=torch.uint8), to)

    def _receive(self, source: int) -> bytes:
        length = torch.zeros(1, dtype=torch.int64)
        with _others():
            dist.recv(length, source)
            data = torch.empty(int(length), dtype=torch.uint8)
            if len(data):
                dist.recv(data, source)
        return data.numpy().tobytes()

    # --- signals ---

    def interrupt(self, number: int) -> None:
        """A signal came: `Stop`, now where nobody else is concerned, else as soon as all ranks meet.

        Also where it was raised in vain: Python drops it inside what C code calls back, as LLVM does while it compiles.
        """
        self.signal = number
        if self._interruptible:
            raise Stop(number)

    def raise_signals(self) -> None:
        """`Stop` on all ranks, where a signal has come to one of them."""
        number = int(self.gather_numbers(self.signal).max()) if self.size > 1 else self.signal
        if number:
            self.signal = 0
            raise Stop(number)

    # --- the end ---

    def leave(self, code: int, message: str = "") -> int:
        """Hang up; the exit code of all. message: what went wrong, for rank 0 to say."""
        if self.size == 1:
            return code
        with contextlib.suppress(RuntimeError):  # the store may be gone, with the machine it was on
            if self.rank and message:
                self.store.set(f"message {self.rank}", message)
            dist.destroy_process_group()
            if self.rank == 0:
                self.store.set("code", str(code))
                self.store.wait([f"gone {rank}" for rank in range(1, self.size)], HEARD_TIMEOUT)
            else:
                self.store.wait(["code"], FAREWELL_TIMEOUT)
                code = int(self.store.get("code"))
                self.store.set(f"gone {self.rank}", "")
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun ends those that end a little later than the first
        return code

    def message(self) -> str:
        """What a rank that is gone has left to be said; empty where it had no time to."""
        with contextlib.suppress(RuntimeError):
            for rank in range(1, self.size):
                if self.store.check([f"message {rank}"]):
                    return self.store.get(f"message {rank}").decode()
        return ""


@contextlib.contextmanager
def _others() -> Iterator[None]:
    """Around what needs them."""
    try:
        yield
    except RuntimeError as error:
        raise Lost(str(error)) from error


# --- processes that torchrun has begun ------------------------------------------------------------------------------


def is_distributed() -> bool:
    """Has torchrun begun this process, as one of several?"""
    return {"RANK", "LOCAL_RANK"} <= os.environ.keys() and int(os.environ.get("WORLD_SIZE", "1")) > 1


def local_processes() -> int:
    """How many of our processes torchrun has begun on this machine, each with its share of the cores."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if is_distributed() else 1


def launcher(size: int, here: int | None = None) -> str:
    """What begins a command that so many ranks run, so many of them on each machine.

    >>> launcher(1), launcher(2), launcher(8, 4)
    ('python', 'torchrun --nproc-per-node 2', 'torchrun --nnodes 2 --nproc-per-node 4')
    """
    here = here or size
    machines = f"--nnodes {size // here} " if here < size else ""
    return "python" if size == 1 else f"torchrun {machines}--nproc-per-node {here}"


def join_group() -> ProcessGroup:
    """Meet the others. On CUDA each rank computes on the GPU of its number on its machine."""
    local = int(os.environ["LOCAL_RANK"])
    if local < torch.cuda.device_count():
        torch.cuda.set_device(local)  # what "cuda" means from now on
    try:
        store, rank, size = next(dist.rendezvous("env://", timeout=timedelta(minutes=5)))
        group = dist.PrefixStore("group", store)
        # What is on the CPU goes by gloo, which waits without spinning.
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, store=group, rank=rank, world_size=size, timeout=COLLECTIVE_TIMEOUT)
    except (RuntimeError, ValueError) as error:
        raise UserError(f"The processes that torchrun has begun do not find each other: {error}.") from error
    return ProcessGroup(rank, size, local, local_processes(), dist.PrefixStore("words", store))


def run_group(lead: Callable[[ProcessGroup], int], follow: Callable[[ProcessGroup], int]) -> int:
    """Rank 0 does the one, the others the other; the exit code of all of them. What goes wrong is said once."""
    ranks = join_group()
    code, message = 1, ""
    try:
        code = lead(ranks) if ranks.rank == 0 else follow(ranks)
    except UserError as error:
        code, message = 2, str(error)
    except Lost as lost:
        message = ranks.message()
        code, message = (2, message) if message else (1, f"One of the {ranks.size} ranks is gone: {str(lost).splitlines()[0]}")
    except KeyboardInterrupt:  # before there was anything to save
        code = 130
    except SystemExit as end:  # of the command line's reader
        code = end.code if isinstance(end.code, int) else 2
    finally:
        if ranks.rank == 0 and message:
            print(f"error: {message}", file=sys.stderr, flush=True)
        sys.stdout.flush()
        code = ranks.leave(code, message)
    return code
