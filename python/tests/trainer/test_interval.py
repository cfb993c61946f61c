"""How often is saved: Young's and Daly's optimum within the bounds of the spec."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from attempts import OFTEN, Finished, Trainers, finish, records

from longhaul.resume.interval import NEWEST, UNSEEN_MEAN_SECONDS, SaveInterval
from longhaul_trainer.trial import CheckpointPolicy


def interval(cost: float | None, mean: float | None, low: float = 0.001, high: float = 1e6) -> float:
    found = SaveInterval(CheckpointPolicy(min_seconds=low, max_seconds=high, keep=1, mean_seconds_between_preemptions=mean))
    if cost is not None:
        found.measured(cost)
    return found.seconds


@pytest.mark.parametrize(("cost", "mean"), [(0.02, 600.0), (1.0, 7200.0), (30.0, 86_400.0)])
def test_it_is_the_root_of_twice_cost_times_mean(cost: float, mean: float) -> None:
    assert interval(cost, mean) == pytest.approx(math.sqrt(2 * cost * mean))


def test_it_stays_within_the_bounds_of_the_spec() -> None:
    assert interval(1e-9, 1.0, low=5, high=60) == 5
    assert interval(1e3, 1e6, low=5, high=60) == 60
    assert interval(None, 1e6, low=5, high=60) == 5


def test_machines_that_were_never_taken_away_are_assumed_to_last_hours() -> None:
    assert interval(0.5, None) == pytest.approx(math.sqrt(UNSEEN_MEAN_SECONDS))


def test_the_cost_follows_the_measurements_without_jumping() -> None:
    found = SaveInterval(CheckpointPolicy(0.001, 1e6, 1, 100.0))
    found.measured(1.0)
    found.measured(2.0)
    assert found.cost_seconds == pytest.approx(1.0 + NEWEST)


def test_progress_records_tell_the_interval(tmp_path: Path, trainers: Trainers, data: dict[str, str], finished: Finished) -> None:
    policy = {**OFTEN, "maxSeconds": 0.3, "meanSecondsBetweenPreemptions": 0.2}
    found = finish(trainers, tmp_path, data, checkpoint=policy, environment={"LONGHAUL_STEP_DELAY_SECONDS": "0.03"})
    saved = [record for record in records(found.output) if record["kind"] == "checkpoint"]
    assert len(saved) > 2
    for record in saved:
        assert 0 < record["checkpointSeconds"] < 30
        assert policy["minSeconds"] <= record["checkpointIntervalSeconds"] <= policy["maxSeconds"]
        assert (found.output / "checkpoints").exists() and record["name"]
    assert all(record["checkpointIntervalSeconds"] == 5 for record in records(finished.output) if record["kind"] == "start")
