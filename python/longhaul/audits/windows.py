"""Which steps of a training an audit may repeat: a pure function of seed, name and step, so that it survives every preemption.

How long a training gets is not known when it starts (early stopping, more epochs). So there is one *window* in each of the spans
[n, 2n), [2n, 4n), … of training steps, n = 1 / share: as many steps as the share of the span's length, at a place that the seed draws.
At its beginning the training has n, 2n, … steps behind it: one window is never more than the share of what was trained.
"""

from __future__ import annotations

import hashlib
import math
from typing import NamedTuple


class Window(NamedTuple):
    """`steps` training steps behind step `start`; its span is over at `end`."""

    number: int
    start: int
    steps: int
    end: int


def window_at(share: float, seed: int, name: str, step: int) -> Window | None:
    """The window of the span that holds `step`; None before the first span.

    Example:
        >>> window_at(0.02, 7, "run/search/0", 49) is None
        True
        >>> window = window_at(0.02, 7, "run/search/0", 150)
        >>> window.number, window.steps, 100 <= window.start <= 198, window.end
        (1, 2, True, 200)
    """
    first = math.ceil(1 / share)
    if step < first:
        return None
    number = (step // first).bit_length() - 1
    length = first << number
    steps = max(1, math.floor(share * length))
    drawn = int.from_bytes(hashlib.sha256(f"{seed}/{name}/{number}".encode()).digest()[:8], "big")
    return Window(number, length + drawn % (length - steps + 1), steps, 2 * length)
