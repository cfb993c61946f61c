"""Keeps, while a training goes on, what an audit needs: the checkpoint at a window's beginning, and digests up to its end."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import FencedError
from ..policies import AuditPolicy
from ..resume.background import BackgroundWorker
from ..resume.checkpoints import Snapshot, write_files
from ..store import PreconditionFailed, Store, join
from ..store.base import ABSENT
from .points import Points
from .tensors import digests_of
from .windows import Window, window_at

FOLDER = "audits"
PAIR = "pair.json"
#: Digests that a pair has at most: about 1 MiB of JSON.
MAX_DIGESTS = 65_536
#: Digests of a window may take this long, and half of the window's time besides.
FREE_SECONDS = 0.25

State = Callable[[], Mapping[str, Any]]


class Keeper:
    """`{output}/audits/{number}`: `pair.json`, written last, names the checkpoint beside it. The newest pair replaces the one before."""

    def __init__(
        self,
        store: Store,
        output: str,
        policy: AuditPolicy,
        *,
        seed: int,
        name: str,
        attempt: int,
        machine: Mapping[str, str],
        background: BackgroundWorker,
        warn: Callable[[str], None],
    ) -> None:
        self._store = store
        self._root = join(output, FOLDER)
        self._policy = policy
        self._draw = (seed, name)
        self._attempt = attempt
        self._machine = dict(machine)
        self._background = background
        self._warn = warn
        self._done = -1
        self._window: Window | None = None
        self._from: dict[str, Any] = {}
        self._points = Points()
        self._boundary = 0
        #: Nothing is to be decided before this step.
        self._next: float = 0
        self._last_step = -1
        self._digest_seconds = 0.0
        self._began = time.monotonic()

    def restore(self, found: Mapping[str, Any] | None, step: int) -> None:
        """Goes on as a checkpoint says, which was taken at `step`."""
        self._last_step = step
        if not found:
            return
        self._done = int(found["done"])
        window = found.get("open")
        if window and self._is_there(Window(*window["window"]).number, window["from"]):
            self._window, self._from, self._boundary = Window(*window["window"]), dict(window["from"]), int(window["boundary"])
            self._points = Points(window["points"])

    def _is_there(self, number: int, start: Mapping[str, Any]) -> bool:
        """Whether all of the checkpoint at a window's beginning is in the store: a process may have ended while it was being uploaded."""
        files = start.get("files")
        if files is None:
            return False
        root = self._folder(number, start)
        return set(files) <= {uri[len(root) :].lstrip("/") for uri in self._store.list(root)}

    def _folder(self, number: int, start: Mapping[str, Any]) -> str:
        return join(self._root, str(number), "checkpoints", str(start["checkpoint"]))

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        window = self._window
        inside = (
            None
            if window is None
            else {"window": list(window), "from": self._from, "boundary": self._boundary, "points": self._points.to_json()}
        )
        return {"done": self._done, "open": inside}

    def due(self, step: int) -> bool:
        """Whether a boundary is wanted, of a framework that has them only when it is asked."""
        if self._window is not None:
            return step >= self._end(self._window)
        return step >= self._next and self._opens(step) is not None

    def validated(self, metrics: Mapping[str, Any]) -> None:
        if self._window is not None:
            self._points.validated(metrics)

    def at(self, step: int, samples: int, state: State, snapshot: Callable[[], Snapshot]) -> bool:
        """At a boundary. The first one of each step counts. False: the training goes on."""
        if step < self._next or step == self._last_step:
            return False
        self._last_step = step
        if self._window is None:
            window = self._opens(step)
            if window is not None:
                self._begin(window, step, samples, state, snapshot())
            return False
        self._boundary += 1
        over = step >= self._end(self._window)
        if over or self._may_digest(self._window):
            self._add_point(step, samples, state)
        if over:
            self._complete(self._window, step, samples)
        return False

    def close(self) -> None:
        """The training is over: a window that is open stays without an end, and is of no use."""
        if self._window is not None:
            number, self._window = self._window.number, None
            self._background.do(lambda: self._remove(number))

    def _opens(self, step: int) -> Window | None:
        window = window_at(self._policy.share, *self._draw, step)
        if window is None or window.number <= self._done or step + window.steps > window.end:
            self._next = math.ceil(1 / self._policy.share) if window is None else window.end
            return None
        if step < window.start:
            self._next = window.start
            return None
        return window

    def _end(self, window: Window) -> int:
        return int(self._from["step"]) + window.steps

    def _begin(self, window: Window, step: int, samples: int, state: State, snapshot: Snapshot) -> None:
        files = snapshot.files()
        size = sum(len(chunk) for chunks in files.values() for chunk in chunks)
        if self._policy.max_bytes is not None and size > self._policy.max_bytes:
            self._next = math.inf
            self._warn(
                f"no window is kept for `longhaul audit`: a checkpoint has {size} bytes, and of this trial at most "
                f"{self._policy.max_bytes} are kept unasked; write `audit: {{ share: {self._policy.share} }}` to keep it"
            )
            return
        name = f"{step:09d}-{self._attempt}"
        self._window, self._points, self._boundary = window, Points(), 0
        #: Files are named once they are in the store.
        start = {"checkpoint": name, "step": step, "samples": samples, "attempt": self._attempt, "machine": self._machine, "files": None}
        self._from = start
        self._digest_seconds, self._began = 0.0, time.monotonic()
        self._add_point(step, samples, state)
        root = self._folder(window.number, start)

        def upload() -> None:
            start["files"] = write_files(self._store, root, files)

        self._background.do(upload)

    def _may_digest(self, window: Window) -> bool:
        """Evenly, so that a pair stays small, and so seldom that all of it costs the training a share of the share."""
        boundaries = max(1, -(-window.steps * self._points.size // MAX_DIGESTS))
        allowed = FREE_SECONDS + (time.monotonic() - self._began) / 2
        return self._boundary % boundaries == 0 and self._digest_seconds <= allowed

    def _add_point(self, step: int, samples: int, state: State) -> None:
        began = time.monotonic()
        self._points.add(self._boundary, step, samples, digests_of(state()))
        self._digest_seconds += time.monotonic() - began

    def _complete(self, window: Window, step: int, samples: int) -> None:
        pair = {
            "version": 1,
            "share": self._policy.share,
            "from": self._from,
            "to": {"step": step, "samples": samples, "attempt": self._attempt, "machine": self._machine},
            "time": time.time(),
            **self._points.to_json(),
        }
        self._done, self._window = window.number, None
        self._next = window.end

        def write() -> None:
            if not self._is_there(window.number, pair["from"]):
                return  # the pair before it stays
            self._write_pair(window.number, pair)
            for number in range(window.number):
                self._remove(number)
            self._remove(window.number, but=(PAIR, f"checkpoints/{pair['from']['checkpoint']}/"))

        self._background.do(write)

    def _write_pair(self, number: int, pair: Mapping[str, Any]) -> None:
        address = join(self._root, str(number), PAIR)
        while True:
            found = self._store.read(address)
            holder = 0 if found is None else int(json.loads(found.data)["to"]["attempt"])
            if holder > self._attempt:
                raise FencedError(f"fenced: attempt {holder} has taken over this trial ({address}); attempt {self._attempt} ends")
            try:
                self._store.write(address, [json.dumps(pair).encode()], if_generation=ABSENT if found is None else found.generation)
                return
            except PreconditionFailed:
                continue

    def _remove(self, number: int, but: tuple[str, ...] = ()) -> None:
        root = join(self._root, str(number))
        for uri in list(self._store.list(root)):
            if not uri[len(root) :].lstrip("/").startswith(but):
                self._store.remove(uri)
