"""The trainer's store on GCS: the same promises as a directory, also through a bad network."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from fault_proxy import Fault, FaultProxy, Rule

from longhaul.store import PreconditionFailed, join, open_store
from longhaul.store.base import ABSENT


def first_times(proxy: FaultProxy, times: int, fault: Fault) -> Rule:
    return lambda _method, _path, _index: fault if proxy.faults < times else None


def test_reads_what_was_written_with_its_generation(proxy: FaultProxy, prefix: str) -> None:
    store = open_store(prefix)
    uri = join(prefix, "a b%20+#ü.json")
    assert store.read(uri) is None
    assert store.read_data(uri) is None
    generation = store.write(uri, [b"one ", memoryview(b"two"), bytearray(b" three")])
    found = store.read(uri)
    assert found is not None
    assert (found.data, found.generation) == (b"one two three", generation)
    data = store.read_data(uri)
    assert data is not None and bytes(data) == b"one two three"


def test_lists_in_order_and_removes(proxy: FaultProxy, prefix: str) -> None:
    store = open_store(prefix)
    names = [join(prefix, "x", name) for name in ("b", "a", "deep/er", "a0")]
    for name in names:
        store.write(name, [b"1"])
    store.write(join(prefix, "xy"), [b"1"])
    assert list(store.list(join(prefix, "x"))) == sorted(names)
    store.remove(names[0])
    store.remove(names[0])
    assert list(store.list(join(prefix, "x"))) == sorted(names[1:])


def test_replaces_only_the_named_generation(proxy: FaultProxy, prefix: str) -> None:
    store = open_store(prefix)
    uri = join(prefix, "LATEST")
    first = store.write(uri, [b"1"], if_generation=ABSENT)
    with pytest.raises(PreconditionFailed):
        store.write(uri, [b"2"], if_generation=ABSENT)
    second = store.write(uri, [b"2"], if_generation=first)
    with pytest.raises(PreconditionFailed):
        store.write(uri, [b"3"], if_generation=first)
    found = store.read(uri)
    assert found is not None and (found.data, found.generation) == (b"2", second)


def test_lets_one_of_many_creators_win(proxy: FaultProxy, prefix: str) -> None:
    uri = join(prefix, "race")
    won: list[int] = []

    def create(number: int) -> None:
        try:
            open_store(uri).write(uri, [str(number).encode()], if_generation=ABSENT)
            won.append(number)
        except PreconditionFailed:
            pass

    threads = [threading.Thread(target=create, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = open_store(uri).read(uri)
    assert found is not None and [found.data] == [str(number).encode() for number in won]


@pytest.mark.parametrize(
    "fault",
    [Fault("status", 503), Fault("status", 429), Fault("reset"), Fault("lost-answer")],
    ids=["503", "429", "reset", "lost answer"],
)
def test_reads_and_writes_through_faults(proxy: FaultProxy, prefix: str, tmp_path: Path, fault: Fault) -> None:
    store = open_store(prefix)
    uri = join(prefix, "object")
    proxy.rule = first_times(proxy, 1, fault)
    generation = store.write(uri, [b"content"], if_generation=ABSENT)
    proxy.rule = first_times(proxy, 2, fault)
    found = store.read(uri)
    assert found is not None and (found.data, found.generation) == (b"content", generation)
    proxy.rule = first_times(proxy, 3, fault)
    data = store.read_data(uri)
    assert data is not None and bytes(data) == b"content"
    local = tmp_path / "file"
    local.write_bytes(b"uploaded")
    proxy.rule = first_times(proxy, 4, fault)
    store.upload(local, join(prefix, "uploaded"))
    proxy.rule = first_times(proxy, 5, fault)
    assert list(store.list(prefix)) == [uri, join(prefix, "uploaded")]
    proxy.rule = first_times(proxy, 6, fault)
    store.remove(uri)
    assert store.read(uri) is None
    assert proxy.faults == 6


def test_reads_a_part_whose_connection_breaks_half_way(proxy: FaultProxy, prefix: str) -> None:
    store = open_store(prefix)
    uri = join(prefix, "part")
    content = os.urandom(3_000_000)
    store.write(uri, [content])
    proxy.rule = first_times(proxy, 2, Fault("cut", 1_000_000))
    data = store.read_data(uri)
    assert data is not None and bytes(data) == content
    assert proxy.faults == 2


def test_waits_for_a_slow_link(proxy: FaultProxy, prefix: str) -> None:
    store = open_store(prefix)
    uri = join(prefix, "slow")
    content = os.urandom(150_000)
    store.write(uri, [content])
    proxy.rule = lambda _method, _path, _index: Fault("slow", 200_000)
    data = store.read_data(uri)
    assert data is not None and bytes(data) == content
    found = store.read(uri)
    assert found is not None and found.data == content
