"""Which candidates of a session are trained on: all ordered items and so many others."""

from __future__ import annotations

import numpy as np

from .part import Columns, Indices

#: Sessions at once: bounds the padded matrix of random keys.
CHUNK_SESSIONS = 2048


def sampled_rows(columns: Columns, others: int, random: np.random.Generator) -> tuple[Indices, Indices]:
    """Rows that take part, and how many each session has; a pure function of data and generator.

    Every candidate without a label draws a key; the `others` smallest of a session stay.
    """
    lengths = np.diff(columns.offsets)
    if others == 0 or lengths.max(initial=0) <= others:
        return np.arange(len(columns.labels)), lengths
    keys = random.random(len(columns.labels), dtype=np.float32)
    keys[columns.labels > 0] = -1.0
    positives = columns.labels > 0
    keep = np.empty(len(keys), bool)
    for start in range(0, columns.sessions, CHUNK_SESSIONS):
        stop = min(start + CHUNK_SESSIONS, columns.sessions)
        first, last = columns.offsets[start], columns.offsets[stop]
        sizes = lengths[start:stop]
        padded = np.full((stop - start, max(int(sizes.max(initial=1)), others)), np.inf, np.float32)
        inside = np.arange(padded.shape[1]) < sizes[:, None]
        padded[inside] = np.where(positives[first:last], np.inf, keys[first:last])
        threshold = np.partition(padded, others - 1, axis=1)[:, others - 1]
        keep[first:last] = positives[first:last] | (keys[first:last] <= np.repeat(threshold, sizes))
    rows = np.flatnonzero(keep)
    counts = np.diff(np.searchsorted(rows, columns.offsets))
    return rows, counts
