"""Model exports that are slow: training does not run ahead of them, checkpoints neither wait nor carry them, and it is heard of."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import Termination, trial_json

from longhaul.resume.checkpoints import Checkpoints, Files
from longhaul.resume.heartbeat import Heartbeat
from longhaul.store.directory import DirectoryStore
from longhaul_trainer import export, run
from longhaul_trainer.resume.attachments import Attachments
from longhaul_trainer.resume.snapshot import Snapshot, from_files
from longhaul_trainer.trial import parse_trial

PATIENCE_SECONDS = 600.0


class Played:
    """A trial in this process whose exports wait to be let go."""

    def __init__(self, root: Path, data: dict[str, str], monkeypatch: pytest.MonkeyPatch, attempt: int = 1, **changes: Any) -> None:
        self.output = root / "out"
        self.gate = threading.Semaphore(0)
        self.started: list[str] = []
        self.termination = Termination()
        self.attempt: run.Attempt | None = None
        self.error: BaseException | None = None
        write = export.Exporter.write
        begin = run.Attempt.run

        def slow(exporter: export.Exporter, described: Any, weights: Any) -> None:
            self.started.append(described["name"])
            self.gate.acquire()
            write(exporter, described, weights)

        def begun(attempt: run.Attempt) -> None:
            self.attempt = attempt
            begin(attempt)

        monkeypatch.setattr(export.Exporter, "write", slow)
        monkeypatch.setattr(run.Attempt, "run", begun)
        document = trial_json(self.output, data, validateEverySteps=1, epochs=1, **changes)
        self.thread = threading.Thread(target=self._train, args=(parse_trial(document, "test", attempt=attempt),), daemon=True)
        self.thread.start()

    def _train(self, trial: Any) -> None:
        try:
            run.train(trial, self.termination)  # type: ignore[arg-type]
        except BaseException as error:
            self.error = error

    def wait_until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert self.error is None and time.monotonic() < deadline, self.error
            time.sleep(0.01)

    @property
    def step(self) -> int:
        return -1 if self.attempt is None else self.attempt._state.step

    @property
    def latest(self) -> dict[str, Any]:
        path = self.output / "checkpoints" / "LATEST"
        return json.loads(path.read_text()) if path.exists() else {"step": -1, "files": {}}

    @property
    def waiting(self) -> range:
        """Steps of the exports whose weights are stored."""
        steps = sorted(int(path.stem) for path in (self.output / "checkpoints" / "exports").glob("*.bin"))
        return range(steps[0], steps[-1] + 1) if steps else range(0)

    def records(self, kind: str) -> list[dict[str, Any]]:
        found = [json.loads(path.read_text()) for path in (self.output / "progress").glob("[0-9]*.json")]
        return [record for record in found if record["kind"] == kind]

    def end(self) -> None:
        for _ in range(1000):
            self.gate.release()
        self.thread.join(PATIENCE_SECONDS)
        assert not self.thread.is_alive() and self.error is None, self.error


OFTEN = {"minSeconds": 0.05, "maxSeconds": 0.1, "keep": 2, "meanSecondsBetweenPreemptions": 1.0}


def test_training_waits_while_checkpoints_and_records_go_on(tmp_path: Path, data: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    played = Played(tmp_path, data, monkeypatch, checkpoint=OFTEN, silenceSeconds=1)
    most = run.MAX_UNFINISHED_EXPORTS
    played.wait_until(lambda: played.latest["step"] == most + 1 and played.waiting == range(1, most + 2))
    size = played.latest["files"]["variables.bin"]["bytes"]
    played.wait_until(lambda: len(played.records("beat")) >= 2)
    assert played.step == most + 1, "training waits at the validation point"
    assert len(played.started) == 1
    assert len(played.records("validation")) == most + 1, "records are not behind exports"

    played.gate.release()
    played.wait_until(lambda: played.latest["step"] == most + 2 and played.waiting == range(2, most + 3))
    assert played.latest["files"]["variables.bin"]["bytes"] == size, "no checkpoint carries the weights of exports"

    played.end()
    ready = sorted(path.parent.name for path in (played.output / "exports").glob("*/READY"))
    assert ready == [f"{record['step']:09d}" for record in sorted(played.records("validation"), key=lambda record: record["n"])]
    assert played.waiting == range(0), "nothing is left of what is ready"


def test_what_waited_at_a_kill_is_exported_by_the_next_attempt(
    tmp_path: Path, data: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Played(tmp_path / "whole", data, monkeypatch)
    whole.end()
    killed = Played(tmp_path / "killed", data, monkeypatch, checkpoint={**OFTEN, "minSeconds": 50, "maxSeconds": 60})
    killed.wait_until(lambda: killed.step == run.MAX_UNFINISHED_EXPORTS + 1 and killed.attempt is not None)
    killed.termination.answer()  # what SIGTERM does; the lock is never given back
    assert killed.latest["reason"] == "sigterm"
    monkeypatch.undo()
    resumed = Played(tmp_path / "killed", data, monkeypatch, attempt=2)
    resumed.end()
    for name in (path.parent.name for path in (whole.output / "exports").glob("*/READY")):
        one, other = (played.output / "exports" / name / "saved_model" / "variables" for played in (whole, resumed))
        for path in one.iterdir():
            assert path.read_bytes() == (other / path.name).read_bytes(), name
    digests = {json.loads((played.output / "result.json").read_text())["weightsSha256"] for played in (whole, resumed)}
    assert len(digests) == 1


def snapshot(step: int, exports: dict[str, float]) -> Snapshot:
    return Snapshot(
        {"step": step, "samples": step},
        {},
        {},
        {"w": np.full(4, step, np.float32)},
        progress=0,
        exports=[{"name": name} for name in exports],
        attachments={name: {"0000": np.full(3, value)} for name, value in exports.items()},
    )


class Opened:
    """An attempt's checkpoints and what they attach."""

    def __init__(self, root: Path, attempt: int) -> None:
        self.warnings: list[str] = []
        self.checkpoints = Checkpoints(DirectoryStore(), f"file://{root}", attempt=attempt, keep=2, warn=self.warnings.append)
        self.attachments = Attachments(DirectoryStore(), f"file://{root}")
        self.checkpoints.claim()

    def commit(self, step: int, exports: dict[str, float]) -> None:
        self.checkpoints.commit(self.attachments.stored(snapshot(step, exports)), "interval")

    def load(self, *ready: str) -> Snapshot | None:
        def accepts(name: str, files: Files) -> bool:
            return self.attachments.missing(name, files, lambda export: export in ready, self.warnings.append) is None

        files = self.checkpoints.load(accepts)
        return None if files is None else self.attachments.loaded(from_files(files))


