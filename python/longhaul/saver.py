"""When to save: copied between two batches, uploaded behind the loop, one at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from .resume.behind import Behind
from .resume.checkpoints import Checkpoints
from .resume.interval import SaveInterval
from .snapshot import Snapshot

#: A copy that may never be needed costs at most this share of the time.
SHARE_OF_ASIDE = 0.03


class Saver:
    """`take` copies the state; it is called between two batches only."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        interval: SaveInterval,
        behind: Behind,
        take: Callable[[], Snapshot],
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        self._checkpoints = checkpoints
        self._interval = interval
        self._behind = behind
        self._take = take
        self._report = report
        self._in_flight = threading.Event()
        self._last = time.monotonic()
        self._saving_seconds = 0.0
        #: The state at the last boundary, while the script is away from boundaries for long.
        self._aside: Snapshot | None = None
        self._aside_at = 0.0
        self._copy_seconds = 0.0

    @property
    def interval_seconds(self) -> float:
        return self._interval.seconds

    def offer(self, *, pause: bool = False) -> None:
        """Takes a checkpoint when it is time and the one before has been uploaded.

        So early that it is committed within the interval: a kill costs no more than that. `pause`: no further chance
        may come for long (a validation begins), so that half of the interval is enough, and otherwise a copy is set
        aside for a SIGTERM that comes before the next boundary.
        """
        self._aside = None
        if self.due(pause=pause):
            self.take()
        elif pause and time.monotonic() - self._aside_at >= self._copy_seconds / SHARE_OF_ASIDE:
            self._copy()
            self._aside_at = time.monotonic()

    def due(self, *, pause: bool = False) -> bool:
        """Whether it is time."""
        interval = self._interval.seconds
        least = interval / 2 if pause else max(interval - self._saving_seconds, interval / 2)
        return not self._in_flight.is_set() and time.monotonic() - self._last >= least

    def take(self) -> None:
        """Takes a checkpoint now, and commits it behind the loop; the one before must have been committed."""
        snapshot = self._copy()
        copied = self._copy_seconds
        self._last = time.monotonic()
        self._in_flight.set()
        self._behind.do(lambda: self._upload(snapshot, copied))

    def _copy(self) -> Snapshot:
        began = time.perf_counter()
        self._aside = self._take()
        self._copy_seconds = time.perf_counter() - began
        return self._aside

    @property
    def aside(self) -> Snapshot | None:
        """The state at the last boundary, where it was copied and no other one has come since."""
        return self._aside

    def commit_aside(self, snapshot: Snapshot | None) -> int | None:
        """At a SIGTERM away from boundaries: commits that state, or says beside what is committed that it stays. Returns the step."""
        if snapshot is None or self._checkpoints.commit(snapshot, "sigterm") is None:
            self._checkpoints.mark_sigterm()
            return None
        return snapshot.step

    def commit(self, reason: str) -> str | None:
        """Takes and commits a checkpoint in this thread."""
        return self._checkpoints.commit(self._take(), reason)

    def _upload(self, snapshot: Snapshot, copied: float) -> None:
        try:
            began, processor = time.perf_counter(), time.thread_time()
            name = self._checkpoints.commit(snapshot, "interval")
            self._saving_seconds = copied + time.perf_counter() - began
            cost = copied + time.thread_time() - processor
            self._interval.measured(cost)
            if name is not None:
                self._report(about_checkpoint(name, snapshot, self._saving_seconds, cost, self._interval))
        finally:
            self._in_flight.clear()


def about_checkpoint(name: str, snapshot: Snapshot, seconds: float, cost: float, interval: SaveInterval) -> dict[str, Any]:
    """Fields of the record of a committed checkpoint."""
    return {
        "name": name,
        "step": snapshot.step,
        "samples": snapshot.samples,
        "checkpointSeconds": round(seconds, 4),
        "checkpointCostSeconds": round(cost, 4),
        "checkpointIntervalSeconds": round(interval.seconds, 3),
    }
