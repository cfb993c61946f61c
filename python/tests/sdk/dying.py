"""Runs a script that is killed at a chosen write into the store, and so inside a commit, too.

DIE_AT is the number of the write; DIE_WHEN is `before` or `after` it; DIE_BY is the number of the signal.
"""

import os
import runpy
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import longhaul  # noqa: F401  as the first import of a script, so that SIGTERM is answered
from longhaul.store.directory import DirectoryStore
from longhaul.store.gcs import GcsStore


def run(script: str) -> None:
    at, when, sign = int(os.environ.get("DIE_AT", "0")), os.environ.get("DIE_WHEN", "before"), int(os.environ.get("DIE_BY", "9"))
    writes = 0
    lock = threading.Lock()

    def die() -> None:
        os.kill(os.getpid(), sign)
        if sign == 9:
            time.sleep(600)

    def deadly(function: Callable[..., Any]) -> Callable[..., Any]:
        def die_at_the_write(*arguments: Any, **more: Any) -> Any:
            nonlocal writes
            with lock:
                writes += 1
                now = writes == at
            if now and when == "before":
                die()
            found = function(*arguments, **more)
            if now and when == "after":
                die()
            return found

        return die_at_the_write

    for store in (DirectoryStore, GcsStore):
        for name in ("write", "upload"):
            setattr(store, name, deadly(getattr(store, name)))
    sys.argv = [script]
    sys.path.insert(0, os.path.dirname(script))
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    run(sys.argv[1])