@pytest.mark.parametrize("damage", ["truncated", "flipped", "gone"])
def test_torn_weights_of_an_export_are_a_torn_checkpoint_unless_it_is_ready(tmp_path: Path, damage: str) -> None:
    own = Opened(tmp_path, 1)
    own.commit(1, {})
    own.commit(2, {"a": 7.0})
    path = tmp_path / "checkpoints" / "exports" / "a.bin"
    content = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-1] if damage == "truncated" else bytes([content[0] ^ 1]) + content[1:])
    second = Opened(tmp_path, 2)
    ready = second.load("a")
    assert ready is not None and ready.step == 2 and ready.attachments == {"a": {}}
    assert second.warnings == []
    third = Opened(tmp_path, 3)
    found = third.load()
    assert found is not None and found.step == 1
    assert "000000002-1-2: weights of model export a are gone or torn; going back" in third.warnings[0]


def test_weights_are_stored_once_however_many_checkpoints_name_them(tmp_path: Path) -> None:
    own = Opened(tmp_path, 1)
    own.commit(1, {"a": 1.0})
    before = (tmp_path / "checkpoints" / "exports" / "a.bin").stat().st_mtime_ns
    own.commit(2, {"a": 1.0, "b": 2.0})
    assert (tmp_path / "checkpoints" / "exports" / "a.bin").stat().st_mtime_ns == before
    own.attachments.drop("a")
    found = Opened(tmp_path, 2).load("a")
    assert found is not None
    assert found.attachments["a"] == {} and found.attachments["b"]["0000"].tolist() == [2.0] * 3


def test_an_export_that_became_ready_first_is_not_stored(tmp_path: Path) -> None:
    attachments = Attachments(DirectoryStore(), f"file://{tmp_path}")
    attachments.drop("a")
    described = attachments.store("a", {"w": np.zeros(2)})
    assert described["sha256"] == hashlib.sha256(np.zeros(2).tobytes()).hexdigest()
    assert attachments.names() == []


@pytest.mark.parametrize(
    ("silence", "age", "beat", "train"), [(None, 0, 5, 5), (600, 0, 30, 5), (600, 1200, 30, 20), (10, 9000, 2.5, 2.5), (0, 99_999, 30, 30)]
)
def test_a_trial_is_heard_of_several_times_within_what_counts_as_a_silence(
    silence: float | None, age: float, beat: float, train: float
) -> None:
    now = [0.0]
    pace = Heartbeat(silence, lambda: now[0])
    now[0] = age
    pace.heard()
    assert pace.train_seconds == train
    now[0] += beat - 0.1
    assert not pace.due
    now[0] += 0.2
    assert pace.due
    pace.heard()
    assert not pace.due
