"""Where boundaries lie, and that a place is found again: tried without a process, boundary by boundary."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from longhaul.errors import DataError, UsageError
from longhaul.generators import Generators
from longhaul.loop import Loop
from longhaul.position import Position


class Recorder:
    """Trains by noting batch and a random number; copies everything at each boundary."""

    def __init__(self, position: Position | None = None, states: Any = None, seen: list[Any] | None = None) -> None:
        self.seen: list[Any] = list(seen or [])
        self.copies: list[tuple[dict[str, Any], Any, list[Any]]] = []
        self.loop = Loop(position or Position(), Generators(3), self._boundary)
        if states is not None:
            self.loop.resume(states)
        else:
            random.seed(3)

    def _boundary(self, pause: bool) -> None:
        self.copies.append((self.loop.position.to_json(), self.loop.states(), list(self.seen)))

    def train(self) -> list[Any]:
        for epoch in self.loop.epochs(3):
            order = random.sample(range(5), 5)  # drawn before the loop: must be the same when the epoch is entered again
            for batch in self.loop.batches(order, ahead=False):
                self.seen.append((epoch, "first", batch, random.random()))
                self.loop.stepped()
                self.seen.append("behind the step")
            if not self.loop.replaying:
                self.seen.append("between")
            for batch in self.loop.batches(self._shuffled(), ahead=False):
                self.seen.append((epoch, "second", batch, random.random()))
                self.loop.stepped()
            if not self.loop.replaying:
                self.seen.append(("validated", random.random()))
        return self.seen

    @staticmethod
    def _shuffled() -> Iterator[int]:
        yield from random.sample(range(3), 3)  # drawn when the loop begins, as samplers of data loaders do


def test_from_every_boundary_the_rest_is_the_same() -> None:
    undisturbed = Recorder()
    expected = undisturbed.train()
    assert len(undisturbed.copies) > 25
    for position, states, seen in undisturbed.copies:
        random.seed(99)
        assert Recorder(Position.from_json(position), states, seen).train() == expected, position


def test_what_follows_the_step_belongs_to_its_batch() -> None:
    recorder = Recorder()
    recorder.train()
    for _, _, seen in recorder.copies:
        assert not seen or not (isinstance(seen[-1], tuple) and seen[-1][1] == "first")


def test_batches_that_are_read_ahead_count_when_they_are_stepped_on() -> None:
    recorder = Recorder()
    loop = recorder.loop
    for _ in loop.epochs(1):
        ahead = list(loop.batches([1, 2, 3], ahead=True))
        assert loop.position.batch == 0
        for _ in ahead:
            loop.stepped()
    assert [position["batch"] for position, _, _ in recorder.copies] == [1, 2, 3, 0]
    position, states, _ = recorder.copies[1]
    again = Recorder(Position.from_json(position), states).loop
    for _ in again.epochs(1):
        assert list(again.batches([1, 2, 3], ahead=True)) == [3]


def test_fewer_batches_than_before_are_told() -> None:
    recorder = Recorder()
    recorder.train()
    position, states, _ = recorder.copies[3]
    loop = Recorder(Position.from_json(position), states).loop
    with pytest.raises(DataError, match="expected more than 4 batches"):
        for _ in loop.epochs(3):
            list(loop.batches([1], ahead=False))


def test_an_epoch_without_its_loop_is_told() -> None:
    recorder = Recorder()
    recorder.train()
    position, states, _ = recorder.copies[3]
    loop = Recorder(Position.from_json(position), states).loop
    with pytest.raises(UsageError, match="the same batches in each attempt"):
        for _ in loop.epochs(3):
            pass


def test_another_thread_that_reads_is_told_about_ahead() -> None:
    import threading

    loop = Recorder().loop
    batches = loop.batches([1, 2], ahead=False)
    errors: list[BaseException] = []

    def read() -> None:
        try:
            next(batches)
        except UsageError as error:
            errors.append(error)

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert "ahead=True" in str(errors[0])
