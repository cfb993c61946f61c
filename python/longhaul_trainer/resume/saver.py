"""When to save, and how: copied in the step, uploaded behind it; at once when the machine is about to go."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from longhaul.resume.checkpoints import Checkpoints
from longhaul.resume.schedule import CheckpointSchedule

from .attachments import Attachments
from .snapshot import Snapshot

#: A step that takes longer than this at a SIGTERM counts as hung; the committed checkpoint stays.
HUNG_STEP_SECONDS = 4.0


class Saver:
    """`lock` is held while a step changes the state; `take` copies the state and is called with the lock held."""

    def __init__(
        self,
        checkpoints: Checkpoints,
        schedule: CheckpointSchedule,
        lock: threading.Lock,
        take: Callable[[], Snapshot],
        attachments: Attachments,
    ) -> None:
        self._checkpoints = checkpoints
        self._attachments = attachments
        self._schedule = schedule
        self._lock = lock
        self._take = take

    @property
    def interval_seconds(self) -> float:
        return self._schedule.interval_seconds

    def after_step(self) -> None:
        """With the lock held: takes a checkpoint when one is due."""
        if self._schedule.due():
            snapshot = self._schedule.copy(self._take)
            self._schedule.upload(snapshot, lambda: self._commit(snapshot, "interval"))

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
