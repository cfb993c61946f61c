"""The search space: Optuna's distributions, conditions between parameters, the finite grid."""

from __future__ import annotations

import itertools
import json
import math
import random
from collections.abc import Iterator
from typing import Any, Protocol

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from .errors import InvalidRequest
from .request import Parameters

Spec = dict[str, Any]

_MAX_GRID_POINTS = 100_000


class Suggests(Protocol):
    """The part of ``optuna.Trial`` that is used here."""

    def _suggest(self, name: str, distribution: BaseDistribution) -> Any: ...


class Space:
    """A search space with its parameters in an order in which each comes after the one it depends on."""

    def __init__(self, specs: dict[str, Spec]) -> None:
        self.specs = specs
        self.order = _order(specs)
        self.distributions = {name: _distribution(name, specs[name]) for name in self.order}

    @property
    def conditional(self) -> bool:
        return any("when" in spec for spec in self.specs.values())

    @property
    def numeric(self) -> bool:
        return all(spec["type"] != "categorical" for spec in self.specs.values())

    def active(self, name: str, parameters: Parameters) -> bool:
        """Whether the parameter takes part, given the ones before it."""
        condition = self.specs[name].get("when")
        if condition is None:
            return True
        parent = condition["parameter"]
        return parent in parameters and any(_same(parameters[parent], value) for value in condition["in"])

    def suggest(self, trial: Suggests) -> Parameters:
        parameters: Parameters = {}
        for name in self.order:
            if self.active(name, parameters):
                value = trial._suggest(name, self.distributions[name])
                parameters[name] = self.decode(name, value)
        return parameters

    def draw(self, generator: random.Random) -> Parameters:
        """A uniform set, logarithmic where the space is, apart from any study."""
        parameters: Parameters = {}
        for name in self.order:
            if self.active(name, parameters):
                parameters[name] = _drawn(self.specs[name], generator)
        return parameters

    def decode(self, name: str, value: Any) -> Any:
        if self.specs[name]["type"] != "categorical" or _scalars(self.specs[name]["choices"]):
            return value
        return json.loads(value)

    def encode(self, name: str, value: Any) -> Any:
        if self.specs[name]["type"] != "categorical" or _scalars(self.specs[name]["choices"]):
            return value
        return _label(value)

    def encoded(self, parameters: Parameters) -> tuple[Parameters, dict[str, BaseDistribution]] | None:
        """Parameters as Optuna keeps them, with their distributions; None when they do not lie in this space."""
        names = [name for name in self.order if self.active(name, parameters)]
        if any(name not in parameters for name in names):
            return None
        values: Parameters = {}
        for name in names:
            value, distribution = self.encode(name, parameters[name]), self.distributions[name]
            try:
                inside = distribution._contains(distribution.to_internal_repr(value))
            except ValueError:
                inside = False
            if not inside:
                return None
            values[name] = value
        return values, {name: self.distributions[name] for name in names}

    def grid_values(self) -> dict[str, list[Any]] | None:
        """Values of each parameter, as Optuna keeps them; None when one of them is not finite."""
        values = {name: _values(self.specs[name]) for name in self.order}
        if any(column is None for column in values.values()):
            return None
        if math.prod(len(column or ()) for column in values.values()) > _MAX_GRID_POINTS:
            return None
        return {name: [self.encode(name, value) for value in column or ()] for name, column in values.items()}

    def grid_points(self) -> list[Parameters] | None:
        """All distinct sets of active parameters."""
        values = self.grid_values()
        if values is None:
            return None
        points: dict[str, Parameters] = {}
        for row in itertools.product(*values.values()):
            whole = dict(zip(values, row, strict=True))
            point: Parameters = {}
            for name in self.order:
                if self.active(name, point):
                    point[name] = self.decode(name, whole[name])
            points.setdefault(json.dumps(point, sort_keys=True), point)
        return list(points.values())


def _order(specs: dict[str, Spec]) -> list[str]:
    done: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in done:
            return
        if name in path:
            raise InvalidRequest(f"space: the conditions of {' → '.join((*path, name))} go round in a circle")
        condition = specs[name].get("when")
        if condition is not None:
            if condition["parameter"] not in specs:
                raise InvalidRequest(f"space.{name}.when.parameter: expected a parameter of the space, found {condition['parameter']!r}")
            visit(condition["parameter"], (*path, name))
        done.append(name)

    for name in specs:
        visit(name, ())
    return done


def _distribution(name: str, spec: Spec) -> BaseDistribution:
    try:
        if spec["type"] == "float":
            return FloatDistribution(spec["low"], spec["high"], log=spec.get("log", False), step=spec.get("step"))
        if spec["type"] == "int":
            return IntDistribution(spec["low"], spec["high"], log=spec.get("log", False), step=spec.get("step", 1))
        choices = spec["choices"]
        return CategoricalDistribution(choices if _scalars(choices) else [_label(choice) for choice in choices])
    except ValueError as error:
        raise InvalidRequest(f"space.{name}: {error}") from error


def _values(spec: Spec) -> list[Any] | None:
    if spec["type"] == "categorical":
        return list(spec["choices"])
    if spec["type"] == "int":
        step = spec.get("step", 1)
        if spec.get("log") or (spec["high"] - spec["low"]) // step >= _MAX_GRID_POINTS:
            return None
        return list(range(spec["low"], spec["high"] + 1, step))
    if spec.get("step") is None:
        return [spec["low"]] if spec["low"] == spec["high"] else None
    count = int((spec["high"] - spec["low"]) / spec["step"] + 1e-9) + 1
    return None if count > _MAX_GRID_POINTS else list(_steps(spec["low"], spec["step"], count))


def _drawn(spec: Spec, generator: random.Random) -> Any:
    if spec["type"] == "categorical":
        return generator.choice(spec["choices"])
    low, high, step = spec["low"], spec["high"], spec.get("step")
    if spec["type"] == "int":
        if not spec.get("log"):
            return generator.randrange(low, high + 1, step or 1)
        drawn = math.exp(generator.uniform(math.log(low - 0.5), math.log(high + 0.5)))
        return min(high, max(low, round(drawn)))
    if spec.get("log"):
        return min(high, max(low, math.exp(generator.uniform(math.log(low), math.log(high)))))
    if step is None:
        return generator.uniform(low, high)
    return low + generator.randrange(int((high - low) / step + 1e-9) + 1) * step


def _steps(low: float, step: float, count: int) -> Iterator[float]:
    return (low + i * step for i in range(count))


def _scalars(choices: list[Any]) -> bool:
    """Optuna knows scalars; and compares 1, 1.0 and True as one."""
    plain = all(choice is None or isinstance(choice, str | int | float | bool) for choice in choices)
    return plain and len({_label(choice) for choice in choices}) == len(set(choices))


def _label(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _same(a: Any, b: Any) -> bool:
    # 0.3 is where three steps of 0.1 end, whatever they add up to.
    return _label(a) == _label(b) or (_number(a) and _number(b) and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
