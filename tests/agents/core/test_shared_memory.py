"""Numbers through shared memory: all ranks get the same, whoever is late; who is gone is noticed; nothing is left behind."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from agents.core import shared_memory
from agents.core.distributed import Lost, ProcessGroup
from agents.core.shared_memory import Gone, SharedMemory, join_memory


class Store:
    """A store as torch's, of threads."""

    def __init__(self):
        self.values, self.news = {}, threading.Condition()

    def set(self, key, value):
        with self.news:
            self.values[key] = value.encode()
            self.news.notify_all()

    def get(self, key):
        with self.news:
            assert self.news.wait_for(lambda: key in self.values, 20)
            return self.values[key]


@pytest.fixture
def ranks():
    """`ranks(3)`: the shared memory of so many ranks, each to be used in a thread of its own."""
    made: list[SharedMemory] = []

    def make(size):
        store = Store()
        with ThreadPoolExecutor(size) as pool:
            made.extend(pool.map(lambda rank: join_memory(store, rank, size), range(size)))
        return list(made)

    yield make
    for memory in made:
        memory.close()


def together(memories, call):
    """What each rank's `call(memory)` returns."""
    with ThreadPoolExecutor(len(memories)) as pool:
        return list(pool.map(call, memories))


@pytest.mark.parametrize("size", [2, 3])
def test_all_have_the_numbers_of_all_in_the_order_of_ranks(size, ranks):
    def call(memory):
        found = []
        for turn in range(200):
            mine = torch.full((3, 2), 10.0 * turn + memory.rank, dtype=torch.float64)
            gathered = memory.all_gather(mine)
            if turn % 50 == memory.rank:
                time.sleep(0.02)  # meanwhile the others have begun the next turn
            found.append(torch.stack(gathered))
        return torch.stack(found)

    first, *others = together(ranks(size), call)
    expected = (10.0 * torch.arange(200.0, dtype=torch.float64)[:, None] + torch.arange(size))[:, :, None, None]
    assert (first == expected).all() and all((first == other).all() for other in others)


def test_a_rank_that_is_late_is_waited_for(ranks, monkeypatch):
    monkeypatch.setattr(shared_memory, "GLANCES", 2)
    memories, late = ranks(2), threading.Event()

    def call(memory):
        if memory.rank == 1:
            assert late.wait(20)
        return [int(each) for each in memory.all_gather(torch.tensor(memory.rank))]

    threading.Timer(0.2, late.set).start()
    assert together(memories, call) == [[0, 1], [0, 1]]


def test_a_rank_that_is_gone_is_lost_to_the_others(ranks):
    memories = ranks(3)
    memories[2].close()

    def call(memory):
        group = ProcessGroup(memory.rank, 3, 3, memory=memory)
        with pytest.raises(Lost):
            group.gather_numbers(1.0)
        memory.close()  # as a rank does that leaves
        return True

    assert together(memories[:2], call) == [True, True]
    with pytest.raises(Gone):
        memories[0].all_gather(torch.zeros(1))


def test_nothing_is_left_behind(ranks, tmp_path, monkeypatch):
    monkeypatch.setattr(shared_memory.tempfile, "tempdir", str(tmp_path))
    ranks(2)
    assert list(tmp_path.iterdir()) == []


def test_what_is_too_large_or_elsewhere_is_not_taken(ranks, monkeypatch):
    memory = ranks(2)[0]
    assert memory.takes(torch.zeros(5)) and not memory.takes(torch.zeros(5, device="meta"))
    monkeypatch.setattr(shared_memory, "PLACE", 16)
    assert memory.takes(torch.zeros(4)) and not memory.takes(torch.zeros(5))


def test_without_room_all_do_without(monkeypatch):
    monkeypatch.setattr(shared_memory, "_nameless_file", lambda count: (_ for _ in ()).throw(OSError("no room")))
    store = Store()
    assert join_memory(store, 0, 2) is None and join_memory(store, 1, 2) is None


def test_the_memory_has_no_name_and_takes_nothing_before_it_is_used(ranks):
    ranks(2)
    resident = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssShmem"))
    assert int(resident.split()[1]) < 10_000, "kB, of a gigabyte"
