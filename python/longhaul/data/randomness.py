"""Where order, shuffles and samples come from: streams of their own for each purpose, epoch and part, whatever was drawn before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

#: How the samples and the learning rate follow from seed and position. It is part of a checkpoint's identity: a training ends with the
#: scheme that it began with, so that a new version of the trainer does not change its bits. Raise it with everything that would.
#:
#: 1: release 0.1.0. The order of the parts and the shuffle of part 0 are one stream; the learning rate moves once a part.
#: 2: streams by `spawn_key`; the learning rate moves with every step.
SCHEME = 2
FIRST_SCHEME = 1

ORDER, SHUFFLE, CANDIDATES = range(3)


@dataclass(frozen=True)
class Randomness:
    """Generators of one training.

    Example:
        >>> int(Randomness(7).order(0).integers(1 << 30)) == int(Randomness(7).order(0).integers(1 << 30))
        True
    """

    seed: int
    scheme: int = SCHEME

    def order(self, epoch: int) -> np.random.Generator:
        """For the order of the parts."""
        return self._stream([self.seed, epoch], (ORDER, epoch))

    def shuffle(self, epoch: int, part: int) -> np.random.Generator:
        """For the order of the sessions of a part."""
        return self._stream([self.seed, epoch, part], (SHUFFLE, epoch, part))

    def candidates(self, epoch: int, part: int) -> np.random.Generator:
        """For the candidates that are trained on."""
        return self._stream([self.seed, epoch, part, 1], (CANDIDATES, epoch, part))

    def _stream(self, of_scheme_1: list[int], key: tuple[int, ...]) -> np.random.Generator:
        import numpy as np

        if self.scheme == FIRST_SCHEME:
            return np.random.default_rng(of_scheme_1)
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))
