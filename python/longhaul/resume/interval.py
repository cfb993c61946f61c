"""How often to save: Young's and Daly's optimum, T = √(2·C·MTBF) (Young 1974, Daly 2006)."""

from __future__ import annotations

import math

from ..policies import CheckpointPolicy

#: Assumed before any preemption was seen: spot machines last hours on the whole.
UNSEEN_MEAN_SECONDS = 4 * 3600.0
#: Weight of the newest measurement in the running mean of the cost.
NEWEST = 0.3


class SaveInterval:
    """Seconds between checkpoints, from what saving costs the training and how often machines go."""

    def __init__(self, policy: CheckpointPolicy) -> None:
        self._policy = policy
        self.cost_seconds: float | None = None

    def measured(self, seconds: float) -> None:
        """A checkpoint took this much from training: the copy in the step and the processor time of the upload."""
        old = self.cost_seconds
        self.cost_seconds = seconds if old is None else old + NEWEST * (seconds - old)

    @property
    def seconds(self) -> float:
        """Within the bounds of the spec; the lower bound before the first measurement, so that there is one soon."""
        if self.cost_seconds is None:
            return self._policy.min_seconds
        mean = self._policy.mean_seconds_between_preemptions or UNSEEN_MEAN_SECONDS
        best = math.sqrt(2.0 * self.cost_seconds * mean)
        return min(max(best, self._policy.min_seconds), self._policy.max_seconds)
