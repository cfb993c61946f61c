"""TensorBoard is a picture of the training: what cannot be written is left out, and no point is shown twice."""

from __future__ import annotations

import collections
import json
import signal
from pathlib import Path

import pytest
from attempts import Trainers, finish, records, result, run, stop_after
from builders import trial_json, write_trial

from longhaul.store.directory import DirectoryStore


def damaged(output: Path, damage: str) -> None:
    output.mkdir(parents=True)
    target = output / "tensorboard"
    if damage == "a file":
        target.write_text("not a directory")
    else:
        target.symlink_to("/dev/full")


@pytest.mark.parametrize("damage", ["a file", "a full device"])
def test_a_tensorboard_that_cannot_be_written_changes_nothing_else(
    tmp_path: Path, trainers: Trainers, data: dict[str, str], damage: str
) -> None:
    whole = finish(trainers, tmp_path / "whole", data)
    damaged(tmp_path / "damaged" / "out", damage)
    found = run(trainers, tmp_path / "damaged", data)
    assert found.code == 0, found.log
    assert found.log.count("TensorBoard's files cannot be written") == 1, found.log
    assert "the training goes on without them" in found.log
    assert result(found.output)["weightsSha256"] == result(whole.output)["weightsSha256"]


def test_a_disk_that_takes_no_more_ends_no_training(tmp_path: Path, data: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    from longhaul_trainer.summaries import Summaries

    warnings: list[str] = []
    summaries = Summaries(DirectoryStore(), f"file://{tmp_path}", warnings.append)
    summaries.start("trial", {"learning_rate": 0.1, "units": [1, 2], "none": None}, 0)
    monkeypatch.setattr("tensorflow.summary.scalar", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    for step in range(100):
        summaries.scalars(step, {"loss": 1.0})
    summaries.close()
    assert len(warnings) == 1 and "No space left on device" in warnings[0]


def test_no_point_is_shown_twice_after_a_kill(tmp_path: Path, trainers: Trainers, data: dict[str, str]) -> None:
    from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator

    killed = stop_after(trainers, tmp_path, data, 4, signal.SIGKILL, validateEverySteps=2)
    interval = {"minSeconds": 60, "maxSeconds": 60, "keep": 2, "meanSecondsBetweenPreemptions": None}
    uri = write_trial(tmp_path / "again.json", trial_json(killed.output, data, validateEverySteps=2, checkpoint=interval))
    again = trainers.start(uri, tmp_path / "log", 2, LONGHAUL_STEP_DELAY_SECONDS="0.1")
    assert again.wait_until(lambda: sum(r["attempt"] == 2 and r["kind"] == "validation" for r in records(killed.output)) >= 3)
    again.kill(signal.SIGKILL)
    assert killed.code == -signal.SIGKILL
    resumed = run(trainers, tmp_path, data, attempt=3, validateEverySteps=2)
    assert resumed.code == 0, resumed.log
    shown = EventAccumulator(str(resumed.output / "tensorboard"), tensor_size_guidance={"scalars": 0})
    shown.Reload()
    steps = [event.step for event in shown.Tensors("validation_loss")]
    points = [json.loads(path.read_text()) for path in (resumed.output / "progress").glob("[0-9]*.json")]
    # The kill may have come between a point's checkpoint and its picture.
    expected = {point["step"] for point in points if point["kind"] == "validation"}
    assert set(steps) <= expected and len(expected - set(steps)) <= 1
    assert not [step for step, count in collections.Counter(steps).items() if count > 1]
