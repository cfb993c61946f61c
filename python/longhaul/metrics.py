"""Ranking metrics in numpy, from the ranks of the ordered items alone.

Ties are broken by a hash of the candidate's place, which knows nothing of labels: a model that gives one score to all
ranks at random, wherever in the session the ordered items happen to stand. A score that is no number is worse than any
number, and an ordered item of such a score stands below all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from .data.dataset import Rows

#: Ordered items × slots compared at once; bounds memory.
CHUNK_CELLS = 8_000_000
NDCG_AT = 10

#: Sessions and slots of some cells of a grid.
Cells = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


@dataclass
class RankingMetrics:
    """Sums over sessions, fed with padded grids [session, slot]; sessions without an ordered item are left out."""

    sessions: int = 0
    #: Candidates whose score is NaN or infinite: a model that gives such scores has no metrics.
    not_finite: int = 0
    sums: dict[str, float] = field(default_factory=lambda: {"ndcg_at_10": 0.0, "mrr": 0.0, "average_rank": 0.0})
    _seen: int = 0

    def add(self, scores: npt.NDArray[np.float32], labels: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_]) -> None:
        self.not_finite += int(np.count_nonzero(~np.isfinite(scores) & mask))
        cells, ranks = ranks_of_ordered(scores, labels, mask, first_session=self._seen)
        self._seen += len(labels)
        if len(ranks) == 0:
            return
        sessions = cells[0]
        gains = labels[cells].astype(np.float64)
        with_order = np.unique(sessions)
        gained = np.bincount(sessions, gains * (ranks <= NDCG_AT) / np.log2(ranks + 1.0), minlength=len(labels))
        top = -np.sort(-labels[with_order], axis=1)[:, :NDCG_AT].astype(np.float64)
        ideal = (top / np.log2(np.arange(top.shape[1]) + 2.0)).sum(axis=1)
        first = np.full(len(labels), np.inf)
        np.minimum.at(first, sessions, ranks)
        self.sums["ndcg_at_10"] += float((gained[with_order] / ideal).sum())
        self.sums["mrr"] += float((1.0 / first[with_order]).sum())
        mean_ranks = (
            np.bincount(sessions, ranks, minlength=len(labels))[with_order] / np.bincount(sessions, minlength=len(labels))[with_order]
        )
        self.sums["average_rank"] += float(mean_ranks.sum())
        self.sessions += len(with_order)

    def result(self) -> Mapping[str, float | None]:
        """Means over sessions; `average_rank` is a session's mean rank of its ordered items (1 is the top).

        All are None where there is no session with an ordered item, and where a score was not finite.
        """
        known = self.sessions > 0 and self.not_finite == 0
        return {name: value / self.sessions if known else None for name, value in self.sums.items()}


def ranks_of_ordered(
    scores: npt.NDArray[np.float32], labels: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_], first_session: int = 0
) -> tuple[Cells, npt.NDArray[np.float64]]:
    """Cells of the ordered items and their ranks from 1; compares each with its session instead of sorting."""
    found = np.nonzero((labels > 0) & mask)
    cells: Cells = (found[0], found[1])
    ranks = np.empty(len(cells[0]), np.float64)
    unknown = np.isnan(scores)
    visible = np.where(mask & ~unknown, scores, -np.inf)
    last = mask.sum(axis=1)
    step = max(CHUNK_CELLS // max(labels.shape[1], 1), 1)
    for start in range(0, len(ranks), step):
        rows, slots = cells[0][start : start + step], cells[1][start : start + step]
        own = visible[rows, slots][:, None]
        against = visible[rows]
        above = (against > own).sum(axis=1)
        tied_rows, tied_slots = np.nonzero((against == own) & mask[rows])
        lots = _lots(rows[tied_rows] + first_session, tied_slots)
        own_lots = _lots(rows + first_session, slots)[tied_rows]
        before = np.bincount(tied_rows, lots < own_lots, minlength=len(rows))
        ranks[start : start + step] = np.where(unknown[rows, slots], last[rows], 1 + above + before)
    return cells, ranks


def _lots(sessions: npt.NDArray[np.intp], slots: npt.NDArray[np.intp]) -> npt.NDArray[np.uint64]:
    """A fixed pseudo-random number for each place (the finaliser of SplitMix64)."""
    with np.errstate(over="ignore"):
        x = (
            sessions.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            + slots.astype(np.uint64) * np.uint64(0xD1B54A32D192ED03)
            + np.uint64(1)
        )
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def ranking(scores: npt.ArrayLike, rows: Rows, prefix: str = "validation_") -> dict[str, float | None]:
    """NDCG@10, MRR and average rank of the ordered items, for `trial.validation(longhaul.metrics.ranking(…))`.

    `scores` are float[row]; `rows` is what `trial.data("validation").numpy()` gives. A score that is no number ranks last.
    """
    found = RankingMetrics()
    values = np.nan_to_num(np.asarray(scores, np.float32).reshape(-1), nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    lengths = np.asarray(rows.groups)
    ends = np.cumsum(lengths)
    step = max(CHUNK_CELLS // max(int(lengths.max(initial=1)), 1), 1)
    for start in range(0, len(lengths), step):
        sizes = lengths[start : start + step]
        mask = np.arange(int(sizes.max(initial=1))) < sizes[:, None]
        first, last = int(ends[start] - lengths[start]), int(ends[start + len(sizes) - 1])
        grids = []
        for column in (values, np.asarray(rows.y, np.float32)):
            grid = np.zeros(mask.shape, np.float32)
            grid[mask] = column[first:last]
            grids.append(grid)
        found.add(grids[0], grids[1], mask)
    return {f"{prefix}{name}": value for name, value in found.result().items()}
