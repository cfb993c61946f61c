"""Checkpoints of one rank: a copy between two batches, and another one aside for a SIGTERM between boundaries that are far apart."""

from __future__ import annotations

from collections.abc import Callable

from .resume.checkpoints import Checkpoints
from .resume.rhythm import Rhythm
from .snapshot import Snapshot


class Saver:
    """`take` copies the state; it is called between two batches only."""

    def __init__(self, checkpoints: Checkpoints, rhythm: Rhythm, take: Callable[[], Snapshot]) -> None:
        self._checkpoints = checkpoints
        self._rhythm = rhythm
        self._take = take
        #: The state at the last boundary, while the script is away from boundaries for long.
        self._aside: Snapshot | None = None

    @property
    def interval_seconds(self) -> float:
        return self._rhythm.interval_seconds

    def offer(self, *, pause: bool = False) -> None:
        """Takes a checkpoint when one is due. `pause`: no further chance may come for long, so that otherwise a copy is set aside."""
        self._aside = None
        if self.due(pause=pause):
            self.take()
        elif pause:
            self._aside = self._rhythm.copy_aside(self._take)

    def due(self, *, pause: bool = False) -> bool:
        """Whether it is time."""
        return self._rhythm.due(pause=pause)

    def take(self) -> None:
        """Takes a checkpoint now, and commits it behind the loop; the one before must have been committed."""
        snapshot = self._aside = self._rhythm.copy(self._take)
        self._rhythm.upload(snapshot, lambda: self._checkpoints.commit(snapshot, "interval"))

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
