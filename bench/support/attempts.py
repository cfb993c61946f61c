"""Attempts forked from this process, which has imported TensorFlow once; each notes every step that it takes.

The note (time, sessions trained on) is made while the step's lock is held, so it tells exactly how far a killed process
had come. Importing runs no operation and starts no thread, so forking is safe.
"""

from __future__ import annotations

import os
import signal
import struct
import sys
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from longhaul_trainer.model.runtime import prepare_environment

prepare_environment()

import longhaul_trainer.__main__ as command  # noqa: E402
from longhaul_trainer.training import Training  # noqa: E402

NOTE = struct.Struct("<dq")


class Attempt:
    """A running attempt."""

    def __init__(self, environment: Mapping[str, str], log: Path, notes: Path) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})  # the child answers it in a thread
        self.pid = os.fork()
        if self.pid == 0:
            _run(environment, log, notes)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        self.code: int | None = None

    def ended(self) -> bool:
        return self._reap(os.WNOHANG)

    def kill(self, number: int) -> int:
        """Sends the signal; returns the exit code (minus the signal where that ended it)."""
        if self.code is None:
            os.kill(self.pid, number)
            self._reap(0)
        assert self.code is not None
        return self.code

    def _reap(self, options: int) -> bool:
        if self.code is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None


def notes_of(path: Path) -> list[tuple[float, int]]:
    data = path.read_bytes() if path.exists() else b""
    return list(NOTE.iter_unpack(data[: len(data) // NOTE.size * NOTE.size]))


def _run(environment: Mapping[str, str], log: Path, notes: Path) -> None:
    code = 1
    try:
        descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        os.environ.update(environment)
        _note_steps(notes)
        code = command.main(["train"])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _note_steps(notes: Path) -> None:
    descriptor = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    step = Training._step

    def noted(self: Training, batch: Any) -> None:
        step(self, batch)
        os.write(descriptor, NOTE.pack(time.time(), self.state.samples))

    Training._step = noted  # type: ignore[method-assign]
