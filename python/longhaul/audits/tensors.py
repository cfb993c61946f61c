"""A digest of each tensor of a state, by its name: what is compared, and what names the first difference."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from ..digest import digest

#: Hexadecimal digits of a digest: 64 bits, of SHA-256.
DIGITS = 16
#: Containers deeper than this are one thing.
MAX_DEPTH = 12
#: A list of more things, such as the tokens of a text, is one thing.
MAX_ITEMS = 4096


def digests_of(state: Mapping[str, Any]) -> dict[str, str]:
    """By name, in the order of the state: `model/weights`, `optimizer/state/0/exp_avg`, ….

    Example:
        >>> list(digests_of({"model": {"w": [1.0, 2.0], "layers": [{"b": 1}]}, "position": {"step": 3}}))
        ['model/layers/0', 'model', 'position']
    """
    return {name: digest(value)[:DIGITS] for name, value in _parts("", state, 0)}


def _parts(name: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """Arrays and what holds arrays by themselves; everything else of a container together, under the container's name."""
    items = _items(value) if depth < MAX_DEPTH else None
    if items is None or not (depth == 0 or any(_is_part(item) for _, item in items)):
        yield name, value
        return
    rest = []
    for key, item in items:
        if depth == 0 or _is_part(item):
            yield from _parts(f"{name}/{key}" if name else str(key), item, depth + 1)
        else:
            rest.append((key, item))
    if rest:
        yield name, rest


def _items(value: Any) -> list[tuple[Any, Any]] | None:
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, (list, tuple)) and len(value) <= MAX_ITEMS:
        return list(enumerate(value))
    return None


def _is_part(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value)
    if isinstance(value, (list, tuple)):
        return any(isinstance(item, Mapping) or _is_array(item) for item in value[:MAX_ITEMS])
    return _is_array(value)


def _is_array(value: Any) -> bool:
    for module, kind in (("numpy", "ndarray"), ("torch", "Tensor")):
        found = getattr(sys.modules.get(module), kind, None)
        if found is not None and isinstance(value, found):
            return True
    return False
