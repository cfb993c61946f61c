"""What a user gets wrong is told in one message; what ends early, ends early however often it is killed."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
from attempts import TRAINER, Finished, Trainers, finish, records, result, run, stop_after
from builders import trial_json

from longhaul.errors import TrialError
from longhaul_trainer.trial import load_trial, parse_trial

PARAMETERS = trial_json(Path("/unused"), {"train": ""})["parameters"]


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"parameters": {"learning_rate": -1}}, 64, "parameters.learning_rate: expected a number above 0"),
        ({"parameters": {"hidden_units": "8,zero"}}, 64, "expected sizes of layers like [128, 64] or \"128,64\", found '8,zero'"),
        ({"parameters": {"loss": "hinge"}}, 64, "parameters.loss: expected softmax or pairwise_logistic or approx_ndcg, found 'hinge'"),
        ({"parameters": {"droput": 0.1}}, 64, "unknown hyper-parameter droput; expected some of activation, batch_size"),
        ({"objective": {"metric": "accuracy", "goal": "maximize"}}, 64, "objective.metric: expected loss or validation_loss"),
        ({"model": "no_such_package:build"}, 64, "cannot import no_such_package"),
        ({"epochs": 0}, 78, "epochs: expected a whole number of at least 1, found 0"),
        ({"checkpoint": {"minSeconds": 9, "maxSeconds": 1}}, 78, "checkpoint: expected minSeconds of at most maxSeconds"),
        (
            {"features": [{"name": "price", "type": "text", "default": 0}]},
            78,
            'features[0].type: expected numeric or categorical, found "text"',
        ),
        (
            {"features": [{"name": "_price", "type": "numeric", "default": 0}]},
            78,
            "features._price: TensorFlow can name no input of a model so",
        ),
        ({"data": {"train": "file:///none"}}, 66, "file:///none/manifest.json: there is no such object"),
    ],
)
def test_mistakes_end_with_one_line_and_their_exit_code(
    tmp_path: Path, trainers: Trainers, data: dict[str, str], changes: dict[str, Any], code: int, message: str
) -> None:
    changes = dict(changes)
    found = run(trainers, tmp_path, changes.pop("data", data), **changes)
    assert found.code == code, found.log
    assert message in found.log
    assert "Traceback" not in found.log
    assert not (tmp_path / "out" / "result.json").exists()


def test_the_environment_names_the_trial(tmp_path: Path) -> None:
    with pytest.raises(TrialError, match="LONGHAUL_TRIAL is not set"):
        load_trial({})
    with pytest.raises(TrialError, match="there is no such object"):
        load_trial({"LONGHAUL_TRIAL": f"file://{tmp_path}/trial.json"})
    with pytest.raises(TrialError, match="expected a number from 1, found 'x'"):
        load_trial({"LONGHAUL_TRIAL": "file:///t", "LONGHAUL_ATTEMPT": "x"})
    with pytest.raises(TrialError, match="expected gs://bucket/path or file:///path"):
        load_trial({"LONGHAUL_TRIAL": "s3://bucket/trial.json"})
    document = trial_json(tmp_path / "out", {"train": "file:///train"})
    (tmp_path / "trial.json").write_text(json.dumps(document))
    found = load_trial({"LONGHAUL_TRIAL": f"file://{tmp_path}/trial.json", "LONGHAUL_OUTPUT": "file:///other", "LONGHAUL_ATTEMPT": "3"})
    assert (found.output, found.attempt, found.seed) == ("file:///other", 3, 7)
    assert parse_trial(document, "trial.json").parts.ahead == 4


def test_early_stopping_counts_on_across_preemptions(tmp_path: Path, trainers: Trainers, data: dict[str, str]) -> None:
    changes: dict[str, Any] = {
        "epochs": 12,
        "parameters": {**PARAMETERS, "learning_rate": 0.05, "patience": 3},
        "validateEverySteps": 4,
        "exportEveryValidations": 100,
    }
    whole = finish(trainers, tmp_path / "whole", data, **changes)
    assert "no better validation_ndcg_at_10 for 3 validation points" in whole.log
    expected = result(whole.output)
    assert expected["stoppedEarly"] and expected["epochs"] < 12
    points = [record for record in records(whole.output) if record["kind"] == "validation"]
    best = max(points, key=lambda record: (record["metrics"]["validation_ndcg_at_10"], -record["step"]))
    assert len(points) - points.index(best) - 1 == 3
    # Stopped when some of the patience is used up, so that a count from 0 would train on for too long.
    stopped = stop_after(trainers, tmp_path / "killed", data, best["step"] + 5, signal.SIGTERM, step_seconds=0.1, **changes)
    assert stopped.code == 143, stopped.log
    resumed = run(trainers, tmp_path / "killed", data, attempt=2, **changes)
    assert resumed.code == 0, resumed.log
    for name in ("weightsSha256", "steps", "bestStep", "stoppedEarly", "objective"):
        assert result(resumed.output)[name] == expected[name]


def test_ones_own_model_trains_resumes_and_exports(tmp_path: Path, trainers: Trainers, data: dict[str, str]) -> None:
    (tmp_path / "my_package").mkdir()
    text = (TRAINER.parent / "docs" / "trainer.md").read_text()
    (tmp_path / "my_package" / "__init__.py").write_text(text.split("```python\n")[1].split("```")[0])
    changes: dict[str, Any] = {"model": "my_package:build", "parameters": {"width": 6, "batch_size": 16, "learning_rate": 0.01}}
    own: dict[str, Any] = {"environment": {"LONGHAUL_TEST_PATH": str(tmp_path)}}
    found = finish(trainers, tmp_path / "own", data, **changes, **own)
    card = json.loads((found.output / "exports" / result(found.output)["bestExport"] / "model_card.json").read_text())
    assert card["model"] == "my_package:build"
    assert result(found.output)["objective"] > 0.5
    wrong = run(trainers, tmp_path / "wrong", data, **{**changes, "parameters": {"depth": 2}}, **own)
    assert wrong.code == 64
    assert "unknown hyper-parameter depth; expected some of" in wrong.log and "width" in wrong.log


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory, trainers: Trainers, data: dict[str, str]) -> Finished:
    return stop_after(trainers, tmp_path_factory.mktemp("parent"), data, 6, signal.SIGTERM)


def test_a_fork_goes_on_from_another_trials_checkpoint(tmp_path: Path, trainers: Trainers, data: dict[str, str], parent: Finished) -> None:
    fork = {"trial": 3, "output": f"file://{parent.output}", "checkpoint": None}
    step = json.loads((parent.output / "checkpoints" / "LATEST").read_text())["step"]
    before = (parent.output / "checkpoints" / "LATEST").read_bytes()
    found = finish(trainers, tmp_path, data, fork=fork, parameters={**PARAMETERS, "learning_rate": 0.001})
    assert f"goes on from trial 3 at step {step}" in found.log
    assert records(found.output)[0]["step"] == step
    assert (parent.output / "checkpoints" / "LATEST").read_bytes() == before
    same = finish(trainers, tmp_path / "same", data, fork=fork)
    whole = finish(trainers, tmp_path / "whole", data)
    assert result(same.output)["weightsSha256"] == result(whole.output)["weightsSha256"]
    assert result(found.output)["weightsSha256"] != result(whole.output)["weightsSha256"]


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"seed": 8}, 78, "seed (was 7, is 8)"),
        ({"parameters": {**PARAMETERS, "hidden_units": "9,8"}}, 78, "expected shape"),
        ({"fork": {"trial": 3, "output": "file:///nowhere", "checkpoint": None}}, 66, "expected a committed checkpoint of trial 3"),
        ({"fork": {"trial": 3, "output": "OUTPUT", "checkpoint": "000000001-9-9"}}, 66, "expected checkpoint 000000001-9-9 of trial 3"),
    ],
)
def test_a_fork_that_does_not_fit_is_refused(
    tmp_path: Path, trainers: Trainers, data: dict[str, str], parent: Finished, changes: dict[str, Any], code: int, message: str
) -> None:
    fork = changes.get("fork", {"trial": 3, "output": "OUTPUT", "checkpoint": None})
    fork = {**fork, "output": fork["output"].replace("OUTPUT", f"file://{parent.output}")}
    found = run(trainers, tmp_path, data, **{**changes, "fork": fork})
    assert found.code == code, found.log
    assert message in found.log
