"""Signals that come to this process, for the processes that it has started."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress

Child = subprocess.Popen  # of bytes; 3.9 cannot subscribe it outside of annotations


class Forwarding:
    """Keeps what comes from now on, and passes it on from a thread once `to` says to whom.

    A handler alone would lose a signal: Python runs it when the main thread is back from the system, and one that comes just
    before that thread waits for its child is not looked at until the child has ended. The number is written into a pipe at
    once, though, whichever thread was interrupted.
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        #: Those that have come so far and were passed on.
        self.came: list[int] = []
        self._read, write = os.pipe()
        os.set_blocking(write, False)
        # Whoever had the descriptor before, such as the SDK's thread of this process, hears of nothing any more.
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, lambda number, frame: None)

    def to(self, children: Sequence[Child[bytes]]) -> None:
        """From the first that has come on."""
        threading.Thread(target=self._pass_on, args=(children,), name="signals", daemon=True).start()

    def _pass_on(self, children: Sequence[Child[bytes]]) -> None:
        while numbers := os.read(self._read, 64):
            for number in numbers:
                self.came.append(number)
                send(children, number)


def send(children: Sequence[Child[bytes]], number: int) -> None:
    """To those that have not ended."""
    for child in children:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.send_signal(number)
