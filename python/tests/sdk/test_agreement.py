"""Where all ranks stop: coordinator and ranks in one process, in which steps end only when all ranks have made theirs."""

from __future__ import annotations

import errno
import random
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from longhaul.check.launch import free_port
from longhaul.errors import FencedError
from longhaul.gang.agreement import Order
from longhaul.gang.coordinator import START, Coordinator
from longhaul.gang.link import Link
from longhaul.gang.member import GangMember
from longhaul.gang.ranks import Ranks, ranks_of, ranks_of_node
from longhaul.gang.wire import LENGTH, Refused, Wire, greet, key_of
from longhaul.resume.checkpoints import Checkpoints
from longhaul.store import open_store

KEY = key_of(b"{}", "file:///output", 1)


def play(world: int, seed: int) -> list[list[Order]]:
    """Orders as each rank meets them; interval checkpoints are asked for now and then, a SIGTERM comes once."""
    rng = random.Random(seed)
    port, sign = free_port(), (rng.randrange(world), rng.randint(1, 40))
    coordinator = Coordinator(world, KEY, "127.0.0.1", port, hung_seconds=600, vanished=lambda rank: None)
    step = threading.Barrier(world)
    due = {number for number in range(40) if rng.random() < 0.3}

    def train(rank: int) -> list[Order]:
        link = Link(Ranks(rank, world, 0, 1, "127.0.0.1", port), KEY, lambda message: None, lambda: None)
        link.gather(START, None)
        own, met = random.Random(seed * world + rank), []
        for number in range(200):
            while (order := link.agreement.arrive()) is not None:
                met.append(order)
                if order.reason == "sigterm":
                    link.gather("over", None)
                    return met
            if (rank, number) == sign:
                threading.Thread(target=link.ask, args=("sigterm",)).start()
            if rank == 0 and number in due:
                link.ask("interval")
            # A collective operation: nobody comes out of it before all are in it; on some ranks twice as much happens between two steps.
            if number % own.randint(1, 3) == 0:
                threading.Event().wait(own.random() / 1000)
            step.wait(60)
        raise AssertionError("no SIGTERM came")

    with ThreadPoolExecutor(world) as pool:
        found = list(pool.map(train, range(world)))
    coordinator.wait_until_gone()
    return found


@pytest.mark.parametrize("world", [2, 3, 7])
def test_all_ranks_stop_at_the_same_boundaries_and_nobody_waits_for_ever(world: int) -> None:
    for seed in range(6):
        found = play(world, seed)
        assert all(met == found[0] for met in found), found
        assert [order.at for order in found[0]] == sorted(order.at for order in found[0])
        assert found[0][-1].reason == "sigterm"


def test_another_attempt_is_refused_on_both_sides() -> None:
    port = free_port()
    Coordinator(2, KEY, "127.0.0.1", port, hung_seconds=600, vanished=lambda rank: None)
    for key, rank, world in ((key_of(b"{}", "file:///output", 2), 1, 2), (KEY, 2, 2), (KEY, 1, 3)):
        wire = Wire(socket.create_connection(("127.0.0.1", port)))
        with pytest.raises(Refused):
            greet(wire, key, rank, world)
        wire.close()
    wire = Wire(socket.create_connection(("127.0.0.1", port)))
    greet(wire, KEY, 1, 2)
    wire.close()


def test_a_sigterm_before_rank_0_is_there_reaches_it_when_it_comes() -> None:
    port, heard = free_port(), threading.Event()
    Coordinator(2, KEY, "127.0.0.1", port, hung_seconds=600, vanished=lambda rank: None)
    other = Wire(socket.create_connection(("127.0.0.1", port)))
    greet(other, KEY, 1, 2)
    other.send({"kind": "ask", "reason": "sigterm"})
    Link(Ranks(0, 2, 0, 1, "127.0.0.1", port), KEY, lambda message: heard.set() if message == {"kind": "mark"} else None, lambda: None)
    assert heard.wait(60)


@pytest.mark.parametrize(
    "said",
    [
        LENGTH.pack(1 << 20),
        LENGTH.pack(4) + b"null",
        *(LENGTH.pack(len(text)) + text for text in (b'{"rank": 1, "world": 2, "proof": "\xc3\xa4\xff"}', b'{"proof": "\\ud800\\u00e4"}')),
    ],
)
def test_what_a_stranger_says_is_refused_and_the_ranks_still_come(said: bytes) -> None:
    port = free_port()
    Coordinator(2, KEY, "127.0.0.1", port, hung_seconds=600, vanished=lambda rank: None)
    with socket.create_connection(("127.0.0.1", port)) as stranger:
        stranger.sendall(said)
        stranger.settimeout(60)
        told = b""
        while block := stranger.recv(4096):
            told += block
        assert b"refused" in told
    wire = Wire(socket.create_connection(("127.0.0.1", port)))
    greet(wire, KEY, 1, 2)
    wire.close()


def test_ranks_come_after_the_coordinator_ran_out_of_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    accept, failed = socket.socket.accept, threading.Event()

    def full(server: socket.socket) -> Any:
        if not failed.is_set():
            failed.set()
            raise OSError(errno.EMFILE, "Too many open files")
        return accept(server)

    monkeypatch.setattr(socket.socket, "accept", full)
    port = free_port()
    Coordinator(2, KEY, "127.0.0.1", port, hung_seconds=600, vanished=lambda rank: None)
    wire = Wire(socket.create_connection(("127.0.0.1", port)))
    greet(wire, KEY, 1, 2)
    assert failed.is_set()
    wire.close()


def test_ranks_are_those_of_the_launcher_or_of_the_node() -> None:
    node = {"LONGHAUL_NODES": "2", "LONGHAUL_NODE_RANK": "1", "LONGHAUL_COORDINATOR": "h:29400", "LONGHAUL_GPUS_PER_NODE": "4"}
    assert ranks_of({}) == Ranks() and ranks_of_node({}) == [] and ranks_of_node({"LONGHAUL_NODES": "1"}) == []
    assert ranks_of(node) == Ranks(1, 2, 0, 1, "h", 29400)
    started = ranks_of_node(node)
    assert [each.rank for each in started] == [4, 5, 6, 7]
    variables = {"RANK": "6", "WORLD_SIZE": "8", "LOCAL_RANK": "2", "LOCAL_WORLD_SIZE": "4"}
    assert ranks_of({**node, **variables}) == started[2]
    assert [each.rank for each in ranks_of_node({**node, "LONGHAUL_PROCESSES_PER_NODE": "1"})] == [1]


def test_a_mark_of_another_rank_of_this_attempt_fences_nobody(tmp_path: Path) -> None:
    """Rank 1 took rank 0 for gone, and marked; rank 0 ends as preempted nevertheless, but not where a later attempt has come."""
    output = tmp_path.as_uri()

    def checkpoints(attempt: int) -> Checkpoints:
        return Checkpoints(open_store(output), output, attempt=attempt, keep=2, warn=print)

    first = checkpoints(3)
    first.claim()
    together = GangMember(Ranks(0, 2, 0, 1, "127.0.0.1", 1), first, hung_seconds=600)
    together._training = True
    checkpoints(3).mark_sigterm(starting=True)
    together._mark()
    checkpoints(4).claim()
    with pytest.raises(FencedError):
        together._mark()
