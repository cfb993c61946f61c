"""Trainers of the examples are short, and kills change nothing."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
from checking import checked, checked_by_command, script_launcher
from forking import Forker
from scenes import PYTHON, Scene

EXAMPLES = PYTHON.parent / "examples" / "own-code"
MODULES = {"keras_train": "keras", "lightgbm_train": "lightgbm", "sklearn_train": "sklearn", "torch_train": "torch"}


def test_each_is_short_and_told_of() -> None:
    found = {path.stem: len(path.read_text(encoding="utf-8").splitlines()) for path in EXAMPLES.glob("*.py")}
    assert set(found) == set(MODULES)
    assert max(found.values()) < 40
    assert "examples/own-code" in (PYTHON.parent / "docs" / "own-code.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", MODULES)
def test_kills_change_nothing(tmp_path: Path, request: pytest.FixtureRequest, name: str) -> None:
    forker: Forker = request.getfixturevalue("torch_and_data_forker" if name == "torch_train" else "forker")
    if name != "torch_train" and importlib.util.find_spec(MODULES[name]) is None:
        pytest.skip(f"{MODULES[name]} is not installed")
    scene = Scene(forker, tmp_path, EXAMPLES / f"{name}.py")
    expected = scene.finish("undisturbed")
    assert expected["objective"] > 0.5
    found, story = scene.play("killed", seed=4, kills=3)
    assert found == expected, f"{story}\n{scene.log('killed')}"


def test_the_checker_finds_nothing(tmp_path: Path, forker: Forker) -> None:
    # Long trainings are for `kills`, as are those of the reference trainer; what kills do to this script stands above.
    kills = int(os.environ.get("LONGHAUL_SCHEDULES", "0"))
    report = checked(tmp_path / "kept", script_launcher(forker, EXAMPLES / "sklearn_train.py"), kills=kills)
    assert report.ok and report.broken == [], report.checks


def test_the_checker_takes_data_of_ones_own(
    tmp_path: Path, forker: Forker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "train.py"
    script.write_text(OWN_DATA, encoding="utf-8")
    data = Scene(forker, tmp_path, script).data["train"].removeprefix("file://")
    arguments = ["--data", f"trips={data}", "--trial", '{"parameters": {"rate": 0.5}}', "--objective", "fare", "--kills", "0"]
    code, _, told = checked_by_command(monkeypatch, capsys, forker, script, *arguments)
    assert code == 0, told


OWN_DATA = """
import longhaul, numpy
with longhaul.trial() as trial:
    model = trial.keep(model=numpy.random.normal(size=2))
    for _ in trial.epochs():
        for batch in trial.batches(trial.data("trips").numpy(batch_size=8, columns=["session"], shuffle=True)):
            model += trial.parameters["rate"] * len(batch["session"][0]) * numpy.random.random()
            trial.step(samples=len(batch["session"]))
        trial.validation({"fare": float(model.sum())}, model=lambda folder: numpy.save(folder / "model.npy", model))
"""
