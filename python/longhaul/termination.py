"""SIGTERM: answered at once whatever the main thread is doing, also in an import, and not by children.

A blocked signal would be inherited by children, which could not be ended any more; so there is a handler instead. Python
runs handlers between two instructions of the main thread; the number of the signal is written into a pipe at once, though,
and a thread reads that.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

from .errors import EXIT_CRASH, EXIT_PREEMPTED

#: The process that answers for a trial; its children see it in their environment and stay out of it.
OWNER = "LONGHAUL_TRIAL_PROCESS"


class Termination:
    """Runs `answer` on SIGTERM and exits 143. `answer` changes as the trial gets on."""

    def __init__(self, answer: Callable[[], None]) -> None:
        self.answer = answer
        #: Whether a handler that the script has set itself is the answer: so until it opens a trial.
        self.yields = False
        self._called = False
        #: Set once SIGTERM has come; the training loop looks at it between two batches.
        self.asked = threading.Event()
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        threading.Thread(target=self._wait, name="sigterm", daemon=True).start()
        self.install()
        os.register_at_fork(after_in_child=self._leave)

    def install(self) -> None:
        """Again where a framework may have put a handler of its own over ours."""
        self.yields = False
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._handle)
            signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def renew(self) -> None:
        """At each boundary: the coordination of TensorFlow and JAX takes the signal in C++, of which Python knows nothing."""
        if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) == self._handle:
            signal.signal(signal.SIGTERM, self._handle)

    def _handle(self, number: int, frame: object) -> None:
        self._called = True
        self.asked.set()
        with_pipe = bytes([signal.SIGTERM])
        try:
            os.write(self._write, with_pipe)  # where something else took the wake-up descriptor
        except BlockingIOError:
            return

    def _leave(self) -> None:
        """A child that was forked: SIGTERM ends it, and is none of the parent's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def _wait(self) -> None:
        while True:
            if signal.SIGTERM not in os.read(self._read, 64):
                continue  # another signal's number
            self.asked.set()  # a trial that is opened nevertheless stops at its first boundary
            if not self.yields or self._called or signal.getsignal(signal.SIGTERM) == self._handle:
                break
        code = EXIT_PREEMPTED
        try:
            self.answer()
        except BaseException as error:
            code = getattr(error, "exit_code", EXIT_CRASH)  # 143 says that what is to be gone on from is committed
            print(f"longhaul: at SIGTERM: {error}", file=sys.stderr, flush=True)
        finally:
            leave(code)


def leave(code: int) -> None:
    """Ends the process now, without waiting for threads; children of `multiprocessing` are ended with it."""
    processes = sys.modules.get("multiprocessing")
    if processes is not None:
        for child in processes.active_children():
            child.terminate()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
    os._exit(code)


def leave_after(answer: Callable[[], object]) -> None:
    """At a SIGTERM: as preempted, once `answer` has seen to what is to be gone on from, or by its error."""
    code = EXIT_PREEMPTED
    try:
        answer()
    except Exception as error:
        code = getattr(error, "exit_code", EXIT_CRASH)
        print(f"longhaul: at SIGTERM: {error}", file=sys.stderr, flush=True)
    leave(code)


_own: Termination | None = None


def termination() -> Termination:
    """The one of this process."""
    global _own
    if _own is None:
        os.environ[OWNER] = str(os.getpid())
        _own = Termination(_nothing)
    return _own


def is_child() -> bool:
    """Whether this is a process that a trial has started, such as a worker that loads data."""
    return os.environ.get(OWNER, str(os.getpid())) != str(os.getpid())


def answer_while_importing() -> None:
    """From `import longhaul` on: the frameworks that are imported next take seconds.

    A script that never opens a trial may have its own answer, before or after the import: it keeps it, and its `LATEST` too.
    """
    if not os.environ.get("LONGHAUL_TRIAL") or is_child() or threading.current_thread() is not threading.main_thread():
        return
    if callable(signal.getsignal(signal.SIGTERM)) and _own is None:
        return
    from . import store  # noqa: F401  what the answer needs, before it is needed
    from .resume import checkpoints  # noqa: F401

    own = termination()
    own.answer = _mark_committed
    own.yields = True


def _mark_committed() -> None:
    from .document import mark_sigterm

    mark_sigterm()
    print("longhaul: SIGTERM before the training began; what is committed stays", flush=True)


def _nothing() -> None:
    return None
