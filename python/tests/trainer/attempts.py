"""Starting, killing and awaiting attempts in tests."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from builders import trial_json, write_trial

TRAINER = Path(__file__).parents[2]
#: No attempt of a test lasts longer.
PATIENCE_SECONDS = 600.0
#: A checkpoint policy that saves all the time.
OFTEN = {"minSeconds": 0.02, "maxSeconds": 0.05, "keep": 2, "meanSecondsBetweenPreemptions": 1.0}


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{TRAINER}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}


class Attempt:
    """A running attempt."""

    def __init__(self, pid: int, ended: Future[int]) -> None:
        self.pid = pid
        self._ended = ended

    def wait(self) -> int:
        return self._ended.result(timeout=PATIENCE_SECONDS)

    @property
    def running(self) -> bool:
        return not self._ended.done()

    def kill(self, number: int) -> int:
        """Sends the signal and waits for the end."""
        with contextlib.suppress(ProcessLookupError):
            if self.running:
                os.kill(self.pid, number)
        return self.wait()

    def wait_until(self, condition: Callable[[], bool]) -> bool:
        """Polls until the condition holds; False when the attempt ended before."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.running:
            if condition():
                return True
            if time.monotonic() > deadline:
                raise TimeoutError("the condition never held")
            time.sleep(0.005)
        return condition()


class Zygote:
    """Forks attempts from one process that has imported TensorFlow."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("zygote.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self._lock = threading.Lock()
        self._orders = 0
        self._started: dict[int, Future[Attempt]] = {}
        self._ended: dict[int, Future[int]] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message: dict[str, int] = json.loads(line)
            with self._lock:
                if "order" in message:
                    self._ended[message["pid"]] = Future()
                    self._started.pop(message["order"]).set_result(Attempt(message["pid"], self._ended[message["pid"]]))
                else:
                    self._ended.pop(message["pid"]).set_result(message["code"])

    def start(self, trial: str, log: Path, attempt: int = 1, **more: str) -> Attempt:
        """An attempt at a trial."""
        return self.command(["train"], log, LONGHAUL_TRIAL=trial, LONGHAUL_ATTEMPT=str(attempt), **more)

    def command(self, arguments: Sequence[str], log: Path, **environment: str) -> Attempt:
        """`python -m longhaul_trainer` with these arguments."""
        with self._lock:
            self._orders += 1
            order = self._orders
            started: Future[Attempt] = Future()
            self._started[order] = started
            assert self._process.stdin is not None
            self._process.stdin.write(
                json.dumps({"order": order, "arguments": arguments, "environment": environment, "log": str(log)}) + "\n"
            )
            self._process.stdin.flush()
        return started.result(timeout=PATIENCE_SECONDS)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=PATIENCE_SECONDS)


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


def run(trainers: Zygote, root: Path, data: Mapping[str, str], *, attempt: int = 1, **changes: Any) -> Finished:
    """One attempt from start to end, whatever the end is; output is `root/out`."""
    environment = changes.pop("environment", {})
    uri = write_trial(root / f"trial-{attempt}.json", trial_json(root / "out", data, **changes))
    log = root / f"attempt-{attempt}.log"
    code = trainers.start(uri, log, attempt, **environment).wait()
    return Finished(root / "out", code, log.read_text())


def finish(trainers: Zygote, root: Path, data: Mapping[str, str], **changes: Any) -> Finished:
    """An attempt that must succeed."""
    found = run(trainers, root, data, **changes)
    assert found.code == 0, found.log
    return found


def stop_after(
    trainers: Zygote, root: Path, data: Mapping[str, str], steps: int, sign: int, *, step_seconds: float = 0.02, **changes: Any
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


@contextlib.contextmanager
def zygote() -> Iterator[Zygote]:
    process = Zygote()
    try:
        yield process
    finally:
        process.close()
