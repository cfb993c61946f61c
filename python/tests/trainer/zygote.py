"""A process that has imported TensorFlow and forks trainers: an attempt starts in milliseconds instead of seconds.

Importing runs no operation and starts no thread of TensorFlow, so forking is safe. Lines of JSON in (environment and
log), lines of JSON out ({"pid"} at once, {"pid", "code"} at the end).
"""

from __future__ import annotations

import json
import os
import sys
import threading

from longhaul_trainer.model.runtime import import_tensorflow, prepare_environment

prepare_environment()
import_tensorflow()

import longhaul_trainer.__main__ as command  # noqa: E402
import longhaul_trainer.export  # noqa: E402
import longhaul_trainer.run  # noqa: E402
import longhaul_trainer.summaries  # noqa: E402
import longhaul_trainer.training  # noqa: E402, F401


def attempt(order: dict[str, object]) -> None:
    """The child: what `python -m longhaul_trainer` does."""
    log = os.open(str(order["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(order["environment"])  # type: ignore[call-overload]
    if "LONGHAUL_TEST_PATH" in os.environ:
        sys.path.insert(0, os.environ["LONGHAUL_TEST_PATH"])
    code = 1
    try:
        code = command.main(order["arguments"])  # type: ignore[arg-type]
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def say(message: dict[str, object]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def reap(pid: int) -> None:
    _, status = os.waitpid(pid, 0)
    say({"pid": pid, "code": os.waitstatus_to_exitcode(status)})


def main() -> None:
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            attempt(order)
        say({"pid": pid, "order": order["order"]})
        threading.Thread(target=reap, args=(pid,)).start()


if __name__ == "__main__":
    main()
