"""What is committed can be read again; what cannot be read is passed over for the one before."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attempts import Trainers, result, run, stop_after
from builders import loaded
from test_fencing import checkpoints, latest, snapshot

from longhaul.resume.checkpoints import Checkpoints
from longhaul.store.base import Chunk
from longhaul.store.directory import DirectoryStore
from longhaul_trainer.resume.snapshot import Snapshot, from_files, to_files


class Recorder(DirectoryStore):
    """Knows the order of writes, and can die before one of them."""

    def __init__(self, dies_before: str | None = None) -> None:
        self.writes: list[tuple[str, str | None]] = []
        self._dies_before = dies_before

    def write(self, uri: str, chunks: Sequence[Chunk], *, if_generation: str | None = None) -> str:
        if self._dies_before is not None and uri.endswith(self._dies_before):
            raise ConnectionError("the machine is gone")
        self.writes.append((uri.rsplit("/", 1)[-1], if_generation))
        return super().write(uri, chunks, if_generation=if_generation)


def recorded(output: Path, store: Recorder, attempt: int = 1) -> Checkpoints:
    return Checkpoints(store, f"file://{output}", attempt=attempt, keep=2, warn=lambda message: None)


def test_latest_is_written_last_and_under_the_generation_that_was_read(tmp_path: Path) -> None:
    store = Recorder()
    own = recorded(tmp_path, store)
    own.claim()
    own.commit(snapshot(1), "interval")
    own.commit(snapshot(2), "interval")
    names = [name for name, _ in store.writes]
    assert names == ["variables.bin", "state.json", "LATEST"] * 2
    conditions = [condition for name, condition in store.writes if name == "LATEST"]
    assert conditions[0] == "0"
    assert conditions[1] not in (None, "0")


def test_a_machine_that_goes_between_files_and_latest_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    recorded(tmp_path, Recorder()).commit(snapshot(1), "interval")
    dying = recorded(tmp_path, Recorder(dies_before="LATEST"))
    dying._refresh(take_over=True)
    with pytest.raises(ConnectionError):
        dying.commit(snapshot(2), "interval")
    heir = checkpoints(tmp_path, 2)
    heir.claim()
    found = loaded(heir)
    assert found.step == 1
    heir.remove_leftovers()
    assert sorted(os.listdir(tmp_path / "checkpoints")) == ["000000001-1-1", "LATEST"]


class Reader(DirectoryStore):
    """Knows what was read."""

    def __init__(self) -> None:
        self.reads: list[str] = []

    def read_data(self, uri: str) -> bytes | None:
        self.reads.append(uri.rsplit("/", 1)[-1])
        return super().read_data(uri)


@pytest.mark.parametrize("ahead", [False, True])
def test_a_checkpoint_is_read_once_whether_ahead_or_not(tmp_path: Path, ahead: bool) -> None:
    checkpoints(tmp_path, 1).commit(snapshot(3), "interval")
    store = Reader()
    heir = Checkpoints(store, f"file://{tmp_path}", attempt=2, keep=2, warn=lambda message: None)
    heir.claim()
    store.reads.clear()
    if ahead:
        heir.read_ahead()
    assert loaded(heir).step == 3
    assert sorted(store.reads) == ["state.json", "variables.bin"]


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "gone"])
def test_a_damaged_checkpoint_is_passed_over_with_a_warning(tmp_path: Path, damage: str, ahead: bool) -> None:
    own = checkpoints(tmp_path, 1)
    for step in (1, 2):
        own.commit(snapshot(step), "interval")
    path = tmp_path / "checkpoints" / latest(tmp_path)["checkpoint"] / "variables.bin"
    content = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(content[:-1])
    elif damage == "flipped":
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    else:
        path.unlink()
    warnings: list[str] = []
    heir = Checkpoints(DirectoryStore(), f"file://{tmp_path}", attempt=2, keep=2, warn=warnings.append)
    heir.claim()
    if ahead:
        heir.read_ahead()
    found = loaded(heir)
    assert found.step == 1
    assert len(warnings) == 1
    assert "000000002-1-2 is torn or corrupt (variables.bin" in warnings[0] and "going back to the one before" in warnings[0]


def test_training_goes_on_exactly_from_the_checkpoint_before_a_damaged_one(
    tmp_path: Path, trainers: Trainers, data: dict[str, str]
) -> None:
    whole = run(trainers, tmp_path / "whole", data)
    stopped = stop_after(trainers, tmp_path / "torn", data, 5, signal.SIGTERM)
    assert stopped.code == 143
    torn = latest(stopped.output)
    assert torn["previous"], "two checkpoints are kept"
    (stopped.output / "checkpoints" / torn["checkpoint"] / "state.json").write_text("{")
    unfinished = stopped.output / "progress" / ".000099.json.4194304.1.tmp"
    unfinished.write_text("{")
    resumed = run(trainers, tmp_path / "torn", data, attempt=2)
    assert not unfinished.exists()
    assert resumed.code == 0, resumed.log
    assert f"warning: checkpoint {torn['checkpoint']} is torn or corrupt (state.json: 1 bytes" in resumed.log
    assert f"begins at step {torn['previous'][0]['step']} " in resumed.log
    assert result(resumed.output)["weightsSha256"] == result(whole.output)["weightsSha256"]


@pytest.mark.parametrize("keep", [1, 3])
def test_as_many_checkpoints_stay_as_the_spec_says(tmp_path: Path, keep: int) -> None:
    own = checkpoints(tmp_path, 1, keep=keep)
    for step in range(1, 6):
        own.commit(snapshot(step), "interval")
    entries = [latest(tmp_path), *latest(tmp_path)["previous"]]
    assert [entry["step"] for entry in entries] == [5, 4, 3, 2, 1][:keep]
    there = {name for name in os.listdir(tmp_path / "checkpoints") if name != "LATEST"}
    assert there == {entry["checkpoint"] for entry in entries}


def test_an_unreadable_latest_is_told_of_and_training_begins_anew(tmp_path: Path) -> None:
    checkpoints(tmp_path, 1).commit(snapshot(1), "interval")
    (tmp_path / "checkpoints" / "LATEST").write_text('{"checkpoint"')
    warnings: list[str] = []
    heir = Checkpoints(DirectoryStore(), f"file://{tmp_path}", attempt=2, keep=2, warn=warnings.append)
    heir.claim()
    assert heir.load() is None
    assert "cannot be read" in warnings[0]
    heir.commit(snapshot(1), "interval")
    assert latest(tmp_path)["attempt"] == 2


def test_arrays_and_numbers_survive_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {
        "float": rng.normal(size=(3, 5)).astype(np.float32),
        "long": np.array(2**62 + 1),
        "none": np.empty((0, 4), np.float32),
        "transposed": rng.normal(size=(2, 3)).T,
    }
    state = {"step": 3, "samples": 48, "loss_sum": 0.1 + 0.2, "tiny": 5e-324}
    files = {name: b"".join(chunks) for name, chunks in to_files(Snapshot(state, {}, {}, arrays, progress=4)).items()}
    found = from_files(files)
    assert found.state == state
    assert found.progress == 4
    for name, array in arrays.items():
        assert found.arrays[name].dtype == array.dtype
        assert found.arrays[name].tobytes() == np.ascontiguousarray(array).tobytes()
        assert found.arrays[name].shape == array.shape


def test_sigkill_loses_no_more_than_what_came_after_the_last_commit(tmp_path: Path, trainers: Trainers, data: dict[str, str]) -> None:
    killed = stop_after(trainers, tmp_path, data, 4, signal.SIGKILL)
    assert killed.code == -signal.SIGKILL
    committed = latest(killed.output)["step"]
    shutil.copytree(killed.output, tmp_path / "copy")
    resumed = run(trainers, tmp_path, data, attempt=2)
    assert f"begins at step {committed} " in resumed.log
    assert json.loads((resumed.output / "result.json").read_text())["attempts"] == 2
