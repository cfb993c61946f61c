"""`{output}/progress/{n}.json`: numbered from 1 without gaps over all attempts, each written once."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from ..errors import FencedError
from ..store import PreconditionFailed, Store, join
from ..store.base import ABSENT
from .behind import Behind

Record = dict[str, Any]

#: Kinds that must reach the store exactly once; the others only tell how it goes.
KEPT = ("validation", "export")


class Progress:
    """Records get their number when they are written, behind the loop, so that no number is ever left out."""

    def __init__(self, store: Store, output: str, attempt: int, behind: Behind) -> None:
        self._store = store
        self._root = join(output, "progress")
        self._attempt = attempt
        self._behind = behind
        self._next = 1
        self._known: set[tuple[str, int, str]] = set()
        self._pending: list[Record] = []
        self._lock = threading.Lock()

    @property
    def written(self) -> int:
        return self._next - 1

    def go_on_after(self, number: int) -> None:
        """Finds the end of the records: the checkpoint knows of `number`, a killed attempt may have written more."""
        self._next = number + 1
        while (found := self._read(self._next)) is not None:
            self._known.add(_key(found))
            self._next += 1

    def pending(self) -> list[Record]:
        """Records that a checkpoint must carry because they may not be in the store."""
        with self._lock:
            return [record for record in self._pending if record["kind"] in KEPT]

    def add(self, kind: str, record: Record) -> None:
        """Queues the record. A validation point or export that an earlier attempt has recorded is not repeated."""
        full = {"time": time.time(), "attempt": self._attempt, **record, "kind": kind}
        if kind in KEPT:
            if _key(full) in self._known:
                return
            self._known.add(_key(full))
        with self._lock:
            self._pending.append(full)
        self._behind.do(lambda: self._write(full))

    def _write(self, record: Record) -> None:
        while True:
            data = json.dumps({"n": self._next, **record}).encode()
            try:
                self._store.write(self._address(self._next), [data], if_generation=ABSENT)
                break
            except PreconditionFailed:
                found = self._read(self._next) or {}
                if found.get("attempt", 0) > self._attempt:
                    raise FencedError(f"fenced: attempt {found['attempt']} writes the progress of this trial; attempt {self._attempt} ends") from None
                self._next += 1
        with self._lock:
            self._next += 1
            self._pending.remove(record)

    def _read(self, number: int) -> Record | None:
        found = self._store.read(self._address(number))
        return None if found is None else json.loads(found.data)

    def _address(self, number: int) -> str:
        return join(self._root, f"{number}.json")


def _key(record: Record) -> tuple[str, int, str]:
    return record["kind"], record["step"], record.get("name", "")
