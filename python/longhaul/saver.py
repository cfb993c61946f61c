"""Checkpoints of one rank: a copy between two batches, and another one aside for a SIGTERM between boundaries that are far apart."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .resume.checkpoints import Checkpoints
from .resume.schedule import CheckpointSchedule
from .snapshot import Snapshot
from .termination import leave_after


class Saver:
    """`take` copies the state; it is called between two batches only. `settled`: whether models are in the store, after so long.

    `asked` is set at a SIGTERM: `hung_seconds` are waited for a boundary then, and `export_seconds` for a model.
    """

    def __init__(
        self,
        checkpoints: Checkpoints,
        schedule: CheckpointSchedule,
        take: Callable[[], Snapshot],
        settled: Callable[[float], bool],
        asked: threading.Event,
        *,
        hung_seconds: float,
        export_seconds: float,
    ) -> None:
        self._checkpoints = checkpoints
        self._schedule = schedule
        self._take = take
        self._settled = settled
        self._asked = asked
        self._hung_seconds = hung_seconds
        self._export_seconds = export_seconds
        #: The state at the last boundary, while the script is away from boundaries for long.
        self._aside: Snapshot | None = None
        #: What may be committed while a model is being uploaded.
        self._before_export: Snapshot | None = None
        self._answering = threading.Event()
        self._answer_right = threading.Lock()

    def boundary(self, *, pause: bool = False) -> None:
        """Takes a checkpoint when one is due. `pause`: no further chance may come for long, so that otherwise a copy is set aside."""
        if self._asked.is_set():
            self._answer()
        self._aside = None
        if self._schedule.due(pause=pause):
            snapshot = self._aside = self._schedule.copy(self._take)
            self._schedule.upload(snapshot, lambda: self._checkpoints.commit(snapshot, "interval"))
        elif pause:
            self._aside = self._schedule.copy_aside(self._take)
        if self._before_export is not None and self._settled(0):
            self._before_export = None

    # -- for frameworks that have checkpoints of their own: they ask, and the state is whole once they have written

    def due(self) -> bool:
        return self._asked.is_set() or self._schedule.due()

    def written(self) -> None:
        self.boundary()

    def exporting(self) -> None:
        """A model is about to be written; it waits for the one before, without which no later state may be committed."""
        if self._before_export is None or self._settled(0):
            self._before_export = self._aside

    def ends(self) -> None:
        """Nothing is to be agreed upon before the last checkpoint."""

    def commit(self, reason: str) -> None:
        """Takes and commits a checkpoint in this thread."""
        self._checkpoints.commit(self._take(), reason)

    # -- SIGTERM

    def beat(self) -> None:
        """Away from boundaries, in the thread of the script."""
        if self._asked.is_set() and self._answer_right.acquire(blocking=False):
            self._answering.set()
            leave_after(lambda: self._commit_aside(self._last_whole()))

    def _answer(self) -> None:
        """At a boundary; the process ends here."""
        if not self._answer_right.acquire(blocking=False):
            threading.Event().wait()  # the other thread ends the process
        self._answering.set()

        def answer() -> None:
            if not self._settled(self._export_seconds):
                self._commit_aside(self._before_export)
                return
            snapshot = self._take()
            name = self._checkpoints.commit(snapshot, "sigterm")
            print(f"longhaul: SIGTERM: checkpoint {name} at step {snapshot.step} committed", flush=True)

        leave_after(answer)

    def answer_hung(self) -> None:
        """In the thread that waits for SIGTERM: the script gets some seconds to come to a boundary."""
        if self._answering.wait(self._hung_seconds) or not self._answer_right.acquire(blocking=False):
            threading.Event().wait()
        step = self._commit_aside(self._last_whole())
        stays = "the checkpoint committed before stays" if step is None else f"step {step}, before it, is committed"
        print(f"longhaul: SIGTERM, but no batch has ended; {stays}", flush=True)

    def _last_whole(self) -> Snapshot | None:
        """The last state that names no model that is not there."""
        return self._aside if self._settled(0) else self._before_export

    def _commit_aside(self, snapshot: Snapshot | None) -> int | None:
        """Commits that state, or says beside what is committed that it stays. Returns the step."""
        if snapshot is None or self._checkpoints.commit(snapshot, "sigterm") is None:
            self._checkpoints.mark_sigterm()
            return None
        return snapshot.step
