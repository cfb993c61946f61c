"""What a training tells of itself: `train` records by time, the loss fetched only when one is due."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from .loop import Loop
from .position import Metrics
from .resume.heartbeat import Heartbeat
from .resume.progress import DiscardedProgress, Progress
from .use import Use

#: A record of these says what the attempt has used so far; the last one counts, whatever ended it.
USE_TOLD = ("train", "checkpoint", "end")


def number_of(value: Any) -> float | None:
    """A tensor, an array of one, a function that gives one, or a number; None where it is not finite."""
    found = float(value() if callable(value) else value)
    return found if math.isfinite(found) else None


def numbers_of(metrics: Mapping[str, Any]) -> Metrics:
    return {name: number_of(value) for name, value in metrics.items()}


class Records:
    """Each record says where the training stands."""

    def __init__(
        self, progress: Progress | DiscardedProgress, loop: Loop, epochs: int, interval: Callable[[], float], pace: Heartbeat, use: Use
    ) -> None:
        self._progress = progress
        self._loop = loop
        self._epochs = epochs
        self._interval = interval
        self._pace = pace
        self._use = use
        self._since = time.monotonic()
        self._samples = 0
        self._waited = 0.0

    def add(self, kind: str, **fields: Any) -> None:
        self._pace.heard()
        use = self._use.summary() if kind in USE_TOLD else {}
        self._progress.add(kind, {**self.where(), **({"use": use} if use else {}), **fields})

    def where(self) -> dict[str, Any]:
        """What each record says."""
        position = self._loop.position
        return {
            "epoch": position.epoch,
            "part": position.batch,
            "step": position.step,
            "samples": position.samples,
            "metrics": {},
            "done": self._done(),
            "checkpointIntervalSeconds": round(self._interval(), 3),
        }

    def stepped(self, samples: int, metrics: Mapping[str, Any]) -> None:
        self._samples += samples
        seconds = time.monotonic() - self._since
        if seconds < self._pace.train_seconds:
            return
        waited = self._loop.wait_seconds - self._waited
        self.add(
            "train",
            metrics=numbers_of(metrics),
            samplesPerSecond=round(self._samples / seconds, 1),
            waitShare=round(min(waited / seconds, 1.0), 4),
        )
        self.restart()

    def beat(self) -> None:
        """A sign of life, so that silence means a training that hangs."""
        if self._pace.due:
            self.add("train")
            self.restart()

    def restart(self) -> None:
        """What follows is not compared with what took time before, such as a validation."""
        self._since, self._samples, self._waited = time.monotonic(), 0, self._loop.wait_seconds

    def _done(self) -> float:
        position, length = self._loop.position, self._loop.batches_per_epoch
        part = min(position.batch / length, 1.0) if length else 0.0
        return round(min((position.epoch + part) / self._epochs, 1.0), 6)
