"""Batches as a pure function of (seed, position): what makes resuming exact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from longhaul.data.randomness import Randomness

from .part import Columns, Floats, Indices, Integers
from .sampling import sampled_rows


class Position(NamedTuple):
    """Where the next batch begins: epoch, turn in that epoch's order of the parts, session within the shuffled part."""

    epoch: int
    turn: int
    session: int


@dataclass(frozen=True)
class Batch:
    """Candidates of some sessions, one row each; `slots` says where each belongs in the padded [session, slot] grid.

    The network sees the rows only, so that padding costs nothing but the cells of `labels` and `mask`.
    """

    numeric: Floats
    categorical: Integers
    slots: Integers
    labels: Floats
    mask: npt.NDArray[np.bool_]
    #: Where the next batch begins. It travels with the batch, so that reading ahead cannot run ahead of what is saved.
    end: Position
    #: Names of the parts passed over so far.
    bad: tuple[str, ...] = ()
    #: Share of its part that lies before it, and of the part in which the next one begins.
    before: float = 0.0
    after: float = 0.0

    @property
    def sessions(self) -> int:
        return len(self.labels)


def order_of_parts(randomness: Randomness, epoch: int, parts: int) -> Indices:
    """Every epoch has its own order."""
    return randomness.order(epoch).permutation(parts)


def training_batches(
    columns: Columns, part: int, *, randomness: Randomness, position: Position, parts: int, batch_size: int, sample_candidates: int
) -> Iterator[Batch]:
    """Batches of one part from `position` on; they never cross parts."""
    rows, counts = sampled_rows(columns, sample_candidates, randomness.candidates(position.epoch, part))
    shuffled = randomness.shuffle(position.epoch, part).permutation(columns.sessions)
    starts = np.cumsum(counts) - counts
    for first in range(position.session, columns.sessions, batch_size):
        last = min(first + batch_size, columns.sessions)
        end = position._replace(session=last) if last < columns.sessions else after_part(position, parts)
        chosen = shuffled[first:last]
        batch = make_batch(columns, rows[_expand(starts[chosen], counts[chosen])], counts[chosen], end)
        yield replace(batch, before=first / columns.sessions, after=last / columns.sessions if last < columns.sessions else 0.0)


def whole_batches(columns: Columns, rows_at_once: int) -> Iterator[Batch]:
    """All candidates of all sessions in the order of the file, about `rows_at_once` at a time."""
    first = 0
    while first < columns.sessions:
        limit = columns.offsets[first] + rows_at_once
        last = max(int(np.searchsorted(columns.offsets, limit, side="right")) - 1, first + 1)
        rows = slice(int(columns.offsets[first]), int(columns.offsets[last]))
        yield make_batch(columns, rows, np.diff(columns.offsets[first : last + 1]), Position(0, 0, last))
        first = last


def after_part(position: Position, parts: int) -> Position:
    """The beginning of the next part, maybe of the next epoch."""
    if position.turn + 1 < parts:
        return Position(position.epoch, position.turn + 1, 0)
    return Position(position.epoch + 1, 0, 0)


def make_batch(columns: Columns, rows: Indices | slice, counts: Indices, end: Position) -> Batch:
    """Gathers the rows and lays the grid: session i's candidates fill its slots from the left."""
    width = max(int(counts.max(initial=0)), 1)
    slots = _expand(np.arange(len(counts)) * width, counts)
    labels = np.zeros((len(counts), width), np.float32)
    labels.reshape(-1)[slots] = columns.labels[rows]
    mask = np.arange(width) < counts[:, None]
    return Batch(
        numeric=columns.numeric[rows],
        categorical=columns.categorical[rows],
        slots=slots.astype(np.int32),
        labels=labels,
        mask=mask,
        end=end,
    )


def empty_batch(end: Position, bad: tuple[str, ...], features: tuple[int, int]) -> Batch:
    """Stands for a part that was passed over: nothing to train on, but the position moves."""
    return Batch(
        numeric=np.empty((0, features[0]), np.float32),
        categorical=np.empty((0, features[1]), np.int32),
        slots=np.empty(0, np.int32),
        labels=np.empty((0, 1), np.float32),
        mask=np.empty((0, 1), np.bool_),
        end=end,
        bad=bad,
    )


def _expand(starts: Indices, counts: Indices) -> Indices:
    """`starts[i], starts[i]+1, …` (`counts[i]` of them) for each i, without a loop."""
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(int(counts.sum()))
