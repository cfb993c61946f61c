"""Where all ranks stop: coordinator and ranks in one process, in which steps end only when all ranks have made theirs."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from gangs import free_port

from longhaul.gang.coordinator import START, Coordinator
from longhaul.gang.crossing import Order
from longhaul.gang.link import Link
from longhaul.gang.ranks import Ranks, ranks_of, ranks_of_node
from longhaul.gang.wire import Refused, Wire, greet, key_of

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
            while (order := link.crossing.arrive()) is not None:
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
    import socket

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


def test_ranks_are_those_of_the_launcher_or_of_the_node() -> None:
    node = {"LONGHAUL_NODES": "2", "LONGHAUL_NODE_RANK": "1", "LONGHAUL_COORDINATOR": "h:29400", "LONGHAUL_GPUS_PER_NODE": "4"}
    assert ranks_of({}) == Ranks() and ranks_of_node({}) == [] and ranks_of_node({"LONGHAUL_NODES": "1"}) == []
    assert ranks_of(node) == Ranks(1, 2, 0, 1, "h", 29400)
    started = ranks_of_node(node)
    assert [each.rank for each in started] == [4, 5, 6, 7]
    variables = {"RANK": "6", "WORLD_SIZE": "8", "LOCAL_RANK": "2", "LOCAL_WORLD_SIZE": "4"}
    assert ranks_of({**node, **variables}) == started[2]
    assert [each.rank for each in ranks_of_node({**node, "LONGHAUL_PROCESSES_PER_NODE": "1"})] == [1]
