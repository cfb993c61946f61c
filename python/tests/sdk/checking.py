"""`longhaul trial check` in this process, for trainers that are forked from one that has their imports."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from forking import PATIENCE_SECONDS, Attempt, Forker

from longhaul.check import __main__ as command
from longhaul.check.checks import Check
from longhaul.check.launch import CommandLauncher, RanksLauncher, Running
from longhaul.check.report import Report
from longhaul.check.sample import write_sample
from longhaul.check.scene import Scene


class ForkedRunning(Running):
    def __init__(self, process: Attempt, log: Path) -> None:
        self.log = log
        self.began = time.monotonic()
        self._container = None
        self._process = process  # type: ignore[assignment]


class ForkingLauncher(CommandLauncher):
    """Starts attempts by `start`, which is given their environment and log."""

    def __init__(self, start: Callable[[Mapping[str, str], Path], Attempt]) -> None:
        self._start = start

    def start(self, directory: Path, environment: Mapping[str, str], log: Path) -> Running:
        return ForkedRunning(self._start(environment, log), log)


def script_launcher(forker: Forker, script: Path, **more: str) -> ForkingLauncher:
    return ForkingLauncher(lambda environment, log: forker.start(script, log, {**environment, **more}))


def checked(root: Path, launcher: CommandLauncher | RanksLauncher, **options: Any) -> Report:
    """As `longhaul trial check`, whose options are those of `Check`."""
    root.mkdir(exist_ok=True)
    return Check(Scene(launcher, root, write_sample(root / "data"), {}, PATIENCE_SECONDS), **options).run()


def checked_by_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], forker: Forker, script: Path, *options: str
) -> tuple[int, dict[str, Any], str]:
    """The command `longhaul trial check` with a script's attempts forked: its exit code, report and findings."""
    monkeypatch.setattr(command, "CommandLauncher", lambda words: script_launcher(forker, Path(words[-1])))
    code = command.main(["--command", f"{sys.executable} {script}", *options])
    out, told = capsys.readouterr()
    return code, json.loads(out), told
