"""SIGTERM: a thread waits for it, so that it is answered at once whatever the training loop is doing."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

from longhaul.errors import EXIT_PREEMPTED


def mask_sigterm() -> None:
    """Must be called before threads start (before TensorFlow is imported): they inherit the mask."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})


class Termination:
    """Runs `answer` on SIGTERM and exits 143. `answer` changes as the trial gets on: before there is a state, there is little to save."""

    def __init__(self, answer: Callable[[], None]) -> None:
        self.answer = answer
        threading.Thread(target=self._wait, name="sigterm", daemon=True).start()

    def _wait(self) -> None:
        signal.sigwait({signal.SIGTERM})
        code = EXIT_PREEMPTED
        try:
            self.answer()
        except BaseException as error:
            code = getattr(error, "exit_code", EXIT_PREEMPTED)
            print(f"longhaul: at SIGTERM: {error}", file=sys.stderr, flush=True)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
