"""SIGTERM at any moment, from the imports on: exit code 143 says that what was trained up to then is committed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from attempts import OFTEN, Finished, Trainers, environment, finish, records, result
from builders import trial_json, write_trial
from forking import PATIENCE_SECONDS

#: Of the fixture `finished`.
TRAINING: dict[str, Any] = {"validateEverySteps": 6, "sampleCandidates": 6}
SELDOM: dict[str, Any] = {"minSeconds": 500, "maxSeconds": 600, "keep": 2, "meanSecondsBetweenPreemptions": None}


def kinds(output: Path) -> set[str]:
    return {json.loads(path.read_text())["kind"] for path in (output / "progress").glob("[0-9]*.json")}


def imports_tensorflow(output: Path, pid: int) -> bool:
    return "tensorflow" in Path(f"/proc/{pid}/maps").read_text()


def has_begun(output: Path, pid: int) -> bool:
    return "start" in kinds(output)


def has_validated(output: Path, pid: int) -> bool:
    return "validation" in kinds(output)


def writes_a_model(output: Path, pid: int) -> bool:
    return any((output / "exports").glob("*/saved_model"))


def commits(output: Path, pid: int) -> bool:
    """The first checkpoint is being uploaded, or just was."""
    return any((output / "checkpoints").glob("0*"))


def started_anew(log: Path, variables: Mapping[str, str], *options: str, cwd: Path | None = None) -> subprocess.Popen[bytes]:
    """A process that has its imports before it: it ends as those that are forked with theirs behind them."""
    command = [sys.executable, "-m", "longhaul_trainer", "train", *options]
    with log.open("w") as file:
        return subprocess.Popen(command, env={**environment(), **variables}, cwd=cwd, stdout=file, stderr=file)


@pytest.mark.parametrize(
    ("moment", "checkpoint"),
    [(imports_tensorflow, SELDOM), (has_begun, SELDOM), (has_validated, SELDOM), (writes_a_model, SELDOM), (commits, OFTEN)],
    ids=lambda value: getattr(value, "__name__", "") or ("seldom" if value is SELDOM else "often"),
)
def test_what_was_trained_is_committed_whenever_it_comes(
    moment: Callable[[Path, int], bool],
    checkpoint: dict[str, Any],
    tmp_path: Path,
    data: dict[str, str],
    trainers: Trainers,
    finished: Finished,
) -> None:
    output = tmp_path / "out"
    trial = write_trial(tmp_path / "trial.json", trial_json(output, data, checkpoint=checkpoint, **TRAINING))
    variables = {"LONGHAUL_TRIAL": trial, "LONGHAUL_ATTEMPT": "1", "LONGHAUL_STEP_DELAY_SECONDS": "0.05"}
    log = tmp_path / "attempt-1.log"
    process = started_anew(log, variables) if moment is imports_tensorflow else trainers.command(["train"], log, **variables)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not moment(output, process.pid):
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.002)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 143, log.read_text()
    latest = json.loads((output / "checkpoints" / "LATEST").read_text())
    assert (latest["reason"], latest["attempt"]) == ("sigterm", 1)
    heard = max((record["step"] for record in records(output)), default=0) if (output / "progress").exists() else 0
    assert latest["step"] >= heard, log.read_text()
    assert latest["files"] or heard == 0
    assert moment is not has_validated or latest["step"] >= 6

    finish(trainers, tmp_path, data, attempt=2, **TRAINING)
    starts = [record["step"] for record in records(output) if record["kind"] == "start" and record["attempt"] == 2]
    assert starts == [latest["step"]]
    assert result(output)["weightsSha256"] == result(finished.output)["weightsSha256"]


SWALLOWS = """
import signal
from longhaul_trainer.model.network import build_network
from longhaul_trainer.model.parameters import network_parameters
signal.signal(signal.SIGTERM, lambda number, frame: None)
signal.set_wakeup_fd(-1)
def build(context):
    return build_network(context.features, network_parameters(context.parameters), context.seed)
"""


def test_a_handler_that_a_model_s_module_sets_is_no_answer(tmp_path: Path, data: dict[str, str]) -> None:
    (tmp_path / "swallows.py").write_text(SWALLOWS)
    output = tmp_path / "out"
    trial = write_trial(tmp_path / "trial.json", trial_json(output, data, checkpoint=SELDOM, **TRAINING))
    variables = {"LONGHAUL_TRIAL": trial, "LONGHAUL_ATTEMPT": "1", "LONGHAUL_STEP_DELAY_SECONDS": "0.05"}
    log = tmp_path / "attempt-1.log"
    process = started_anew(log, variables, "--model", "swallows:build", cwd=tmp_path)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not has_begun(output, process.pid):
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)
    process.terminate()
    assert process.wait(PATIENCE_SECONDS) == 143, log.read_text()
    assert json.loads((output / "checkpoints" / "LATEST").read_text())["reason"] == "sigterm"


def test_a_commit_that_fails_is_no_preemption(tmp_path: Path, data: dict[str, str], trainers: Trainers) -> None:
    """The store refuses the last checkpoint: the exit code says that the attempt crashed."""
    output = tmp_path / "out"
    trial = write_trial(tmp_path / "trial.json", trial_json(output, data, checkpoint=SELDOM, **TRAINING))
    log = tmp_path / "attempt-1.log"
    attempt = trainers.start(trial, log, 1, LONGHAUL_STEP_DELAY_SECONDS="0.05")
    assert attempt.wait_until(lambda: has_validated(output, attempt.pid))
    (output / "checkpoints").rename(tmp_path / "elsewhere") if (output / "checkpoints").exists() else None
    (output / "checkpoints").write_text("a file where a folder is to be")
    assert attempt.kill(15) == 1, log.read_text()
    assert "at SIGTERM" in log.read_text()
