"""Locks of a directory store and processes that are forked while one is held, as by a loader of data with workers."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

#: Forks while a lock is held, says which process it forked, and ends as it is told.
FORKS = """
import os, signal, sys
from pathlib import Path
from longhaul.store.directory import _locked

with _locked(Path(sys.argv[1])):
    child = os.fork()
    if child == 0:
        os.write(1, b"forked\\n")
        signal.pause()
    if sys.argv[2] == "killed":
        os.write(1, f"{child}\\n".encode())
        signal.pause()
os.write(1, f"{child}\\n".encode())
signal.pause()
"""


def is_free(directory: Path) -> bool:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def check(directory: Path, *, killed: bool) -> None:
    command = [sys.executable, "-c", FORKS, str(directory), "killed" if killed else "released"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        said = {holder.stdout.readline().strip() for _ in range(2)}
        child = int((said - {"forked"}).pop())
        try:
            if killed:
                assert not is_free(directory)
                holder.kill()
                holder.wait()
            os.kill(child, 0)
            assert is_free(directory)
        finally:
            os.kill(child, signal.SIGKILL)
            holder.kill()


def test_a_lock_that_is_released_is_free_though_a_child_lives(tmp_path: Path) -> None:
    check(tmp_path, killed=False)


def test_a_lock_whose_holder_is_killed_is_free_though_a_child_lives(tmp_path: Path) -> None:
    check(tmp_path, killed=True)
