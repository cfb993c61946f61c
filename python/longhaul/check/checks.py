"""`longhaul trial check --command "python train.py"`: takes a trainer through the trial contract.

It is started, watched, stopped by SIGTERM and SIGKILL, resumed, and compared bit for bit with itself. The report is one
JSON object: what holds, what is broken, and what was found instead.
"""

from __future__ import annotations

import json
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..arguments import Parser
from ..errors import TrialError, UsageError
from .files import check_exports, check_latest, check_progress, check_result, read_json, read_records
from .launch import CommandLauncher, ImageLauncher, Running
from .sample import sample_trial, write_sample

#: Grace on spot machines of GKE.
GRACE_SECONDS = 15.0
#: Steps are slowed (by trainers that know LONGHAUL_STEP_DELAY_SECONDS), so that there is time to stop them.
DELAY_SECONDS = 0.1
DATA_ERRORS = range(64, 79)


class Enough(Exception):
    """Thrown when something is broken and no more is asked for."""


@dataclass
class Report:
    """Findings in the order in which they were made; a `should` that fails breaks nothing."""

    fail_fast: bool = False
    checks: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, ok: bool, detail: str = "", *, level: str = "must") -> bool:
        self.checks.append({"name": name, "ok": ok, "level": level, "detail": detail})
        print(
            f"{'ok    ' if ok else 'BROKEN' if level == 'must' else 'warn  '} {name}{': ' + detail if detail else ''}",
            file=sys.stderr,
            flush=True,
        )
        if self.fail_fast and not self.ok:
            raise Enough
        return ok

    def problems(self, name: str, problems: list[str]) -> bool:
        return self.add(name, not problems, "; ".join(problems))

    @property
    def ok(self) -> bool:
        return all(check["ok"] for check in self.checks if check["level"] == "must")


