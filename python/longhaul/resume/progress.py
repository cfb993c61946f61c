"""`{output}/progress/{n}.json`: numbered from 1 without gaps over all attempts, each written once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..errors import FencedError
from ..store import PreconditionFailed, Store, join
from ..store.base import ABSENT
from .background import BackgroundWorker

Record = dict[str, Any]

#: Kinds that must reach the store exactly once; the others only tell how it goes.
KEPT = ("validation", "export", "end")


class Frontier(NamedTuple):
    """Records are complete up to `written`; `pending` may not be in the store yet; `ahead` are there though a killed attempt wrote them."""

    written: int
    pending: list[Record]
    ahead: list[list[Any]]


class Progress:
    """Records get their number when they are written, behind the loop, so that no number is ever left out."""

    def __init__(self, store: Store, output: str, attempt: int, background: BackgroundWorker) -> None:
        self._store = store
        self._root = join(output, "progress")
        self._attempt = attempt
        self._background = background
        self._next = 1
        self._stored: set[tuple[str, int, str]] = set()
        self._pending: list[Record] = []
        self._lock = threading.Lock()

    def go_on_after(self, number: int, ahead: Sequence[Sequence[Any]] = ()) -> None:
        """Finds the end of the records: the checkpoint knows of `number`, a killed attempt may have written more."""
        self._stored = {(str(kind), int(step), str(name)) for kind, step, name in ahead}
        self._next = number + 1
        while (found := self._read(self._next)) is not None:
            self._remember(found)
            self._next += 1

    def frontier(self, step: int) -> Frontier:
        """What a checkpoint taken at `step` must know of the records."""
        with self._lock:
            return Frontier(
                written=self._next - 1,
                pending=[record for record in self._pending if record["kind"] in KEPT],
                ahead=[list(key) for key in sorted(self._stored) if key[1] >= step],
            )

    def add(self, kind: str, record: Record) -> None:
        """Queues the record. A validation point or export that an earlier attempt has recorded is not repeated."""
        full = {"time": time.time(), "attempt": self._attempt, **record, "kind": kind}
        with self._lock:
            if kind in KEPT and (_key(full) in self._stored or any(_key(full) == _key(other) for other in self._pending)):
                return
            self._pending.append(full)
        self._background.do(lambda: self._write(full))

    def _write(self, record: Record) -> None:
        while not self._is_stored(record):
            data = json.dumps({"n": self._next, **record}).encode()
            try:
                self._store.write(self._address(self._next), [data], if_generation=ABSENT)
                with self._lock:
                    self._next += 1
                    self._remember(record)
                break
            except PreconditionFailed:
                found = self._read(self._next) or {}
                if found.get("attempt", 0) > self._attempt:
                    raise FencedError(
                        f"fenced: attempt {found['attempt']} writes the progress of this trial; attempt {self._attempt} ends"
                    ) from None
                with self._lock:  # an older attempt that is not quite dead wrote it: no number and no point of the curve twice
                    self._next += 1
                    if found:
                        self._remember(found)
        with self._lock:
            self._pending.remove(record)

    def _is_stored(self, record: Record) -> bool:
        return record["kind"] in KEPT and _key(record) in self._stored

    def _remember(self, record: Record) -> None:
        if record["kind"] in KEPT:
            self._stored.add(_key(record))

    def _read(self, number: int) -> Record | None:
        found = self._store.read(self._address(number))
        return None if found is None else json.loads(found.data)

    def _address(self, number: int) -> str:
        return join(self._root, f"{number}.json")


class DiscardedProgress:
    """Of a rank that records nothing: rank 0 does."""

    def go_on_after(self, number: int, ahead: Sequence[Sequence[Any]] = ()) -> None:
        """There is nothing to find the end of."""

    def frontier(self, step: int) -> Frontier:
        return Frontier(0, [], [])

    def add(self, kind: str, record: Record) -> None:
        """It is not told."""


def _key(record: Record) -> tuple[str, int, str]:
    return record["kind"], record["step"], record.get("name", "")
