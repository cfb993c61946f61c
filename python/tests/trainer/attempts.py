"""Starting, killing and awaiting attempts in tests."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders import trial_json, write_trial
from forking import Attempt, Forker

TRAINER = Path(__file__).parents[2]
#: A checkpoint policy that saves all the time.
OFTEN = {"minSeconds": 0.02, "maxSeconds": 0.05, "keep": 2, "meanSecondsBetweenPreemptions": 1.0}


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{TRAINER}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}


class Trainers:
    """Starts attempts of the reference trainer."""

    def __init__(self, forker: Forker) -> None:
        self._forker = forker

    def start(self, trial: str, log: Path, attempt: int = 1, **more: str) -> Attempt:
        """An attempt at a trial."""
        return self.command(["train"], log, LONGHAUL_TRIAL=trial, LONGHAUL_ATTEMPT=str(attempt), **more)

    def command(self, arguments: Sequence[str], log: Path, **environment: str) -> Attempt:
        """`python -m longhaul_trainer` with these arguments."""
        return self._forker.train(arguments, log, environment)


def records(output: Path) -> list[dict[str, Any]]:
    """The progress records in order; fails where a number is missing."""
    found = []
    for path in sorted((output / "progress").glob("[0-9]*.json"), key=lambda path: int(path.stem)):
        found.append(json.loads(path.read_text()))
    assert [record["n"] for record in found] == list(range(1, len(found) + 1))
    return found


def result(output: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((output / "result.json").read_text())
    return found


@dataclass(frozen=True)
class Finished:
    """An attempt that came to its end."""

    output: Path
    code: int
    log: str


def run(trainers: Trainers, root: Path, data: Mapping[str, str], *, attempt: int = 1, **changes: Any) -> Finished:
    """One attempt from start to end, whatever the end is; output is `root/out`."""
    environment = changes.pop("environment", {})
    uri = write_trial(root / f"trial-{attempt}.json", trial_json(root / "out", data, **changes))
    log = root / f"attempt-{attempt}.log"
    code = trainers.start(uri, log, attempt, **environment).wait()
    return Finished(root / "out", code, log.read_text())


def finish(trainers: Trainers, root: Path, data: Mapping[str, str], **changes: Any) -> Finished:
    """An attempt that must succeed."""
    found = run(trainers, root, data, **changes)
    assert found.code == 0, found.log
    return found


def stop_after(
    trainers: Trainers, root: Path, data: Mapping[str, str], steps: int, sign: int, *, step_seconds: float = 0.02, **changes: Any
) -> Finished:
    """An attempt that gets the signal once some progress of at least so many steps is committed."""
    uri = write_trial(root / "trial-1.json", trial_json(root / "out", data, checkpoint=OFTEN, **changes))
    log = root / "attempt-1.log"
    process = trainers.start(uri, log, 1, LONGHAUL_STEP_DELAY_SECONDS=str(step_seconds))
    assert process.wait_until(lambda: committed_step(root / "out") >= steps), log.read_text()
    return Finished(root / "out", process.kill(sign), log.read_text())


def committed_step(output: Path) -> int:
    try:
        return int(json.loads((output / "checkpoints" / "LATEST").read_text())["step"])
    except FileNotFoundError:
        return -1
