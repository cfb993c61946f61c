"""When a checkpoint is due: copied between two batches, uploaded behind the loop, one at a time, as often as `SaveInterval` says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from .background import BackgroundWorker
from .interval import SaveInterval

#: A copy that may never be needed costs at most this share of the time.
SHARE_OF_ASIDE = 0.03


class Copied(Protocol):
    """A state that was copied."""

    @property
    def step(self) -> int: ...

    @property
    def samples(self) -> int: ...


AnyCopied = TypeVar("AnyCopied", bound=Copied)


class CheckpointSchedule:
    """Knows what copies and uploads have taken; `report` hears of each checkpoint that was committed, by the fields of its record."""

    def __init__(self, interval: SaveInterval, background: BackgroundWorker, report: Callable[[dict[str, Any]], None]) -> None:
        self._interval = interval
        self._background = background
        self._report = report
        self._in_flight = threading.Event()
        self._last = time.monotonic()
        self._saving_seconds = self._copy_seconds = 0.0
        self._aside_at = 0.0

    @property
    def interval_seconds(self) -> float:
        return self._interval.seconds

    def due(self, *, pause: bool = False) -> bool:
        """Whether it is time, and the one before has been uploaded.

        So early that it is committed within the interval: a kill costs no more than that. `pause`: no further chance may come for long
        (a validation begins), so that half of the interval is enough.
        """
        interval = self._interval.seconds
        least = interval / 2 if pause else max(interval - self._saving_seconds, interval / 2)
        return not self._in_flight.is_set() and time.monotonic() - self._last >= least

    def expect(self) -> None:
        """One was asked for: none is due until it is uploaded."""
        self._in_flight.set()

    def copy(self, take: Callable[[], AnyCopied]) -> AnyCopied:
        began = time.perf_counter()
        snapshot = take()
        self._copy_seconds = time.perf_counter() - began
        return snapshot

    def copy_aside(self, take: Callable[[], AnyCopied]) -> AnyCopied | None:
        """A copy for a SIGTERM that comes before the next boundary; None where that would cost too much of the time."""
        if time.monotonic() - self._aside_at < self._copy_seconds / SHARE_OF_ASIDE:
            return None
        snapshot = self.copy(take)
        self._aside_at = time.monotonic()
        return snapshot

    def upload(self, snapshot: Copied, commit: Callable[[], str | None]) -> None:
        """`commit` is called behind the loop, with the copy that was made last; it returns the name, where there is one to be told."""
        copied = self._copy_seconds
        self._last = time.monotonic()
        self._in_flight.set()
        self._background.do(lambda: self._commit(snapshot, commit, copied))

    def _commit(self, snapshot: Copied, commit: Callable[[], str | None], copied: float) -> None:
        try:
            began, processor = time.perf_counter(), time.thread_time()
            name = commit()
            seconds = self._saving_seconds = copied + time.perf_counter() - began
            cost = copied + time.thread_time() - processor
            self._interval.measured(cost)
            if name is not None:
                self._report(
                    {
                        "name": name,
                        "step": snapshot.step,
                        "samples": snapshot.samples,
                        "checkpointSeconds": round(seconds, 4),
                        "checkpointCostSeconds": round(cost, 4),
                        "checkpointIntervalSeconds": round(self._interval.seconds, 3),
                    }
                )
        finally:
            self._in_flight.clear()
