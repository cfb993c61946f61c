"""Everything besides the variables that a resumed attempt must know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from longhaul.position import Best, Metrics

from .data.batches import Position


@dataclass
class State:
    """JSON keeps its floats exactly (shortest representation that reads back the same)."""

    epoch: int = 0
    turn: int = 0
    session: int = 0
    step: int = 0
    samples: int = 0
    #: Since the last validation point.
    loss_sum: float = 0.0
    loss_steps: int = 0
    validations: int = 0
    #: The next thing to do is a validation, not a step.
    validation_due: bool = False
    last: Metrics = field(default_factory=dict)
    best: Best | None = None
    best_export: Best | None = None
    #: Validation points since the best one, for early stopping.
    since_best: int = 0
    stopped_early: bool = False
    bad_parts: list[str] = field(default_factory=list)

    @property
    def position(self) -> Position:
        return Position(self.epoch, self.turn, self.session)

    def move(self, position: Position) -> None:
        self.epoch, self.turn, self.session = position

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> State:
        best = value["best"]
        best_export = value["best_export"]
        return State(**{**value, "best": best and Best(**best), "best_export": best_export and Best(**best_export)})
