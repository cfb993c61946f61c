"""A process that has imported what scripts need and forks them: an attempt starts in milliseconds instead of seconds.

Lines of JSON in (script, environment and log), lines of JSON out ({"pid"} at once, {"pid", "code"} at the end).
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

PRELOADED = (
    "numpy",
    "torch",
    "keras",  # with TensorFlow, which runs nothing and starts no thread as it is imported
    "transformers.trainer",
    "lightning.pytorch",
    "pyarrow.parquet",
    "sklearn.ensemble",
    "sklearn.linear_model",
    "joblib",
    "longhaul.data.dataset",
    "longhaul.data.columns",
)
PATIENCE_SECONDS = 600.0


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
        self._orders: dict[int, Future[int]] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message: dict[str, int] = json.loads(line)
            with self._lock:
                self._orders.pop(message["order"]).set_result(message["code"])

    def run(self, script: Path, log: Path, environment: Mapping[str, str]) -> int:
        """The exit code of an attempt, negative for a signal."""
        ended: Future[int] = Future()
        with self._lock:
            order = id(ended)
            self._orders[order] = ended
            assert self._process.stdin is not None
            message = {"order": order, "script": str(script), "log": str(log), "environment": dict(environment)}
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        return ended.result(PATIENCE_SECONDS)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_SECONDS)


def attempt(order: dict[str, Any]) -> None:
    """The child: what `python script.py` does."""
    import dying

    log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(order["environment"])
    code = 1
    try:
        dying.run(order["script"])
        code = 0
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
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="-1")  # as the scripts set them
    for module in PRELOADED:
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(module)
    lock = threading.Lock()

    def reap(pid: int, order: int) -> None:
        _, status = os.waitpid(pid, 0)
        with lock:
            os.write(1, json.dumps({"order": order, "code": os.waitstatus_to_exitcode(status)}).encode() + b"\n")

    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            attempt(order)
        threading.Thread(target=reap, args=(pid, order["order"])).start()


if __name__ == "__main__":
    main()
