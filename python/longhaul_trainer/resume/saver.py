"""When to save, and how: copied in the step, uploaded behind it; at once when the machine is about to go."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from longhaul.resume.behind import Behind
from longhaul.resume.checkpoints import Checkpoints
from longhaul.resume.interval import SaveInterval

from .attachments import Attachments
from .snapshot import Snapshot

#: A step that takes longer than this at a SIGTERM counts as hung; the committed checkpoint stays.
HUNG_STEP_SECONDS = 4.0

Report = Callable[[str, dict[str, Any]], None]


class Saver:
    """`lock` is held while a step changes the state; `take` copies the state and is called with the lock held."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        interval: SaveInterval,
        behind: Behind,
        lock: threading.Lock,
        take: Callable[[], Snapshot],
        report: Report,
        attachments: Attachments,
    ) -> None:
        self._checkpoints = checkpoints
        self._attachments = attachments
        self._interval = interval
        self._behind = behind
        self._lock = lock
        self._take = take
        self._report = report
        self._in_flight = threading.Event()
        self._last = time.monotonic()
        self._saving_seconds = 0.0

    @property
    def interval_seconds(self) -> float:
        return self._interval.seconds

    def after_step(self) -> None:
        """With the lock held: takes a checkpoint when it is time and the one before has been uploaded.

        So early that it is committed within the interval: a kill costs no more than that.
        """
        interval = self._interval.seconds
        if self._in_flight.is_set() or time.monotonic() - self._last < max(interval - self._saving_seconds, interval / 2):
            return
        began = time.perf_counter()
        snapshot = self._take()
        copied = time.perf_counter() - began
        self._last = time.monotonic()
        self._in_flight.set()
        self._behind.do(lambda: self._upload(snapshot, copied))

    def _upload(self, snapshot: Snapshot, copied: float) -> None:
        try:
            began, processor = time.perf_counter(), time.thread_time()
            name = self._commit(snapshot, "interval")
            seconds = copied + time.perf_counter() - began
            cost = copied + time.thread_time() - processor
            self._saving_seconds = seconds
            self._interval.measured(cost)
            if name is not None:
                self._report(
                    name,
                    {
                        "step": snapshot.step,
                        "samples": snapshot.samples,
                        "checkpointSeconds": round(seconds, 4),
                        "checkpointCostSeconds": round(cost, 4),
                        "checkpointIntervalSeconds": round(self._interval.seconds, 3),
                    },
                )
        finally:
            self._in_flight.clear()

    def save_now(self, reason: str) -> str | None:
        """Takes and commits a checkpoint in this thread."""
        with self._lock:
            snapshot = self._take()
        return self._commit(snapshot, reason)

    def _commit(self, snapshot: Snapshot, reason: str) -> str | None:
        return self._checkpoints.commit(self._attachments.stored(snapshot), reason)

    def at_sigterm(self) -> None:
        """The last thing this process does: no download, no summary and no export is waited for."""
        if not self._lock.acquire(timeout=HUNG_STEP_SECONDS):
            print("longhaul: SIGTERM, but a step hangs; the checkpoint committed before stays", flush=True)
            self._checkpoints.mark_sigterm()
            return
        began = time.perf_counter()
        snapshot = self._take()  # the lock is never given back: no further step begins
        name = self._commit(snapshot, "sigterm")
        print(f"longhaul: SIGTERM: checkpoint {name} at step {snapshot.step} committed in {time.perf_counter() - began:.2f} s", flush=True)
