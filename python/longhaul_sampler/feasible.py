"""Sets of parameters that keep the constraints, near one that does not.

A model that believes in a region beyond a constraint suggests it again and again, as it never hears what those sets are
worth. So after a few rejections the search takes the allowed set that is nearest to what the model wants: the projection of
the suggestion on what is allowed, found among random draws.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from .constraints import Constraint
from .errors import InvalidRequest
from .request import Parameters
from .space import Space

#: Allowed sets among which the nearest is taken.
CANDIDATES = 128
#: Draws without a single allowed one before the constraints are taken for unsatisfiable.
MAX_DRAWS = 20_000


def keeps(constraints: Sequence[Constraint], parameters: Parameters) -> bool:
    return all(constraint.holds(parameters) for constraint in constraints)


def nearest_allowed(space: Space, constraints: Sequence[Constraint], wanted: Parameters, seed: str) -> Parameters:
    """The nearest of up to ``CANDIDATES`` random sets that keep the constraints; the same for the same seed.

    Raises:
        InvalidRequest: no draw keeps them.
    """
    generator = random.Random(seed)
    allowed: list[Parameters] = []
    for _ in range(MAX_DRAWS):
        drawn = space.draw(generator)
        if keeps(constraints, drawn):
            allowed.append(drawn)
            if len(allowed) == CANDIDATES:
                break
    if not allowed:
        raise InvalidRequest(
            f"sampler.constraints: none of {MAX_DRAWS:,} random sets keeps all of {[constraint.text for constraint in constraints]}; "
            "loosen them or the space"
        )
    return min(allowed, key=lambda parameters: distance(space, parameters, wanted))


def distance(space: Space, a: Parameters, b: Parameters) -> float:
    """Euclidean, each parameter in its range from 0 to 1 (logarithmic where the space is); 1 where a choice differs or only one has it."""
    total = 0.0
    for name in space.order:
        if name not in a and name not in b:
            continue
        first, second = _place(space, name, a), _place(space, name, b)
        if first is None or second is None:
            total += float(a.get(name) != b.get(name))
        else:
            total += (first - second) ** 2
    return math.sqrt(total)


def _place(space: Space, name: str, parameters: Parameters) -> float | None:
    spec = space.specs[name]
    if spec["type"] == "categorical" or name not in parameters:
        return None
    low, high, value = float(spec["low"]), float(spec["high"]), float(parameters[name])
    if low == high:
        return 0.0
    if spec.get("log"):
        return math.log(value / low) / math.log(high / low)
    return (value - low) / (high - low)
