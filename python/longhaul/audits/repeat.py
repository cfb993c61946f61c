"""Trains a window again: from the checkpoint of a pair to its end, with digests at the same boundaries."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from ..checked import parse_json
from ..errors import NoInputError
from ..policies import AuditPolicy, Repeat
from ..resume.background import BackgroundWorker
from ..resume.checkpoints import Files, Snapshot, read_files
from ..store import Store, join, open_store
from .keeper import PAIR, Keeper, State
from .points import Points
from .tensors import digests_of

RESULT = "repeat.json"


class Repeater:
    """`at` is True at the window's end; then `write` says in `{output}/repeat.json` what was found."""

    def __init__(
        self,
        store: Store,
        pairs: Store,
        output: str,
        repeat: Repeat,
        *,
        attempt: int,
        machine: Mapping[str, str],
        warn: Callable[[str], None],
    ) -> None:
        """
        Raises:
            NoInputError: the pair is gone, or another one than was asked for.
        """
        self._store = store
        self._pairs = pairs
        self._output = output
        self._repeat = repeat
        self._warn = warn
        address = join(repeat.pair, PAIR)
        found = pairs.read(address)
        if found is None:
            raise NoInputError(f"repeat: {address}: there is no such pair of checkpoints any more")
        self._pair = parse_json(found.data, address)
        if self._pair["from"]["checkpoint"] != repeat.checkpoint:
            raise NoInputError(f"repeat: {address}: expected checkpoint {repeat.checkpoint}, found {self._pair['from']['checkpoint']}")
        self._until = int(self._pair["to"]["step"])
        self._wanted = {int(point["step"]) for point in self._pair["points"]}
        self._attempts = [{"attempt": attempt, "machine": dict(machine)}]
        self._points = Points()
        self._boundary = 0
        self._last_step = int(self._pair["from"]["step"])

    def files(self) -> Files:
        """Of the checkpoint from which it begins.

        Raises:
            NoInputError: it is gone or not whole.
        """
        files = read_files(self._pairs, join(self._repeat.pair, "checkpoints"), self._pair["from"], self._warn)
        if files is None:
            raise NoInputError(f"repeat: {self._repeat.pair}/checkpoints/{self._repeat.checkpoint} is gone or not whole")
        return files

    def restore(self, found: Mapping[str, Any] | None, step: int) -> None:
        """Goes on as a checkpoint of the repetition itself says."""
        if found and "attempts" in found:
            self._points, self._boundary = Points(found["points"]), int(found["boundary"])
            self._attempts = [*found["attempts"], *self._attempts]
            self._last_step = step

    def state(self) -> dict[str, Any]:
        return {"attempts": self._attempts, "boundary": self._boundary, "points": self._points.to_json()}

    def due(self, step: int) -> bool:
        return step >= self._until or self._is_wanted(step)

    def validated(self, metrics: Mapping[str, Any]) -> None:
        self._points.validated(metrics)

    def at(self, step: int, samples: int, state: State, snapshot: Callable[[], Snapshot]) -> bool:
        """At a boundary. True: this was the last one."""
        if step == self._last_step:
            return False
        self._last_step = step
        self._boundary += 1
        if self.due(step):
            self._points.add(self._boundary, step, samples, digests_of(state()))
        return step >= self._until

    def _is_wanted(self, step: int) -> bool:
        dense = self._repeat.dense
        return step in self._wanted or (dense is not None and dense[0] < step <= dense[1])

    def write(self) -> None:
        found = {"version": 1, "pair": self._repeat.pair, "attempts": self._attempts, **self._points.to_json()}
        self._store.write(join(self._output, RESULT), [json.dumps(found).encode()])

    def close(self) -> None:
        """The training was over before the window was."""


def audit_of(
    audit: AuditPolicy | None,
    repeat: Repeat | None,
    store: Store,
    output: str,
    *,
    seed: int,
    name: str,
    attempt: int,
    machine: Mapping[str, str],
    background: BackgroundWorker,
    warn: Callable[[str], None],
) -> Keeper | Repeater | None:
    """A part of another training is trained again, or something of this one is kept so that it can be."""
    if repeat is not None:
        return Repeater(store, open_store(repeat.pair), output, repeat, attempt=attempt, machine=machine, warn=warn)
    if audit is None:
        return None
    return Keeper(store, output, audit, seed=seed, name=name, attempt=attempt, machine=machine, background=background, warn=warn)
