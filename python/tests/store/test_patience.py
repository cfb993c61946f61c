"""Outages are waited out: for hours once the store has answered, and a refusal at the very beginning is told soon."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gcs_stub import GcsStub

from longhaul.errors import EXIT_CRASH, StoreError
from longhaul.store import PreconditionFailed, gcs, open_store
from longhaul.store.directory import DirectoryStore
from longhaul.store.retrying import PATIENCE_SECONDS, SET_UP_SECONDS, RetryingStore

MINUTE = 60.0
HOUR = 3600.0


class World:
    """A clock that only sleeping moves, and what was said."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.told: list[str] = []
        self.on_sleep: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.on_sleep()

    def store(self, inner: gcs.GcsStore | DirectoryStore, patience_seconds: float = PATIENCE_SECONDS) -> RetryingStore:
        return RetryingStore(
            inner, "gs://bucket", patience_seconds=patience_seconds, clock=lambda: self.now, sleep=self.sleep, tell=self.told.append
        )


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[GcsStub]:
    with GcsStub() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        # Its own tries take two minutes; here only what comes after them counts.
        monkeypatch.setattr("google.cloud.storage.retry.DEFAULT_RETRY._timeout", 0.01)
        gcs.client.cache_clear()
        gcs._reader.cache_clear()
        yield server
        gcs.client.cache_clear()
        gcs._reader.cache_clear()


def away_for(world: World, stub: GcsStub, status: int, seconds: float) -> None:
    stub.status = status
    until = world.now + seconds

    def back() -> None:
        if world.now >= until:
            stub.status = None

    world.on_sleep = back


@pytest.mark.parametrize("status", [401, 403, 404, 503])
def test_once_the_store_has_answered_everything_is_an_outage(world: World, stub: GcsStub, tmp_path: Path, status: int) -> None:
    store = world.store(gcs.GcsStore())
    local = tmp_path / "file"
    local.write_bytes(b"local")
    uri = "gs://bucket/x"
    generation = store.write(uri, [b"1"])
    asked: list[tuple[str, Callable[[], object]]] = [
        ("write", lambda: store.write(uri, [b"1"], if_generation=generation)),
        ("upload", lambda: store.upload(local, "gs://bucket/y")),
        ("list", lambda: list(store.list("gs://bucket"))),
    ]
    if status != 404:  # which is how a missing object is told
        asked += [("read", lambda: store.read(uri)), ("remove", lambda: store.remove("gs://bucket/y"))]
    for name, request in asked:
        began = world.now
        away_for(world, stub, status, 12 * MINUTE)
        request()
        assert 12 * MINUTE <= world.now - began < 14 * MINUTE, name
        assert store.waiting_for is None
    assert any("waiting for gs://bucket/x: " in line for line in world.told)
    assert any("answers again after 12" in line for line in world.told)
    assert len(world.told) < 6 * len(asked), "it is told of every few minutes, not at every try"


def test_parts_and_checkpoints_are_waited_for_too(world: World, stub: GcsStub, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused:
        def bytes(self) -> bytes:
            return b"part"

    tries = 0

    def get(*_: object) -> Refused:
        nonlocal tries
        tries += 1
        if tries <= 200:
            from obstore.exceptions import GenericError

            raise GenericError("Generic GCS error: after 10 retries: tcp connect error")
        return Refused()

    monkeypatch.setattr("obstore.get", get)
    assert world.store(gcs.GcsStore()).read_data("gs://bucket/part") == b"part"
    assert world.now - 1000 > HOUR


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_at_the_very_beginning_is_told_soon(world: World, stub: GcsStub, status: int) -> None:
    stub.status = status
    with pytest.raises(StoreError, match=r"gs://bucket/x: .*; check the name of the bucket and the rights") as raised:
        world.store(gcs.GcsStore()).read("gs://bucket/x")
    assert raised.value.exit_code == EXIT_CRASH, "the next attempt may find it well"
    assert SET_UP_SECONDS <= world.now - 1000 < 3 * SET_UP_SECONDS


def test_an_outage_at_the_very_beginning_is_waited_for_and_ends_once(world: World, stub: GcsStub) -> None:
    stub.status = 503
    store = world.store(gcs.GcsStore(), patience_seconds=HOUR)
    with pytest.raises(StoreError, match=r"503.*for 6\d min"):
        store.write("gs://bucket/x", [b"1"])
    assert HOUR <= world.now - 1000 < HOUR + 2 * MINUTE
    assert PATIENCE_SECONDS >= HOUR


class FullDisk(DirectoryStore):
    def __init__(self, number: int, tries: int) -> None:
        self._number = number
        self._tries = tries

    def write(self, uri, chunks, *, if_generation=None):  # type: ignore[no-untyped-def]
        self._tries -= 1
        if self._tries > 0:
            raise OSError(self._number, "made by the test")
        return super().write(uri, chunks, if_generation=if_generation)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.ESTALE])
def test_a_full_or_failing_disk_is_waited_for(world: World, tmp_path: Path, number: int) -> None:
    store = world.store(FullDisk(number, 40))
    seen: list[str | None] = []
    world.on_sleep = lambda: seen.append(store.waiting_for)
    store.write(f"file://{tmp_path}/x", [b"1"])
    assert (tmp_path / "x").read_bytes() == b"1"
    assert all(what is not None and "made by the test" in what for what in seen)
    assert store.waiting_for is None


def test_what_is_no_outage_is_raised_at_once(world: World, tmp_path: Path) -> None:
    store = world.store(DirectoryStore())
    store.write(f"file://{tmp_path}/x", [b"1"])
    with pytest.raises(PreconditionFailed):
        store.write(f"file://{tmp_path}/x", [b"2"], if_generation="0")
    with pytest.raises(FileNotFoundError):
        store.upload(tmp_path / "none", f"file://{tmp_path}/y")
    assert store.read(f"file://{tmp_path}/none") is None
    assert world.now == 1000


def test_one_store_serves_all_of_a_bucket() -> None:
    assert open_store("gs://one/a") is open_store("gs://one/b/c")
    assert open_store("gs://one/a") is not open_store("gs://two/a")
    assert open_store("file:///a") is open_store("file:///b")
