"""One trainer and its outputs in a directory of their own: starting attempts, watching what they write."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .document import sample_trial
from .files import read_json, read_records
from .launch import CommandLauncher, ImageLauncher, RanksLauncher, Running, RunningRanks

#: Steps are slowed (by trainers that know LONGHAUL_STEP_DELAY_SECONDS), so that there is time to stop them.
DELAY_SECONDS = 0.1
LOOK_SECONDS = 0.005


class Scene:
    """`changes` are fields of trial.json that the user gave."""

    def __init__(
        self,
        launcher: CommandLauncher | ImageLauncher | RanksLauncher,
        directory: Path,
        data: Mapping[str, str],
        changes: Mapping[str, Any],
        timeout: float,
    ) -> None:
        self._launcher = launcher
        self._directory = directory
        self.data = data
        self.changes = changes
        self.timeout = timeout

    @property
    def objective(self) -> str:
        found = self.changes.get("objective", {})
        return str(found.get("metric", sample_trial({}, Path(), {})["objective"]["metric"]))

    def output(self, name: str) -> Path:
        return self._directory / name

    def start(self, name: str, attempt: int, *, delay: float = 0.0, **changes: Any) -> Running | RunningRanks:
        """`delay` in seconds: how much each training step is slowed."""
        output = self.output(name)
        document = sample_trial(self.data, output, {**self.changes, **changes})
        path = self._directory / f"{name}.trial.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        output.mkdir(exist_ok=True)
        variables = {
            "LONGHAUL_TRIAL": path.absolute().as_uri(),
            "LONGHAUL_OUTPUT": output.absolute().as_uri(),
            "LONGHAUL_ATTEMPT": str(attempt),
        }
        if delay:
            variables["LONGHAUL_STEP_DELAY_SECONDS"] = str(delay)
        return self._launcher.start(self._directory, variables, self._directory / f"{name}.log")

    def run(self, name: str, attempt: int, **more: Any) -> tuple[int, str]:
        """Exit code and the last lines of the log."""
        return self.start(name, attempt, **more).wait(self.timeout)

    def result(self, name: str) -> dict[str, Any]:
        return read_json(self.output(name) / "result.json") or {}

    def latest(self, name: str) -> dict[str, Any] | None:
        return read_json(self.output(name) / "checkpoints" / "LATEST")

    def committed_step(self, name: str) -> int:
        return int((self.latest(name) or {}).get("step", 0))

    def has_records(self, name: str) -> bool:
        return bool(read_records(self.output(name)))

    def is_committing(self, name: str) -> bool:
        """Whether a checkpoint is being written: its files are coming, and LATEST does not name it."""
        latest = self.latest(name)
        if latest is None:
            return False
        known = {str(latest.get("checkpoint")), *(str(entry.get("checkpoint")) for entry in latest.get("previous") or [])}
        root = self.output(name) / "checkpoints"
        try:
            return any(path.is_dir() and path.name not in known and any(path.iterdir()) for path in root.iterdir())
        except FileNotFoundError:
            return False  # what was listed is gone again

    @staticmethod
    def wait(process: Running | RunningRanks, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether the condition came to hold while the process ran, and in time."""
        deadline = time.monotonic() + seconds
        while not process.ended and time.monotonic() < deadline:
            if condition():
                return True
            time.sleep(LOOK_SECONDS)
        return False
