"""What a trial does together with its other ranks; `SingleRank` is the rank that has none."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ..errors import EXIT_PREEMPTED, FencedError
from ..resume.checkpoints import Checkpoints
from ..termination import leave
from .coordinator import START, Coordinator
from .link import JOIN_SECONDS, OVER, Link
from .ranks import Ranks
from .wire import Message

#: An error in a collective operation may be the news that another rank has gone: it is about to be told.
NEWS_SECONDS = 3.0


class SingleRank:
    """One process on one machine."""

    def __init__(self, ranks: Ranks = Ranks()) -> None:  # noqa: B008  it cannot be changed
        self.ranks = ranks

    @property
    def rank(self) -> int:
        return self.ranks.rank

    @property
    def world(self) -> int:
        return self.ranks.world

    @property
    def first(self) -> bool:
        """Rank 0 alone claims, commits, records and exports."""
        return self.ranks.rank == 0

    def gather(self, name: str, value: Any) -> list[Any]:
        """What each rank says by this name, in the order of ranks."""
        return [value]

    def starts(self, asked: threading.Event) -> None:
        """All ranks train from here on. `asked`: whether a SIGTERM has come, which a handler of the script's own may have answered."""

    def over(self) -> None:
        """All ranks have come to the end of the trial."""

    def wait_for_news(self) -> None:
        """Before an error is taken for this rank's own."""

    def end_all(self, code: int, why: str) -> None:
        """The others leave with the same exit code."""


class GangMember(SingleRank):
    """One of several; made in the order rank 0 first, and complete after `join`."""

    def __init__(self, ranks: Ranks, checkpoints: Checkpoints, *, hung_seconds: float) -> None:
        super().__init__(ranks)
        self._checkpoints = checkpoints
        self._hung_seconds = hung_seconds
        self._link: Link | None = None
        self._coordinator: Coordinator | None = None
        self._training = False
        #: Held while LATEST is written: what is whole is committed before the end is marked.
        self.committing = threading.Lock()
        #: Not all ranks have come to the boundary at which they were to stop; the saver knows what to do.
        self.hung: Callable[[int], None] = lambda sequence: None
        #: This rank ends by itself, and has told the others.
        self._told = False
        self._answered = threading.Event()

    def join(self, key: bytes) -> None:
        """Waits until all ranks are there."""
        ranks = self.ranks
        if self.first:
            self._coordinator = Coordinator(
                ranks.world, key, ranks.host, ranks.port, hung_seconds=self._hung_seconds, vanished=self._vanished
            )
        self._say(f"waits for all {ranks.world} ranks" if self.first else f"waits for rank 0 at {ranks.host}:{ranks.port}")
        self._link = Link(ranks, key, self._hear, self._lost)
        self._link.gather("join", None, JOIN_SECONDS)

    @property
    def link(self) -> Link:
        assert self._link is not None, "join comes first"
        return self._link

    def gather(self, name: str, value: Any) -> list[Any]:
        return self.link.gather(name, value)

    def starts(self, asked: threading.Event) -> None:
        self.gather(START, None)
        self._training = True
        if asked.is_set():
            self.link.ask("sigterm")

    def over(self) -> None:
        self.link.gather(OVER, None)
        if self._coordinator is not None:
            self._coordinator.wait_until_gone()

    # -- SIGTERM, here or elsewhere

    def sigterm(self) -> None:
        """In the thread that waits for it: all ranks stop at one boundary, or, before they train, at once."""
        if self._link is None:
            self._checkpoints.mark_sigterm(starting=True)
            print("longhaul: SIGTERM before all ranks were there; what is committed stays", flush=True)
            return
        self._link.ask("sigterm")
        threading.Event().wait()  # another thread ends the process

    def mark_and_end(self) -> None:
        """What is committed stays, and says that this attempt ended by SIGTERM."""
        self.leave_all(EXIT_PREEMPTED, "what was committed last stays", self._mark)

    def _mark(self) -> None:
        with self.committing:
            try:
                self._checkpoints.mark_sigterm(starting=not (self.first and self._training))
            except FencedError as error:
                if not error.same_attempt:  # a rank that missed this one has marked what is committed
                    raise

    def _hear(self, message: Message) -> None:
        kind = message["kind"]
        if kind == "hung":
            self.hung(int(message["sequence"]))
        elif kind == "mark":
            self.mark_and_end()
        elif kind == "leaving":
            self.leave_all(int(message["code"]), f"rank {message['rank']} ended: {message['why']}")
        elif kind == "end" and self._told:
            self._answered.set()
        elif kind == "end":
            code = int(message["code"])
            if code != 0:
                self._say(f"this rank ends with exit code {code}, as all do: {message['why']}")
            leave(code)

    # -- the end of one is the end of all

    def wait_for_news(self) -> None:
        threading.Event().wait(NEWS_SECONDS)

    def end_all(self, code: int, why: str) -> None:
        if self._coordinator is not None:
            self._coordinator.end(code, why)
        elif self._link is not None:
            self._told = True
            if self._link.leaving(code, why):
                self._answered.wait(NEWS_SECONDS)

    def leave_all(self, code: int, why: str, before: Callable[[], None] = lambda: None) -> None:
        try:
            before()
        except Exception as error:
            code = getattr(error, "exit_code", 1)
            self._say(f"at SIGTERM: {error}")
        self._say(why)
        self.end_all(code, why)
        leave(code)

    def _vanished(self, rank: int) -> None:
        """In rank 0: no training step can end without it, and nobody is to wait for that."""
        self.leave_all(EXIT_PREEMPTED, f"rank {rank} has gone without a word; what was committed last stays", self._mark)

    def _lost(self) -> None:
        """Rank 0 has gone before the end of the trial. The next in line marks what is committed; a ghost is fenced by that."""
        if self._told:
            self._answered.set()
            return
        self._say("rank 0 has gone without a word; what was committed last stays")
        if self.rank == 1:
            with suppress(Exception):
                self._mark()
        leave(EXIT_PREEMPTED)

    def _say(self, text: str) -> None:
        print(f"longhaul: rank {self.rank}: {text}", file=sys.stderr, flush=True)
