"""A checkpoint goes on with what it was made with, or not at all."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from attempts import Finished, Trainers, finish, records, result, run, stop_after
from builders import features, trial_json, write_data

from longhaul.errors import ConfigError
from longhaul_trainer import identity

OWN_MODEL = """
import keras


def build(context):
    numeric = sum(feature.numeric for feature in context.features)
    inputs = {
        "numeric": keras.Input((numeric,), dtype="float32", name="numeric"),
        "categorical": keras.Input((len(context.features) - numeric,), dtype="int32", name="categorical"),
    }
    glorot = keras.initializers.GlorotUniform
    hidden = keras.layers.Dense(4, kernel_initializer=glorot(seed=context.seed))(context.normalisation()(inputs["numeric"]))
    return keras.Model(inputs, keras.layers.Dense(1, kernel_initializer=glorot(seed=1))(hidden))
"""
PARAMETERS = trial_json(Path("/unused"), {"train": ""})["parameters"]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, trainers: Trainers, data: dict[str, str]) -> Finished:
    """A trial that was preempted."""
    found = stop_after(trainers, tmp_path_factory.mktemp("stopped"), data, 3, signal.SIGTERM)
    assert found.code == 143, found.log
    return found


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"seed": 8}, ["seed (was 7, is 8)"]),
        ({"parameters": {**PARAMETERS, "batch_size": 32}}, ["parameters.batch_size (was 16, is 32)"]),
        (
            {"parameters": {**PARAMETERS, "learning_rate": 0.02}, "epochs": 1},
            ["parameters.learning_rate (was 0.01, is 0.02)", "epochs (was 2, is 1)"],
        ),
        ({"sampleCandidates": 3}, ["sampleCandidates (was 0, is 3)"]),
        ({"features": features()[:-1]}, ["features (was "]),
    ],
    ids=["seed", "batch size", "learning rate and epochs", "candidates", "features"],
)
def test_changed_inputs_under_a_checkpoint_are_refused_with_all_that_differs(
    tmp_path: Path, trainers: Trainers, data: dict[str, str], stopped: Finished, changes: dict[str, Any], named: list[str]
) -> None:
    shutil.copytree(stopped.output, tmp_path / "out")
    found = run(trainers, tmp_path, data, attempt=2, **changes)
    assert found.code == 78, found.log
    assert "was made with other inputs" in found.log
    for text in named:
        assert text in found.log
    assert "give the trial another output" in found.log
    assert not (tmp_path / "out" / "result.json").exists()


def test_changed_data_are_refused(tmp_path: Path, trainers: Trainers, data: dict[str, str], stopped: Finished) -> None:
    shutil.copytree(stopped.output, tmp_path / "out")
    other = write_data(tmp_path / "train", parts=3, sessions=60, seed=9)
    found = run(trainers, tmp_path, {**data, "train": other}, attempt=2)
    assert found.code == 78, found.log
    assert "data.train (was " in found.log


def test_changed_code_of_ones_own_model_is_refused(tmp_path: Path, trainers: Trainers, data: dict[str, str]) -> None:
    module = tmp_path / "changing_model.py"
    module.write_text(OWN_MODEL)
    changes: dict[str, Any] = {
        "model": "changing_model:build",
        "parameters": {"batch_size": 16},
        "environment": {"LONGHAUL_TEST_PATH": str(tmp_path)},
    }
    first = run(trainers, tmp_path, data, **changes)
    assert first.code == 0, first.log
    (tmp_path / "out" / "result.json").unlink()
    module.write_text(OWN_MODEL.replace("Dense(4", "Dense(5"))
    second = run(trainers, tmp_path, data, attempt=2, **changes)
    assert second.code == 78, second.log
    assert "modelSource (was " in second.log


def test_a_scheme_that_this_trainer_does_not_know_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"has scheme 99, this trainer knows 1 to \d+: use the version that wrote it"):
        identity.scheme_of({"scheme": 99})


def test_another_interval_or_retention_is_no_other_training(
    tmp_path: Path, trainers: Trainers, data: dict[str, str], stopped: Finished
) -> None:
    shutil.copytree(stopped.output, tmp_path / "out")
    policy = {"minSeconds": 1, "maxSeconds": 90, "keep": 3, "meanSecondsBetweenPreemptions": 77.0}
    found = run(trainers, tmp_path, data, attempt=2, checkpoint=policy, parts={"ahead": 1, "onBad": "skip", "badBudget": 1})
    assert found.code == 0, found.log


def test_a_longer_training_goes_on_where_the_shorter_one_ended_with_the_bits_of_the_undisturbed_one(
    tmp_path: Path, trainers: Trainers, data: dict[str, str]
) -> None:
    constant = {"parameters": {**PARAMETERS, "learning_rate_schedule": "constant"}}
    (tmp_path / "long").mkdir()
    long = finish(trainers, tmp_path / "long", data, epochs=4, **constant)
    finish(trainers, tmp_path, data, epochs=2, **constant)
    (tmp_path / "out" / "result.json").unlink()
    finish(trainers, tmp_path, data, attempt=2, epochs=4, **constant)
    found, wanted = result(tmp_path / "out"), result(long.output)
    assert {**found, "time": None, "attempts": None} == {**wanted, "time": None, "attempts": None}

    def curve(output: Path) -> list[Any]:
        return [(record["step"], record["metrics"]) for record in records(output) if record["kind"] == "validation"]

    assert curve(tmp_path / "out") == curve(long.output)
    # Doubling costs half: no step is trained again.
    begun = [record["step"] for record in records(tmp_path / "out") if record["kind"] == "start"]
    assert begun[1] / wanted["steps"] == pytest.approx(0.5, abs=0.01)


def test_a_population_is_the_same_bit_for_bit_when_it_is_trained_again(tmp_path: Path, trainers: Trainers, data: dict[str, str]) -> None:
    """As a search with `scheduler: { kind: pbt, interval: 2 }` does: a fork goes on in a poorer member's place."""
    constant = {**PARAMETERS, "learning_rate_schedule": "constant"}
    parent = finish(trainers, tmp_path / "parent", data, epochs=2, parameters=constant)
    fork = {"trial": 3, "output": f"file://{parent.output}", "checkpoint": None}

    def offspring(name: str, rate: float) -> dict[str, Any]:
        """Preempted on its way, but for the first."""
        changes: dict[str, Any] = {"epochs": 4, "fork": fork, "parameters": {**constant, "learning_rate": rate}}
        if name != "undisturbed":
            stop_after(trainers, tmp_path / name, data, result(parent.output)["steps"] + 2, signal.SIGTERM, **changes)
        done = run(trainers, tmp_path / name, data, attempt=2, **changes)
        assert done.code == 0, done.log
        return result(done.output)

    undisturbed, disturbed = offspring("undisturbed", 0.008), offspring("disturbed", 0.008)
    assert undisturbed["weightsSha256"] == disturbed["weightsSha256"]
    assert undisturbed["epochs"] == 4
    # With its parent's parameters it is the member that was never replaced.
    whole = finish(trainers, tmp_path / "whole", data, epochs=4, parameters=constant)
    assert offspring("same", constant["learning_rate"])["weightsSha256"] == result(whole.output)["weightsSha256"]
    assert undisturbed["weightsSha256"] != result(whole.output)["weightsSha256"]


def test_a_longer_training_begins_anew_where_its_learning_rates_depend_on_the_end(
    tmp_path: Path, trainers: Trainers, data: dict[str, str], stopped: Finished
) -> None:
    shutil.copytree(stopped.output, tmp_path / "out")
    found = run(trainers, tmp_path, data, attempt=2, epochs=5)
    assert found.code == 78, found.log
    assert "of 2 epochs, and 5 are wanted" in found.log
    assert "learning_rate_schedule: constant goes on" in found.log
