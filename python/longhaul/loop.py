"""Going through epochs and batches, and finding the place again: a *boundary* lies between two batches.

What the body of the loop does after `trial.step()`, such as a scheduler or a validation, belongs to its batch; so the
boundary is where the next batch is asked for, not where the step ends.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from .errors import DataError, UsageError
from .generators import Generators, States
from .position import Position


class Loop:
    """`boundary` is called where the state is whole; its argument tells whether a pause may follow."""

    def __init__(self, position: Position, generators: Generators, boundary: Callable[[bool], None]) -> None:
        self.position = position
        self._generators = generators
        self._boundary = boundary
        self._found: dict[str, States] | None = None
        self._replaying = False
        self._epoch_states: States | None = None
        self._loop_states: States | None = None
        self._in_epoch = False
        self._loops = 0
        self._current: Batches | None = None
        self.wait_seconds = 0.0
        #: Batches of an epoch, where the loader knows.
        self.batches_per_epoch: int | None = None

    def resume(self, found: dict[str, States]) -> None:
        """Random generators as they were: at the beginning of the epoch and of the loop, and now."""
        self._found = found
        self._replaying = self.position.inside

    def restore_early(self) -> None:
        """For scripts that step without a loop of ours; a loop puts the generators in order once more as it begins."""
        if self._found is not None and not self._replaying:
            self._generators.put(self._found["now"])

    @property
    def replaying(self) -> bool:
        """The place at which the checkpoint was taken has not been reached: what happens now has happened before."""
        return self._replaying

    def states(self) -> dict[str, States | None]:
        inside = self.position.inside
        return {
            "now": self._generators.take(),
            "epoch": self._epoch_states if inside else None,
            "loop": self._loop_states if inside else None,
        }

    def epochs(self, total: int) -> Iterator[int]:
        position = self.position
        while position.epoch < total:
            self._loops = 0
            if self._replaying and self._found is not None and self._found["epoch"] is not None:
                self._generators.put(self._found["epoch"])
                self._epoch_states = self._found["epoch"]
            else:
                self._restore()
                self._epoch_states = self._generators.take()
            self._in_epoch = True
            yield position.epoch
            self._in_epoch = False
            self._current = None
            if self._replaying:
                raise UsageError(
                    f"epoch {position.epoch}: the checkpoint was taken in loop {position.loop + 1} over trial.batches(…) at batch "
                    f"{position.batch}, and there was no such loop; give trial.batches the same batches in each attempt"
                )
            position.epoch += 1
            position.loop = position.batch = 0
            self._boundary(False)

    def batches(self, iterable: Iterable[Any], *, ahead: bool) -> Batches:
        """Positions and random numbers are put in order here, in the thread of the script."""
        position, index = self.position, self._loops
        self._loops += 1
        if self._replaying and index < position.loop:
            if index == position.loop - 1 and position.batch == 0:
                self._restore()
            return Batches(self, iter(()), 0, ahead)
        skip = 0
        if self._replaying and self._found is not None:
            if self._found["loop"] is not None:
                self._generators.put(self._found["loop"])
                self._loop_states = self._found["loop"]
            skip = position.batch
        else:
            self._restore()
            self._loop_states = self._generators.take()
            position.loop, position.batch = index, 0
        length = _length(iterable)
        iterator = _after(iterable, skip)
        if skip:
            self._restore()
        if length is not None and index == 0:
            self.batches_per_epoch = length
        self._current = Batches(self, iterator, None if length is None else max(length - skip, 0), ahead)
        return self._current

    def stepped(self) -> None:
        """The script has counted a step."""
        if self._current is not None:
            self._current.stepped()
        elif not self._in_epoch:
            self._boundary(False)

    def between(self, *, pause: bool) -> None:
        self._boundary(pause)

    def ended(self, batches: Batches) -> None:
        """A loop over batches has come to its end."""
        if self._current is batches:
            self._current = None
            self.position.loop += 1
            self.position.batch = 0
            self._boundary(True)

    def _restore(self) -> None:
        if self._found is not None:
            self._generators.put(self._found["now"])
            self._found = None
        self._replaying = False


class Batches:
    """What `trial.batches` gives: the batches that are still to be trained on."""

    def __init__(self, loop: Loop, iterator: Iterator[Any], remaining: int | None, ahead: bool) -> None:
        self._loop = loop
        self._iterator = iterator
        self._remaining = remaining
        self._ahead = ahead
        self._thread = threading.get_ident()
        self._outstanding = False
        self._stepped = False

    def __iter__(self) -> Batches:
        return self

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        if self._remaining is None:
            raise TypeError("what trial.batches was given has no length")
        return self._remaining

    def __next__(self) -> Any:
        if not self._ahead:
            self._finish_last()
        began = time.monotonic()
        try:
            item = next(self._iterator)
        except StopIteration:
            if not self._ahead:
                self._loop.ended(self)
            raise
        self._loop.wait_seconds += time.monotonic() - began
        if self._remaining:
            self._remaining -= 1
        self._outstanding = True
        return item

    def stepped(self) -> None:
        self._stepped = True
        if self._ahead:
            self._loop.position.batch += 1
            self._loop.between(pause=False)

    def _finish_last(self) -> None:
        if threading.get_ident() != self._thread:
            raise UsageError("trial.batches(…) is read by another thread, which reads ahead: give trial.batches(…, ahead=True)")
        if not self._outstanding:
            return
        self._outstanding = False
        self._loop.position.batch += 1
        if self._stepped:
            self._stepped = False
            self._loop.between(pause=False)


def _length(iterable: Any) -> int | None:
    try:
        return len(iterable)
    except TypeError:
        return None


def _after(iterable: Any, skip: int) -> Iterator[Any]:
    """Without the first batches; our own loaders need not read them for that."""
    if hasattr(iterable, "from_batch"):
        return iter(iterable.from_batch(skip))
    iterator = iter(iterable)
    for number in range(skip):
        try:
            next(iterator)
        except StopIteration:
            raise DataError(f"trial.batches: expected more than {skip} batches, as the checkpoint has them, found {number}") from None
    return iterator
