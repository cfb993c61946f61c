"""`pip wheel python/longhaul` makes `longhaul-sdk`, which needs nothing but Python for local use."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from scenes import PYTHON

SCRIPT = """
import longhaul, sys
with longhaul.trial(defaults={"lr": 2}, epochs=2) as trial:
    weights = trial.keep(model={"w": 0.0})
    for epoch in trial.epochs():
        for x in trial.batches([1.0, 2.0]):
            weights["w"] += trial.parameters["lr"] * x
            trial.step(samples=1, loss=x)
        trial.validation({"score": weights["w"]}, model=lambda folder: (folder / "w.txt").write_text(str(weights["w"])))
foreign = {name.split(".")[0] for name in sys.modules} & {"numpy", "pyarrow", "google", "obstore", "tensorflow", "torch"}
assert not foreign, foreign
"""


def test_the_wheel_needs_nothing_but_python(tmp_path: Path) -> None:
    source = PYTHON / "longhaul"
    copy = tmp_path / "source"
    # A build leaves folders in its source.
    subprocess.run(["cp", "-r", str(source), str(copy)], check=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        str(tmp_path),
        str(copy),
    ]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    wheel = next(tmp_path.glob("*.whl"))
    assert wheel.name.startswith("longhaul_sdk-") and wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    packed = {str(path.relative_to(tmp_path / "installed" / "longhaul")) for path in (tmp_path / "installed" / "longhaul").rglob("*.py")}
    assert packed == {str(path.relative_to(source)) for path in source.rglob("*.py")}
    (tmp_path / "train.py").write_text(SCRIPT, encoding="utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LONGHAUL_", "PYTHON"))}
    ran = subprocess.run(
        [sys.executable, "-S", "train.py"],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "is done after 4 steps" in ran.stdout
