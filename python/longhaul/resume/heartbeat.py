"""When the trainer must be heard of: records at least every `silenceSeconds`, also where nothing else is to be told."""

from __future__ import annotations

import time
from collections.abc import Callable

#: `train` records come at the first pace while a trial is young, and at the second one when it has trained for hours.
YOUNG_SECONDS = 5.0
OLD_SECONDS = 30.0
#: Pace of a trial's records at an age: this share of it.
SHARE_OF_AGE = 1 / 60
#: So many records fit into what counts as a silence, since one may be late.
RECORDS_PER_SILENCE = 4.0
#: As the profile has it by default; trial.json of 0.1.0 does not say it.
UNTOLD_SILENCE_SECONDS = 20.0


class Heartbeat:
    """Knows when the last record was made. `silence_seconds` None: untold; 0: nobody minds."""

    def __init__(self, silence_seconds: float | None, clock: Callable[[], float] = time.monotonic) -> None:
        silence = UNTOLD_SILENCE_SECONDS if silence_seconds is None else silence_seconds or float("inf")
        self._most = min(silence / RECORDS_PER_SILENCE, OLD_SECONDS)
        self._clock = clock
        self._began = clock()
        self._heard = clock()

    def heard(self) -> None:
        """A record was made."""
        self._heard = self._clock()

    @property
    def due(self) -> bool:
        """Nothing was heard for so long that a beat must be sent."""
        return self._clock() - self._heard >= self._most

    @property
    def train_seconds(self) -> float:
        """Between records of the training itself."""
        return min(max(YOUNG_SECONDS, (self._clock() - self._began) * SHARE_OF_AGE), self._most)
