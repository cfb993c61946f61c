"""A validation that lasts longer than what counts as a silence is heard of all the while."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from builders import Termination, trial_json, write_data

from longhaul.resume import heartbeat
from longhaul_trainer import run
from longhaul_trainer.model.learner import Learner
from longhaul_trainer.trial import parse_trial

SILENCE_SECONDS = 40
BATCH_SECONDS = 9.0


def test_records_come_within_a_validation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its batches lasts 9 s by the trainer's clock, which nothing else moves."""
    data = {"train": write_data(tmp_path / "train", parts=1, sessions=16), "validation": write_data(tmp_path / "v", parts=12, sessions=10)}
    now = [1000.0]
    made: list[tuple[str, float]] = []
    evaluate = Learner.evaluate
    report = run.Attempt._report

    def slow(learner: Learner, batch: Any) -> Any:
        now[0] += BATCH_SECONDS
        return evaluate(learner, batch)

    def noted(attempt: run.Attempt, kind: str, fields: dict[str, Any]) -> None:
        made.append((kind, now[0]))
        report(attempt, kind, fields)

    monkeypatch.setattr(Learner, "evaluate", slow)
    monkeypatch.setattr(run.Attempt, "_report", noted)
    monkeypatch.setattr(run, "Heartbeat", lambda silence: heartbeat.Heartbeat(silence, lambda: now[0]))
    document = trial_json(tmp_path / "out", data, epochs=1, silenceSeconds=SILENCE_SECONDS)
    run.train(parse_trial(document, "test"), Termination())  # type: ignore[arg-type]
    assert now[0] - 1000 > 2 * SILENCE_SECONDS
    times = [time for _, time in made]
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) < SILENCE_SECONDS / 2
    assert [kind for kind, _ in made].count("beat") >= 5
    written = [json.loads(path.read_text()) for path in (tmp_path / "out" / "progress").glob("[0-9]*.json")]
    assert sum(record["kind"] == "beat" for record in written) == [kind for kind, _ in made].count("beat")
    points = [record["metrics"] for record in written if record["kind"] == "validation"]
    assert len(points) == 1 and points[0]["validation_ndcg_at_10"] is not None
