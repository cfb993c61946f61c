"""`python train.py` without Longhaul: a local folder, parameters from the command line, and going on where one wants to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from scenes import PATH

from longhaul.check.sample import write_sample
from longhaul.errors import UsageError
from longhaul.local import data_of, objective_of, parameters_of

SCRIPT = """
import longhaul
with longhaul.trial(defaults={"lr": 0.5, "layers": [8, 4]}, epochs=2) as trial:
    kept = trial.keep(kept={"seen": 0.0})
    for epoch in trial.epochs():
        for batch in trial.batches(trial.data("train").numpy(batch_size=50) if "DATA" in __import__("os").environ else range(3)):
            kept["seen"] += trial.parameters["lr"]
            trial.step(samples=1)
            if kept["seen"] == 99:
                # Records are written behind the loop; the first one is to be there when it dies.
                while not list(__import__("pathlib").Path("out/progress").glob("*.json")):
                    pass
                raise SystemExit(9)
        trial.validation({"score": kept["seen"]}, model=lambda folder: (folder / "model").write_text(str(kept["seen"])))
print("after the trial", trial.parameters["layers"])
"""


def python(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    (folder / "train.py").write_text(SCRIPT, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LONGHAUL_")}
    return subprocess.run(
        [sys.executable, "train.py", *arguments],
        cwd=folder,
        env={**environment, "PYTHONPATH": PATH, **more},
        capture_output=True,
        text=True,
        timeout=600,
    )


def outputs(folder: Path) -> list[Path]:
    return sorted((folder / ".longhaul" / "trials").iterdir())


def test_it_runs_as_any_script_and_each_time_anew(tmp_path: Path) -> None:
    first = python(tmp_path)
    assert first.returncode == 0, first.stderr
    assert "after the trial [8, 4]" in first.stdout
    second = python(tmp_path, "--set", "lr=2", "--epochs", "1", "--unknown-to-us", "x")
    assert second.returncode == 0, second.stderr
    results = [json.loads((output / "result.json").read_text(encoding="utf-8")) for output in outputs(tmp_path)]
    assert [(result["steps"], result["objective"]) for result in results] == [(6, 3.0), (3, 6.0)]
    assert str(outputs(tmp_path)[0]) in first.stdout


def test_an_output_that_is_given_is_gone_on_with(tmp_path: Path) -> None:
    assert python(tmp_path, "--set", "lr=33", "--output", "out").returncode == 9
    assert python(tmp_path, "--set", "lr=33", "--output", "out").returncode == 9
    attempts = [json.loads(path.read_text(encoding="utf-8"))["attempt"] for path in sorted((tmp_path / "out" / "progress").iterdir())]
    assert set(attempts) == {1}
    other = python(tmp_path, "--set", "lr=1", "--output", "out")
    assert other.returncode == 0, other.stderr


def test_data_are_named_or_found(tmp_path: Path) -> None:
    write_sample(tmp_path / "parts")
    assert python(tmp_path, "--data", "parts", DATA="1").returncode == 0
    assert python(tmp_path, "--data", "train=parts/train", DATA="1").returncode == 0
    (tmp_path / "files").mkdir()
    for name in ("train", "test"):
        os.link(tmp_path / "parts" / "validation" / "part-00000.parquet", tmp_path / "files" / f"{name}.parquet")
    files = data_of([str(tmp_path / "files")])
    assert files == {name: (tmp_path / "files" / f"{name}.parquet").as_uri() for name in ("train", "test")}
    assert python(tmp_path, "--data", "files", DATA="1").returncode == 0
    without = python(tmp_path, DATA="1")
    assert without.returncode == 64 and "give --data train=FOLDER" in without.stderr
    gone = python(tmp_path, "--data", "nowhere", DATA="1")
    assert gone.returncode == 66 and "nowhere does not exist" in gone.stderr
    assert "Traceback" not in without.stderr + gone.stderr


def test_settings_are_json_or_text() -> None:
    assert parameters_of(["lr=0.1", "sizes=[1, 2]", "loss=hinge", "flag=true", "path=a=b"]) == {
        "lr": 0.1,
        "sizes": [1, 2],
        "loss": "hinge",
        "flag": True,
        "path": "a=b",
    }
    with pytest.raises(UsageError, match=r"expected NAME=VALUE, for example --set lr=0\.1, found 'lr'"):
        parameters_of(["lr"])


@pytest.mark.parametrize(("metric", "maximize"), [("auc", True), ("val_loss", False), ("average_rank", False), ("accuracy", True)])
def test_the_name_of_a_metric_tells_its_goal(metric: str, maximize: bool) -> None:
    assert objective_of(metric).maximize == maximize
