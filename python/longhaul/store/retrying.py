"""A store that is away for a while is waited for: for hours, with back-off, and so that people see it."""

from __future__ import annotations

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from ..errors import StoreError
from .base import Chunk, Found, Store

#: An outage is waited out for so long; what a service cannot fix by then, a person must.
PATIENCE_SECONDS = 6 * 3600.0
#: A refusal (401, 403, no such bucket) before anything has ever worked is a mistake of the set-up, unless it passes at once:
#: on a fresh node the identity of a pod may take some seconds to be known.
SET_UP_SECONDS = 60.0
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0
#: Shorter outages are nobody's business; longer ones are told of once, and then at this pace.
QUIET_SECONDS = 5.0
TELL_SECONDS = 300.0

Result = TypeVar("Result")


def tell(message: str) -> None:
    print(f"longhaul: {message}", file=sys.stderr, flush=True)


class RetryingStore:
    """Any store, with its outages waited out. Threads may share it."""

    def __init__(
        self,
        store: Store,
        name: str,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        tell: Callable[[str], None] = tell,
    ) -> None:
        self._store = store
        self._name = name
        self._patience = patience_seconds
        self._clock = clock
        self._sleep = sleep
        self._tell = tell
        self._lock = threading.Lock()
        self._reached = False
        self._waiting = 0
        self._problem: str | None = None
        self._since = 0.0
        self._told: float | None = None

    @property
    def waiting_for(self) -> str | None:
        """What some request waits for, in words; None while the store answers."""
        with self._lock:
            return self._problem if self._waiting else None

    def read(self, uri: str) -> Found | None:
        return self._patiently(uri, lambda: self._store.read(uri))

    def read_data(self, uri: str) -> bytes | memoryview | None:
        return self._patiently(uri, lambda: self._store.read_data(uri))

    def write(self, uri: str, chunks: Sequence[Chunk], *, if_generation: str | None = None) -> str:
        return self._patiently(uri, lambda: self._store.write(uri, chunks, if_generation=if_generation))

    def upload(self, local: Path, uri: str) -> None:
        self._patiently(uri, lambda: self._store.upload(local, uri))

    def list(self, prefix: str) -> Iterator[str]:
        return iter(self._patiently(prefix, lambda: [*self._store.list(prefix)]))

    def remove(self, uri: str) -> None:
        self._patiently(uri, lambda: self._store.remove(uri))

    def sweep(self, prefix: str) -> None:
        self._patiently(prefix, lambda: self._store.sweep(prefix))

    def fault(self, error: BaseException) -> str | None:
        return self._store.fault(error)

    def _patiently(self, uri: str, request: Callable[[], Result]) -> Result:
        began: float | None = None
        pause = FIRST_PAUSE_SECONDS
        try:
            while True:
                try:
                    found = request()
                except Exception as error:
                    kind = self._store.fault(error)
                    if kind is None:
                        raise
                    now = self._clock()
                    if began is None:
                        began = now
                        self._enter(now)
                    self._note(uri, error, now)
                    self._check_patience(uri, error, kind, now - began)
                else:
                    self._answered()
                    return found
                # Many trials wait for the same service: they must not all come back at once.
                self._sleep(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        finally:
            if began is not None:
                with self._lock:
                    self._waiting -= 1

    def _enter(self, now: float) -> None:
        with self._lock:
            if self._waiting == 0:
                self._since, self._told = now, None
            self._waiting += 1

    def _check_patience(self, uri: str, error: Exception, kind: str, waited: float) -> None:
        at_set_up = kind == "lasting" and not self._reached
        limit = min(SET_UP_SECONDS, self._patience) if at_set_up else self._patience
        if waited < limit:
            return
        advice = "check the name of the bucket and the rights of the account" if at_set_up else "start the attempt again when it answers"
        raise StoreError(f"{uri}: {_shown(error)}, for {_minutes(waited)}; {advice}") from error

    def _note(self, uri: str, error: Exception, now: float) -> None:
        with self._lock:
            waited = now - self._since
            self._problem = f"{self._name}: {_shown(error)}"
            if waited < QUIET_SECONDS or (self._told is not None and now - self._told < TELL_SECONDS):
                return
            self._told = now
        self._tell(f"waiting for {uri}: {_shown(error)}, for {_minutes(waited)}")

    def _answered(self) -> None:
        with self._lock:
            self._reached = True
            told, self._told = self._told, None
            waited = self._clock() - self._since
        if told is not None:
            self._tell(f"{self._name} answers again after {_minutes(waited)}")


def _shown(error: Exception) -> str:
    """The first line of it, or of what a client gave up over."""
    error = getattr(error, "cause", None) or error
    return (str(error).splitlines() or [""])[0][:200] or type(error).__name__


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
