"""Hyper-parameters of a trial, checked before TensorFlow is loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from longhaul.errors import UsageError

# The first of each is the default.
LOSSES = ("softmax", "pairwise_logistic", "approx_ndcg")
ACTIVATIONS = ("relu", "gelu", "tanh", "swish", "elu", "selu")
OPTIMIZERS = ("adam", "adamw", "sgd")
SCHEDULES = ("cosine", "linear", "constant")


class Taken:
    """Parameters that are taken one by one; what nobody took is a mistake of the user."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = parameters
        self._taken: set[str] = set()

    def take(self, name: str, default: Any = None) -> Any:
        """The value as it is; for one's own model."""
        self._taken.add(name)
        value = self._parameters.get(name)
        return default if value is None else value

    def number(self, name: str, default: float, *, above: float = -math.inf, at_least: float = -math.inf, below: float = math.inf) -> float:
        value = self.take(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not (above < value < below and value >= at_least):
            bounds = [
                f"above {above}" * (above > -math.inf),
                f"at least {at_least}" * (at_least > -math.inf),
                f"below {below}" * (below < math.inf),
            ]
            raise self.wrong(name, " ".join(("a number", *filter(None, bounds))), value)
        return float(value)

    def integer(self, name: str, default: int, *, minimum: int) -> int:
        value = self.take(name, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
            raise self.wrong(name, f"a whole number of at least {minimum}", value)
        return value

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self.take(name, allowed[0])
        if value not in allowed:
            raise self.wrong(name, " or ".join(allowed), value)
        return str(value)

    def units(self, name: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """`[128, 64]`, `"128,64"` or `128`."""
        value = self.take(name, list(default))
        parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
        try:
            units = tuple(int(part) for part in parts if str(part).strip())
        except (TypeError, ValueError):
            units = (0,)
        if any(unit < 1 for unit in units):
            raise self.wrong(name, 'sizes of layers like [128, 64] or "128,64"', value)
        return units

    def wrong(self, name: str, expected: str, found: Any) -> UsageError:
        return UsageError(f"parameters.{name}: expected {expected}, found {found!r}")

    def check_all_taken(self) -> None:
        """
        Raises:
            UsageError: some parameter means nothing to this model.
        """
        unknown = sorted(set(self._parameters) - self._taken)
        if unknown:
            names = f"hyper-parameter{'s' * (len(unknown) > 1)} {', '.join(unknown)}"
            raise UsageError(f"parameters.{unknown[0]}: unknown {names}; expected some of {', '.join(sorted(self._taken))}")


@dataclass(frozen=True)
class TrainingParameters:
    """What the training loop itself takes, whichever model it trains."""

    batch_size: int
    loss: str
    temperature: float
    optimizer: str
    learning_rate: float
    learning_rate_schedule: str
    weight_decay: float
    clip_norm: float
    patience: int


@dataclass(frozen=True)
class NetworkParameters:
    """What the reference network takes."""

    hidden_units: tuple[int, ...]
    activation: str
    dropout: float
    l2: float
    embedding_size: int


def training_parameters(taken: Taken) -> TrainingParameters:
    return TrainingParameters(
        batch_size=taken.integer("batch_size", 64, minimum=1),
        loss=taken.choice("loss", LOSSES),
        temperature=taken.number("temperature", 0.1, above=0),
        optimizer=taken.choice("optimizer", OPTIMIZERS),
        learning_rate=taken.number("learning_rate", 0.002, above=0),
        learning_rate_schedule=taken.choice("learning_rate_schedule", SCHEDULES),
        weight_decay=taken.number("weight_decay", 0.004, at_least=0),
        clip_norm=taken.number("clip_norm", 0.0, at_least=0),
        patience=taken.integer("patience", 0, minimum=0),
    )


def network_parameters(taken: Taken) -> NetworkParameters:
    return NetworkParameters(
        hidden_units=taken.units("hidden_units", (128, 64)),
        activation=taken.choice("activation", ACTIVATIONS),
        dropout=taken.number("dropout", 0.0, at_least=0, below=1),
        l2=taken.number("l2", 0.0, at_least=0),
        embedding_size=taken.integer("embedding_size", 8, minimum=1),
    )


def learning_rate_at(parameters: TrainingParameters, done: float) -> float:
    """The rate after a share of the training; a pure function of the position, so that it resumes exactly."""
    base = parameters.learning_rate
    if parameters.learning_rate_schedule == "linear":
        return base * (1.0 - 0.95 * done)
    if parameters.learning_rate_schedule == "cosine":
        return base * (0.05 + 0.95 * 0.5 * (1.0 + math.cos(math.pi * done)))
    return base
