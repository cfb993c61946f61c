"""What a training looked like at some boundaries: digests of all tensors, as JSON that a checkpoint may carry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..digest import digest
from .tensors import DIGITS


class Points:
    """`records` is one more digest: of the validation points since the beginning of the window."""

    def __init__(self, found: Mapping[str, Any] | None = None) -> None:
        self._names: dict[str, int] = {name: index for index, name in enumerate((found or {}).get("names", ()))}
        self._points: list[dict[str, Any]] = [dict(point) for point in (found or {}).get("points", ())]
        self._records: str = (found or {}).get("records", "")

    @property
    def size(self) -> int:
        return len(self._names)

    def validated(self, metrics: Mapping[str, Any]) -> None:
        self._records = digest([self._records, dict(metrics)])[:DIGITS]

    def add(self, boundary: int, step: int, samples: int, digests: Mapping[str, str]) -> None:
        """`boundary`: how many there were since the window began; between neighbours no other one lies."""
        known = [self._names.setdefault(name, len(self._names)) for name in (*digests, "records")]
        row: list[str | None] = [None] * len(self._names)
        for index, found in zip(known, (*digests.values(), self._records)):
            row[index] = found
        self._points.append({"boundary": boundary, "step": step, "samples": samples, "digests": row})

    def to_json(self) -> dict[str, Any]:
        return {"names": list(self._names), "points": list(self._points), "records": self._records}


def names_and_digests(found: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, str]:
    names: Sequence[str] = found["names"]
    return {name: value for name, value in zip(names, point["digests"]) if value is not None}


def differences(kept: Mapping[str, Any], again: Mapping[str, Any]) -> Iterator[tuple[int, list[str]]]:
    """Training steps at which both have a point that is not equal, with the names of what differs, in their order."""
    others = {point["step"]: point for point in again["points"]}
    for point in kept["points"]:
        other = others.get(point["step"])
        if other is None:
            continue
        one, two = names_and_digests(kept, point), names_and_digests(again, other)
        names = [name for name in (*one, *(name for name in two if name not in one)) if one.get(name) != two.get(name)]
        if names or point["samples"] != other["samples"]:
            yield point["step"], names or ["samples"]
