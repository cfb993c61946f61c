"""What is overwritten while it is read is read again: it is never taken for absent."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from gcs_stub import GcsStub

from longhaul.resume.checkpoints import Checkpoints
from longhaul.store import gcs
from longhaul_trainer.resume.snapshot import Snapshot, from_files

OUTPUT = "gs://bucket/trial"
LATEST = "trial/checkpoints/LATEST"


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[GcsStub]:
    with GcsStub() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        gcs.client.cache_clear()
        gcs._reader.cache_clear()
        yield server
        gcs.client.cache_clear()
        gcs._reader.cache_clear()


def checkpoints(attempt: int) -> Checkpoints:
    return Checkpoints(gcs.GcsStore(), OUTPUT, attempt=attempt, keep=2, warn=pytest.fail)


def snapshot(step: int) -> Snapshot:
    return Snapshot({"step": step, "samples": step}, {}, {}, {"w": np.full(4, step, np.float32)}, progress=0)


def test_content_and_generation_come_with_one_request(stub: GcsStub) -> None:
    generation = stub.put("trial/x", b"one")
    found = gcs.GcsStore().read("gs://bucket/trial/x")
    assert found is not None and (found.data, found.generation) == (b"one", str(generation))
    assert len([request for request in stub.requests if "/o/" in request]) == 1
    assert gcs.GcsStore().read("gs://bucket/trial/none") is None


def test_an_object_that_is_replaced_while_its_download_is_resumed_is_read_again(stub: GcsStub) -> None:
    stub.put("trial/x", b"0" * 100_000)
    stub.cut = 40_000

    def replaced(name: str) -> None:
        stub.put(name, b"1" * 50_000)

    stub.before_media = replaced
    found = gcs.GcsStore().read("gs://bucket/trial/x")
    assert found is not None and found.data == b"1" * 50_000
    assert found.generation == str(stub.objects["trial/x"][0])


@pytest.mark.parametrize("commits", [1, 3])
def test_a_commit_of_the_attempt_before_does_not_hide_the_checkpoint(stub: GcsStub, commits: int) -> None:
    zombie = checkpoints(1)
    zombie.claim()
    zombie.commit(snapshot(90_000), "interval")
    heir = checkpoints(2)

    def goes_on(_name: str) -> None:
        for number in range(commits):
            zombie.commit(snapshot(90_500 + number), "interval")

    stub.before_media = goes_on
    heir.claim()
    files = heir.load()
    found = None if files is None else from_files(files)
    assert found is not None and found.step == 90_499 + commits
    heir.commit(snapshot(90_600), "interval")
    heir.remove_leftovers()
    assert {name.split("/")[2] for name in stub.objects if name != LATEST} == {
        f"{90_499 + commits:09d}-1-{commits + 1}",
        "000090600-2-1",
    }


def test_many_readers_of_an_object_that_is_overwritten_all_the_time_always_find_it(stub: GcsStub) -> None:
    stub.put("trial/x", b"0")
    over = threading.Event()

    def overwrite() -> None:
        number = 0
        while not over.is_set():
            number += 1
            stub.put("trial/x", str(number).encode())

    writer = threading.Thread(target=overwrite)
    writer.start()
    try:
        found = [gcs.GcsStore().read("gs://bucket/trial/x") for _ in range(50)]
    finally:
        over.set()
        writer.join()
    assert None not in found
