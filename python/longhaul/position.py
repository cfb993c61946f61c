"""Where a training stands, and what it has reached: all that a checkpoint knows besides the things that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Optional

Metrics = dict[str, Optional[float]]


@dataclass
class Best:
    """A point of the learning curve."""

    value: float
    step: int
    metrics: Metrics
    export: str | None = None


@dataclass
class Position:
    """`loop` counts the loops over batches that are over in this epoch, `batch` the batches that are over in the next one."""

    epoch: int = 0
    loop: int = 0
    batch: int = 0
    step: int = 0
    samples: int = 0
    validations: int = 0
    last: Metrics = field(default_factory=dict)
    best: Best | None = None
    best_export: Best | None = None

    @property
    def inside(self) -> bool:
        """Whether the epoch has begun."""
        return self.loop > 0 or self.batch > 0

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Position:
        best, best_export = value["best"], value["best_export"]
        return Position(**{**value, "best": best and Best(**best), "best_export": best_export and Best(**best_export)})

    def without_results(self) -> Position:
        """For a fork: what was best before was best with other parameters."""
        return Position(self.epoch, self.loop, self.batch, self.step, self.samples)
