"""What people forget in scripts of their own: `longhaul trial check` says which of it, and how to fix it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from checking import ForkingLauncher, checked, script_launcher
from forking import Attempt, Forker
from scenes import PYTHON

from longhaul.check.__main__ import main
from longhaul.check.files import check_result
from longhaul.check.hints import NOT_FINITE, NOT_REPEATABLE, NOT_RESTORED, OTHER_DATA

SCRIPT = """
import longhaul, random, time
rng = random.Random()
with longhaul.trial() as trial:
    rng.seed(trial.seed)
    model, momentum = {"w": 0.0}, {"w": 0.0}
    trial.keep(model=model, momentum=momentum, rng=rng)
    for epoch in trial.epochs():
        order = random.Random(f"{trial.seed}-{epoch}").sample(range(20), 20)
        for row in trial.batches(order):
            momentum["w"] = 0.9 * momentum["w"] + row * rng.random()
            model["w"] += momentum["w"]
            trial.step(samples=1, loss=model["w"])
        trial.validation({"validation_ndcg_at_10": model["w"]}, model=lambda folder: (folder / "w").write_text(str(model["w"])))
"""
#: The mistake; what of SCRIPT, and what people write instead; what is found, and what is told.
MISTAKES = {
    "seeds by the time": ("rng.seed(trial.seed)", "rng.seed(time.time_ns())", "the same seed gives the same model", NOT_REPEATABLE),
    "forgets the optimizer": (", momentum=momentum", "", "SIGTERM: weightsSha256 equals that of the undisturbed run", NOT_RESTORED),
    "forgets the generator": (", rng=rng", "", "SIGTERM: weightsSha256 equals that of the undisturbed run", NOT_RESTORED),
    "draws the order of an epoch": (
        'random.Random(f"{trial.seed}-{epoch}")', "rng", "SIGTERM: weightsSha256 equals that of the undisturbed run", NOT_RESTORED,
    ),
    "has data of its own": ("range(20)", 'trial.data("train").numpy()["age"]', "trains and exits 0", OTHER_DATA),
    "gives NaN": ('10": model["w"]', '10": float("nan")', "whole: result.json", NOT_FINITE),
}  # fmt: skip


def test_a_script_without_mistakes_passes(tmp_path: Path, forker: Forker) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT, encoding="utf-8")
    report = checked(tmp_path / "kept", script_launcher(forker, script), kills=0)
    assert report.broken == [] and "the same seed gives the same model" not in [entry["name"] for entry in report.checks]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_how_to_fix_it(tmp_path: Path, forker: Forker, mistake: str) -> None:
    good, bad, found, told = MISTAKES[mistake]
    assert SCRIPT.count(good) == 1
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.replace(good, bad), encoding="utf-8")
    report = checked(tmp_path / "kept", script_launcher(forker, script), kills=0, fail_fast=True)
    assert report.broken == [found] and told in report.checks[-1]["detail"], report.checks


def test_a_validation_that_gives_nan_is_told_with_its_step(tmp_path: Path, forker: Forker) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.replace('10": model["w"]', '10": float("nan") if epoch == 1 else model["w"]'), encoding="utf-8")
    report = checked(tmp_path / "kept", script_launcher(forker, script), kills=0)
    warned = {entry["name"]: entry["detail"] for entry in report.checks if not entry["ok"]}
    assert report.broken == [] and "whole: each validation gives a number" in warned, report.checks
    where = "in 1 of 3 validations, first at training step 40 (progress/"
    assert f"validation_ndcg_at_10 is NaN or infinite (written as null) {where}" in warned["whole: each validation gives a number"]


def _result_problems(output: Path, result: Mapping[str, object], values: Sequence[float | None]) -> list[str]:
    (output / "exports" / "40").mkdir(parents=True)
    (output / "exports" / "40" / "READY").write_text("{}", encoding="utf-8")
    (output / "progress").mkdir()
    for number, value in enumerate(values, 1):
        record = {"n": number, "kind": "validation", "step": 20 * number, "metrics": {"auc": value}}
        (output / "progress" / f"{number}.json").write_text(json.dumps(record), encoding="utf-8")
    whole = {"bestStep": 40, "steps": 40, "samples": 40, "epochs": 2, "weightsSha256": "0f", "bestExport": "40", **result}
    (output / "result.json").write_text(json.dumps(whole), encoding="utf-8")
    return check_result(output, "auc")


def test_an_objective_that_is_nan_is_no_missing_one(tmp_path: Path) -> None:
    expected = "expected the value of auc at the best validation"
    nan = _result_problems(tmp_path / "nan", {"objective": None, "metrics": {"auc": None}}, [None, None])
    in_both = "auc is NaN or infinite (written as null) in 2 of 2 validations, first at training step 20 (progress/1.json)"
    assert nan == [f"objective is null; {expected}; {in_both}; {NOT_FINITE}"]
    missing = _result_problems(tmp_path / "missing", {"metrics": {"auc": 0.7}}, [0.6, 0.7])
    assert missing == [f"objective is missing; {expected}"]
    null = _result_problems(tmp_path / "null", {"objective": None, "metrics": {"auc": 0.7}}, [0.6, 0.7])
    assert null == [f"objective is null; {expected}"]
    assert _result_problems(tmp_path / "text", {"objective": "0.7", "metrics": {"auc": "0.7"}}, [0.7]) == [
        "metric auc is '0.7'; expected a number or null",
        "objective is '0.7'; expected a number",
    ]
    assert _result_problems(tmp_path / "good", {"objective": 0.7, "metrics": {"auc": 0.7}}, [None, 0.7]) == []


def test_a_training_of_many_steps_is_slowed_by_little_in_all(tmp_path: Path, forker: Forker) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.replace("range(20), 20", "range(500), 500"), encoding="utf-8")
    slowed: list[float] = []

    def start(environment: Mapping[str, str], log: Path) -> Attempt:
        if log.name == "two-at-once.log":
            slowed.append(float(environment["LONGHAUL_STEP_DELAY_SECONDS"]))
        return forker.start(script, log, environment)

    report = checked(tmp_path / "kept", ForkingLauncher(start), kills=1)
    assert report.broken == [] and len(slowed) == 2, report.checks
    assert max(slowed) * 12 * 500 <= 30


def test_it_says_what_to_install(tmp_path: Path) -> None:
    command = [sys.executable, "-S", "-m", "longhaul.check", "--command", "true"]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(PYTHON)}, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 64 and "Traceback" not in done.stderr
    assert "needs numpy and pyarrow, which is not installed: pip install 'longhaul-sdk[data]'" in done.stderr


def test_a_terminal_gets_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert main(["--command", "true", "--fail-fast"]) == 1
    assert capsys.readouterr().out.startswith("breaks the trial contract (2 checks in ")
