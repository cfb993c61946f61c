"""`python -m longhaul_trainer.contract_check --command "python train.py"`: takes a trainer through the trial contract.

It is started, watched, stopped by SIGTERM and SIGKILL, resumed, and compared bit for bit with itself. The report is one
JSON object: what holds, what is broken, and what was found instead.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .contract_files import check_exports, check_latest, check_progress, check_result, read_json, read_records
from .contract_sample import sample_trial, write_sample

#: Grace on spot machines of GKE.
GRACE_SECONDS = 15.0
#: Steps are slowed (by trainers that know LONGHAUL_STEP_DELAY_SECONDS), so that there is time to stop them.
DELAY_SECONDS = 0.1
DATA_ERRORS = range(64, 79)


@dataclass
class Report:
    """Findings in the order in which they were made; a `should` that fails breaks nothing."""

    checks: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, ok: bool, detail: str = "", *, level: str = "must") -> bool:
        self.checks.append({"name": name, "ok": ok, "level": level, "detail": detail})
        print(
            f"{'ok    ' if ok else 'BROKEN' if level == 'must' else 'warn  '} {name}{': ' + detail if detail else ''}",
            file=sys.stderr,
            flush=True,
        )
        return ok

    def problems(self, name: str, problems: list[str]) -> bool:
        return self.add(name, not problems, "; ".join(problems))

    @property
    def ok(self) -> bool:
        return all(check["ok"] for check in self.checks if check["level"] == "must")


class Check:
    """One trainer, tried in a directory of its own."""

    def __init__(self, command: list[str], directory: Path, changes: Mapping[str, Any], timeout: float) -> None:
        self._command = command
        self._directory = directory
        self._changes = changes
        self._timeout = timeout
        self._data = write_sample(directory / "data")
        self.report = Report()

    def run(self) -> Report:
        """All checks; later ones are left out when the trainer cannot even train."""
        report = self.report
        whole = self._directory / "whole"
        code, log = self._finish(self._start(whole, 1))
        if not report.add("trains and exits 0", code == 0, "" if code == 0 else f"exit {code}: {log}"):
            return report
        self._check_output("whole", whole, attempts=1)
        expected = read_json(whole / "result.json") or {}
        self._stopped("SIGTERM", signal.SIGTERM, expected)
        self._stopped("SIGKILL", signal.SIGKILL, expected)
        self._fenced(self._directory / "SIGTERM")
        self._missing_input()
        return report

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
        ready = self._wait(
            process,
            (lambda: bool(read_records(output))) if number == signal.SIGTERM else (lambda: (output / "checkpoints" / "LATEST").exists()),
        )
        if ready:
            time.sleep(3 * DELAY_SECONDS)  # some steps further on
        began = time.monotonic()
        process.send_signal(number)
        code, log = self._finish(process)
        seconds = time.monotonic() - began
        if code == 0:
            report.add(
                f"{name}: is stopped",
                False,
                f"it was done before the signal came; let it wait {DELAY_SECONDS} s a step (LONGHAUL_STEP_DELAY_SECONDS)",
            )
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
        committed = int((read_json(output / "checkpoints" / "LATEST") or {}).get("step", 0))
        report.add(f"{name}: had committed some progress", committed > 0, f"step {committed}", level="should")
        before = len(read_records(output))
        code, log = self._finish(self._start(output, 2))
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
        code, _ = self._finish(self._start(output, 1))
        self.report.add(
            "an older attempt is fenced off", address.read_bytes() == before, f"exit {code}; LATEST must stay that of attempt 2"
        )
        self.report.add("a fenced attempt exits 75", code == 75, f"exit {code}", level="should")

    def _missing_input(self) -> None:
        gone = {name: f"{uri}-gone" for name, uri in self._data.items()}
        code, _ = self._finish(self._start(self._directory / "missing", 1, data=gone))
        self.report.add("missing data end with an exit code from 64 to 78", code in DATA_ERRORS, f"exit {code}")

    def _start(self, output: Path, attempt: int, *, data: Mapping[str, str] | None = None, **environment: str) -> subprocess.Popen[str]:
        document = sample_trial(data or self._data, output, self._changes)
        path = self._directory / f"{output.name}.trial.json"
        path.write_text(json.dumps(document))
        variables = {
            "LONGHAUL_TRIAL": f"file://{path}",
            "LONGHAUL_OUTPUT": f"file://{output}",
            "LONGHAUL_ATTEMPT": str(attempt),
            **environment,
        }
        log = open(self._directory / f"{output.name}.log", "a+", encoding="utf-8")  # noqa: SIM115 - belongs to the process
        try:
            process = subprocess.Popen(self._command, env={**os.environ, **variables}, stdout=log, stderr=log, text=True)
        finally:
            log.close()
        process.log = self._directory / f"{output.name}.log"  # type: ignore[attr-defined]
        return process

    def _finish(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        try:
            code = process.wait(self._timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            code = -1
        lines = Path(process.log).read_text(errors="replace").strip().splitlines()  # type: ignore[attr-defined]
        return code, " | ".join(lines[-3:])

    def _wait(self, process: subprocess.Popen[str], condition: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + self._timeout
        while process.poll() is None and time.monotonic() < deadline:
            if condition():
                return True
            time.sleep(0.01)
        return False


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m longhaul_trainer.contract_check", description="Takes a trainer through the trial contract."
    )
    parser.add_argument("--command", required=True, help='what starts the trainer, for example "python train.py"')
    parser.add_argument(
        "--trial", metavar="JSON", default="{}", help='fields of trial.json to change, for example {"parameters": {"learning_rate": 0.1}}'
    )
    parser.add_argument("--timeout", type=float, default=300.0, metavar="SECONDS", help="for each run of the trainer")
    parser.add_argument("--keep", metavar="DIRECTORY", help="leave logs and outputs here")
    options = parser.parse_args(arguments)
    changes = json.loads(options.trial)
    with tempfile.TemporaryDirectory(prefix="longhaul-check-") as temporary:
        directory = Path(options.keep).absolute() if options.keep else Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        report = Check(shlex.split(options.command), directory, changes, options.timeout).run()
    broken = [check["name"] for check in report.checks if not check["ok"] and check["level"] == "must"]
    print(json.dumps({"ok": report.ok, "broken": broken, "seconds": round(time.monotonic() - began, 1), "checks": report.checks}))
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
