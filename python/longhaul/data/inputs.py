"""Which matrix a script trains on: a scorer must make the same one of other rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Optional

Columns = Optional[tuple[str, ...]]

#: Of each feature, to make its column of the matrix.
NEEDED = ("name", "type", "default", "buckets", "mean", "stddev")
MOST_CHARACTERS = 100_000


class Inputs:
    """What `trial.data(…)` was asked for. Several ways contradict each other: then nothing is known."""

    def __init__(self) -> None:
        self._seen: set[tuple[Columns, bool]] = set()

    def seen(self, columns: Columns, normalise: bool) -> None:
        # Columns that are named are numbers as they are.
        self._seen.add((columns, normalise and columns is None))

    def known(self, features: tuple[Mapping[str, Any], ...]) -> dict[str, Any]:
        """`columns` or `features`, and `normalise`, as READY.scorer has them."""
        if len(self._seen) != 1:
            return _bounded(features)
        columns, normalise = next(iter(self._seen))
        if columns is not None:
            return {"columns": list(columns)}
        return {**_bounded(features), "normalise": normalise}


def _bounded(features: tuple[Mapping[str, Any], ...]) -> dict[str, Any]:
    """READY is a small file: of very many features the scorer takes those of the evaluated data's feature table."""
    needed = [{name: feature[name] for name in NEEDED if name in feature} for feature in features]
    return {"features": needed} if needed and len(json.dumps(needed)) <= MOST_CHARACTERS else {}
