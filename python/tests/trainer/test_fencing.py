"""Two processes of one trial: the older attempt, a zombie of a lost node, is fenced off."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attempts import OFTEN, Finished, Trainers, committed_step, records, result
from builders import loaded, trial_json, write_trial

from longhaul.errors import FencedError
from longhaul.resume.checkpoints import Checkpoints
from longhaul.store import PreconditionFailed, open_store
from longhaul.store.base import ABSENT
from longhaul.store.directory import DirectoryStore
from longhaul_trainer.resume.snapshot import Snapshot


def snapshot(step: int) -> Snapshot:
    arrays = {"w": np.full(4, step, np.float32)}
    return Snapshot(state={"step": step, "samples": step * 16}, identity={}, machine={}, arrays=arrays, progress=0)


def checkpoints(output: Path, attempt: int, keep: int = 2) -> Checkpoints:
    uri = f"file://{output}"
    return Checkpoints(open_store(uri), uri, attempt=attempt, keep=keep, warn=lambda message: None)


def latest(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output / "checkpoints" / "LATEST").read_text())
    return found


def test_an_older_attempt_cannot_commit_once_a_later_one_has_claimed(tmp_path: Path) -> None:
    zombie, successor = checkpoints(tmp_path, 1), checkpoints(tmp_path, 2)
    zombie.claim()
    zombie.commit(snapshot(10), "interval")
    successor.claim()
    with pytest.raises(FencedError, match="attempt 2 has taken over"):
        zombie.commit(snapshot(20), "interval")
    assert loaded(successor).step == 10
    assert (latest(tmp_path)["attempt"], latest(tmp_path)["step"]) == (2, 10)


def test_an_older_attempt_cannot_even_start(tmp_path: Path) -> None:
    successor = checkpoints(tmp_path, 2)
    successor.commit(snapshot(10), "interval")
    with pytest.raises(FencedError):
        checkpoints(tmp_path, 1).claim()


def test_a_process_started_again_under_the_same_attempt_succeeds_the_first(tmp_path: Path) -> None:
    first, second = checkpoints(tmp_path, 1), checkpoints(tmp_path, 1)
    first.commit(snapshot(10), "interval")
    second.claim()
    with pytest.raises(FencedError):
        first.commit(snapshot(20), "interval")
    second.commit(snapshot(30), "interval")
    assert latest(tmp_path)["step"] == 30


def test_of_many_that_commit_at_once_only_the_newest_attempt_stays(tmp_path: Path) -> None:
    attempts = 6
    start = threading.Barrier(attempts)
    fenced: list[int] = []

    def live(number: int) -> None:
        own = checkpoints(tmp_path, number)
        start.wait()
        try:
            own.claim()
            for step in range(8):
                own.commit(snapshot(step), "interval")
        except FencedError:
            fenced.append(number)

    threads = [threading.Thread(target=live, args=(number,)) for number in range(1, attempts + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert attempts not in fenced
    assert latest(tmp_path)["attempt"] == attempts
    found = checkpoints(tmp_path, attempts + 1)
    found.claim()
    assert loaded(found).step == 7


def test_what_a_successor_swept_while_it_was_written_is_written_again(tmp_path: Path) -> None:
    class SweptOnce(DirectoryStore):
        swept = False

        def _put(self, temporary: Path, target: Path, uri: str, if_generation: str | None) -> None:
            if not self.swept:
                self.swept = True
                self.sweep(f"file://{tmp_path}")
                assert not temporary.exists()
            super()._put(temporary, target, uri, if_generation)

    store, uri = SweptOnce(), f"file://{tmp_path}/progress/4.json"
    store.write(uri, [b"whole"], if_generation=ABSENT)
    assert store.read_data(uri) == b"whole"
    with pytest.raises(PreconditionFailed):
        store.write(uri, [b"late"], if_generation=ABSENT)


def test_a_zombie_ends_with_75_and_the_trial_is_that_of_the_undisturbed_run(
    tmp_path: Path, trainers: Trainers, data: dict[str, str], finished: Finished
) -> None:
    document = trial_json(tmp_path / "out", data, validateEverySteps=6, sampleCandidates=6, checkpoint=OFTEN)
    uri = write_trial(tmp_path / "trial.json", document)
    zombie = trainers.start(uri, tmp_path / "zombie.log", 1, LONGHAUL_STEP_DELAY_SECONDS="0.1")
    assert zombie.wait_until(lambda: committed_step(tmp_path / "out") >= 2)
    successor = trainers.start(uri, tmp_path / "successor.log", 2)
    assert successor.wait() == 0, (tmp_path / "successor.log").read_text()
    assert zombie.wait() == 75
    assert "fenced: attempt 2" in (tmp_path / "zombie.log").read_text()
    assert result(tmp_path / "out")["weightsSha256"] == result(finished.output)["weightsSha256"]
    points = [record["step"] for record in records(tmp_path / "out") if record["kind"] == "validation"]
    assert points == [record["step"] for record in records(finished.output) if record["kind"] == "validation"]


def test_what_is_committed_after_a_sigterm_says_so(tmp_path: Path) -> None:
    own = checkpoints(tmp_path, 1)
    own.commit(snapshot(10), "interval")
    own.commit(snapshot(12), "sigterm")
    assert own.commit(snapshot(12), "interval") is None, "an upload of the same step that was behind"
    assert (latest(tmp_path)["reason"], latest(tmp_path)["step"]) == ("sigterm", 12)
    assert own.commit(snapshot(11), "interval") is None
    assert own.commit(snapshot(13), "interval") is not None
    assert (latest(tmp_path)["reason"], latest(tmp_path)["step"]) == ("sigterm", 13)


def test_it_has_let_go_with_the_checkpoint_of_a_sigterm_alone(tmp_path: Path) -> None:
    own, heir = checkpoints(tmp_path, 1), checkpoints(tmp_path, 2)
    own.commit(snapshot(10), "interval")
    assert "letGo" not in latest(tmp_path)
    own.mark_sigterm()
    assert "letGo" not in latest(tmp_path), "something may follow"
    own.commit(snapshot(11), "interval")
    assert latest(tmp_path)["reason"] == "sigterm" and "letGo" not in latest(tmp_path), "an upload that was behind"
    own.commit(snapshot(12), "sigterm")
    assert latest(tmp_path)["letGo"] is True
    heir.claim()
    assert latest(tmp_path)["attempt"] == 2 and "letGo" not in latest(tmp_path)
    heir.commit(snapshot(14), "interval")
    assert "letGo" not in json.dumps(latest(tmp_path)), "neither of the one before"


def test_a_hung_step_at_a_sigterm_keeps_the_reason_for_the_upload_that_is_behind(tmp_path: Path) -> None:
    own = checkpoints(tmp_path, 1)
    own.commit(snapshot(10), "interval")
    own.mark_sigterm()
    own.commit(snapshot(12), "interval")
    assert (latest(tmp_path)["reason"], latest(tmp_path)["step"]) == ("sigterm", 12)


def test_an_attempt_that_only_claims_does_not_inherit_the_sigterm_of_the_one_before(tmp_path: Path) -> None:
    checkpoints(tmp_path, 1).commit(snapshot(10), "sigterm")
    heir = checkpoints(tmp_path, 2)
    heir.claim()
    found = latest(tmp_path)
    assert (found["attempt"], found["step"], found["reason"]) == (2, 10, "interval")
    heir.mark_sigterm(starting=True)
    assert latest(tmp_path)["reason"] == "sigterm"
