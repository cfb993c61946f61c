"""A process that has imported what scripts and trainers need and forks them: an attempt starts in milliseconds instead of seconds.

Importing runs no operation and starts no thread of TensorFlow, so forking is safe. Lines of JSON in (what to run, environment and log),
lines of JSON out ({"order", "pid"} at once, {"order", "code"} at the end).
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Any

PRELOADED = (
    "numpy",
    "torch",
    "keras",  # with TensorFlow
    "transformers.trainer",
    "lightning.pytorch",
    "pyarrow.parquet",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "sklearn.metrics",
    "joblib",
    "longhaul.data.dataset",
    "longhaul.data.columns",
    "longhaul_trainer.__main__",
    "longhaul_trainer.export",
    "longhaul_trainer.run",
    "longhaul_trainer.summaries",
    "longhaul_trainer.training",
)
#: No attempt of a test lasts longer.
PATIENCE_SECONDS = 600.0


class Attempt:
    """An attempt that was started; it has those methods of a `subprocess.Popen` that a checker needs."""

    def __init__(self, pid: int, ended: Future[int]) -> None:
        self.pid = pid
        self._ended = ended

    @property
    def running(self) -> bool:
        return not self._ended.done()

    def poll(self) -> int | None:
        return None if self.running else self._ended.result()

    def send_signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self.running:
                os.kill(self.pid, number)

    def wait(self, timeout: float | None = PATIENCE_SECONDS) -> int:
        """The exit code, negative for a signal."""
        try:
            return self._ended.result(timeout)
        except TimeoutError:
            raise subprocess.TimeoutExpired(f"attempt {self.pid}", timeout or 0.0) from None

    def kill(self, number: int) -> int:
        """Sends the signal and waits for the end."""
        self.send_signal(number)
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


class Forker:
    """Starts attempts; used by several threads."""

    def __init__(self, path: str, python: str = sys.executable) -> None:
        self._process = subprocess.Popen(
            [python, str(Path(__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
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
            order = message["order"]
            with self._lock:
                if "pid" in message:
                    self._started.pop(order).set_result(Attempt(message["pid"], self._ended[order]))
                else:
                    self._ended.pop(order).set_result(message["code"])

    def run(self, script: Path, log: Path, environment: Mapping[str, str]) -> int:
        """The exit code of an attempt, negative for a signal."""
        return self.start(script, log, environment).wait()

    def start(self, script: Path, log: Path, environment: Mapping[str, str]) -> Attempt:
        """What `python script.py` does."""
        return self._order(script=str(script), log=str(log), environment=dict(environment))

    def train(self, arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> Attempt:
        """What `python -m longhaul_trainer` does with these arguments."""
        return self._order(arguments=list(arguments), log=str(log), environment=dict(environment))

    def _order(self, **what: Any) -> Attempt:
        started: Future[Attempt] = Future()
        with self._lock:
            self._orders += 1
            self._started[self._orders], self._ended[self._orders] = started, Future()
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps({"order": self._orders, **what}) + "\n")
            self._process.stdin.flush()
        return started.result(PATIENCE_SECONDS)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_SECONDS)


@cache
def warm() -> Forker:
    """The one that all tests of a session use."""
    forker = Forker(os.pathsep.join(path for path in (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")) if path))
    atexit.register(forker.close)
    return forker


def attempt(order: dict[str, Any]) -> None:
    """The child."""
    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(order["environment"])
    if "LONGHAUL_TEST_PATH" in os.environ:
        sys.path.insert(0, os.environ["LONGHAUL_TEST_PATH"])
    code = 1
    try:
        if "script" in order:
            import dying

            dying.run(order["script"])
            code = 0
        else:
            from longhaul.termination import answer_while_importing
            from longhaul_trainer.__main__ import main as command

            answer_while_importing()  # as `import longhaul` does in a process of its own
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})

            code = command(order["arguments"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    # As the scripts and the trainer set them.
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="-1", KERAS_BACKEND="tensorflow")
    for module in PRELOADED:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(module)

    def say(message: dict[str, int]) -> None:
        os.write(1, json.dumps(message).encode() + b"\n")  # whole, as it is short

    def reap(pid: int, order: int) -> None:
        _, status = os.waitpid(pid, 0)
        say({"order": order, "code": os.waitstatus_to_exitcode(status)})

    for line in sys.stdin:
        order = json.loads(line)
        if "arguments" in order:  # a SIGTERM that comes at once waits until the child answers it
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        pid = os.fork()
        if pid == 0:
            attempt(order)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        say({"order": order["order"], "pid": pid})
        threading.Thread(target=reap, args=(pid, order["order"])).start()


if __name__ == "__main__":
    main()