class Check:
    """One trainer, tried in a directory of its own."""

    def __init__(
        self,
        launcher: CommandLauncher | ImageLauncher,
        directory: Path,
        changes: Mapping[str, Any],
        *,
        timeout: float,
        fail_fast: bool = False,
    ) -> None:
        self._launcher = launcher
        self._directory = directory
        self._changes = changes
        self._timeout = timeout
        self._data = write_sample(directory / "data")
        self.report = Report(fail_fast)

    def run(self) -> Report:
        """All checks; later ones are left out when the trainer cannot even train."""
        with suppress(Enough):
            self._run()
        return self.report

    def _run(self) -> None:
        report = self.report
        whole = self._directory / "whole"
        code, log = self._start(whole, 1).wait(self._timeout)
        if not report.add("trains and exits 0", code == 0, "" if code == 0 else f"exit {code}: {log}"):
            return
        self._check_output("whole", whole, attempts=1)
        expected = read_json(whole / "result.json") or {}
        self._stopped("SIGTERM", signal.SIGTERM, expected)
        self._stopped("SIGKILL", signal.SIGKILL, expected)
        self._fenced(self._directory / "SIGTERM")
        self._missing_input()

    def _check_output(self, name: str, output: Path, *, attempts: int) -> None:
        report = self.report
        report.problems(f"{name}: progress records are numbered and whole", check_progress(output, attempts))
        report.problems(f"{name}: result.json", check_result(output))
        report.problems(f"{name}: exports are ready", check_exports(output))
        report.problems(f"{name}: LATEST and its checksums", check_latest(output))

    def _stopped(self, name: str, number: signal.Signals, expected: Mapping[str, Any]) -> None:
        report = self.report
        output = self._directory / name
        process = self._start(output, 1, LONGHAUL_STEP_DELAY_SECONDS=str(DELAY_SECONDS))
        started = (output / "checkpoints" / "LATEST").exists if number == signal.SIGKILL else partial(_has_records, output)
        if self._wait(process, started, self._timeout):
            time.sleep(3 * DELAY_SECONDS)  # some steps further on
            self._wait(process, lambda: _committed_step(output) > 0, 3 * DELAY_SECONDS)
        began = time.monotonic()
        process.signal(number)
        code, log = process.wait(self._timeout)
        seconds = time.monotonic() - began
        if code == 0 and (output / "result.json").exists():
            told = f"ignored, or it came too late: let each step wait for LONGHAUL_STEP_DELAY_SECONDS ({DELAY_SECONDS} s)"
            report.add(f"{name}: is stopped", False, f"it trained to its end; the signal was {told}")
            return
        if number == signal.SIGTERM:
            report.add("SIGTERM: exits 143", code == 143, "" if code == 143 else f"exit {code}: {log}")
            report.add(f"SIGTERM: exits within {GRACE_SECONDS:.0f} s", seconds < GRACE_SECONDS, f"{seconds:.2f} s")
            latest = read_json(output / "checkpoints" / "LATEST")
            reason = None if latest is None else latest.get("reason")
            report.add(
                "SIGTERM: commits a checkpoint with reason sigterm", reason == "sigterm", f"found {reason!r}" if reason != "sigterm" else ""
            )
            report.problems("SIGTERM: LATEST and its checksums", check_latest(output))
        committed = _committed_step(output)
        report.add(f"{name}: had committed some progress", committed > 0, f"step {committed}", level="should")
        before = len(read_records(output))
        code, log = self._start(output, 2).wait(self._timeout)
        if not report.add(f"{name}: resumes and exits 0", code == 0, "" if code == 0 else f"exit {code}: {log}"):
            return
        first = next((record for record in read_records(output)[before:] if record.get("kind") == "start"), None)
        step = None if first is None else first.get("step")
        report.add(f"{name}: goes on from the committed step", step == committed, f"committed {committed}, went on from {step}")
        self._check_output(name, output, attempts=2)
        found = read_json(output / "result.json") or {}
        for what in ("weightsSha256", "metrics", "steps", "samples"):
            same = found.get(what) == expected.get(what)
            report.add(
                f"{name}: {what} equals that of the undisturbed run", same, "" if same else f"{found.get(what)} is not {expected.get(what)}"
            )

    def _fenced(self, output: Path) -> None:
        """Attempt 1 comes back from a lost node after attempt 2 has taken over."""
        address = output / "checkpoints" / "LATEST"
        if (read_json(address) or {}).get("attempt") != 2:
            return
        before = address.read_bytes()
        code, _ = self._start(output, 1).wait(self._timeout)
        self.report.add(
            "an older attempt is fenced off", address.read_bytes() == before, f"exit {code}; LATEST must stay that of attempt 2"
        )
        self.report.add("a fenced attempt exits 75", code == 75, f"exit {code}", level="should")

    def _missing_input(self) -> None:
        gone = {name: f"{uri}-gone" for name, uri in self._data.items()}
        code, _ = self._start(self._directory / "missing", 1, data=gone).wait(self._timeout)
        self.report.add("missing data end with an exit code from 64 to 78", code in DATA_ERRORS, f"exit {code}")

    def _start(self, output: Path, attempt: int, *, data: Mapping[str, str] | None = None, **environment: str) -> Running:
        document = sample_trial(data or self._data, output, self._changes)
        path = self._directory / f"{output.name}.trial.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        output.mkdir(exist_ok=True)
        variables = {
            "LONGHAUL_TRIAL": f"file://{path}",
            "LONGHAUL_OUTPUT": f"file://{output}",
            "LONGHAUL_ATTEMPT": str(attempt),
            **environment,
        }
        return self._launcher.start(self._directory, variables, self._directory / f"{output.name}.log")

    @staticmethod
    def _wait(process: Running, condition: Callable[[], bool], seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not process.ended and time.monotonic() < deadline:
            if condition():
                return True
            time.sleep(0.01)
        return False


def _has_records(output: Path) -> bool:
    return bool(read_records(output))


def _committed_step(output: Path) -> int:
    return int((read_json(output / "checkpoints" / "LATEST") or {}).get("step", 0))


def parser() -> Parser:
    found = Parser(prog="longhaul trial check", description="Takes a trainer through the trial contract.")
    trainer = found.add_mutually_exclusive_group(required=True)
    trainer.add_argument("--command", help='what starts the trainer, for example "python train.py"')
    trainer.add_argument("--image", help="a container image whose entry point is the trainer")
    found.add_argument("--runtime", help="what runs the image; default: docker, podman or nerdctl")
    found.add_argument(
        "--trial", metavar="JSON", default="{}", help='fields of trial.json to change, for example {"parameters": {"learning_rate": 0.1}}'
    )
    found.add_argument("--timeout", type=float, default=300.0, metavar="SECONDS", help="for each run of the trainer")
    found.add_argument("--keep", metavar="DIRECTORY", help="leave logs and outputs here")
    found.add_argument("--fail-fast", action="store_true", help="end at the first thing that is broken")
    return found


def changes_of(text: str) -> dict[str, Any]:
    try:
        changes = json.loads(text)
    except ValueError as error:
        raise UsageError(f"--trial: expected JSON ({error}), found {text!r}") from None
    if not isinstance(changes, dict):
        raise UsageError(f"--trial: expected an object, found {text!r}")
    return changes


def main(arguments: list[str] | None = None) -> int:
    try:
        options = parser().parse_args(arguments)
        changes = changes_of(options.trial)
        launcher = ImageLauncher(options.image, options.runtime) if options.image else CommandLauncher(shlex.split(options.command))
    except TrialError as error:
        print(f"longhaul: {error}", file=sys.stderr)
        return error.exit_code
    with tempfile.TemporaryDirectory(prefix="longhaul-check-") as temporary:
        directory = Path(options.keep or temporary).absolute()
        directory.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        report = Check(launcher, directory, changes, timeout=options.timeout, fail_fast=options.fail_fast).run()
    broken = [check["name"] for check in report.checks if not check["ok"] and check["level"] == "must"]
    print(json.dumps({"ok": report.ok, "broken": broken, "seconds": round(time.monotonic() - began, 1), "checks": report.checks}))
    return 0 if report.ok else 1
