"""Checkpoints of several ranks: a shard each, taken at the same boundary, committed by rank 0 when all of them are there."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..errors import EXIT_PREEMPTED, UsageError
from ..resume.checkpoints import Checkpoints, Shard, in_shard
from ..resume.schedule import CheckpointSchedule
from ..snapshot import Snapshot
from ..termination import leave
from .agreement import Order
from .member import GangMember

#: Sequence of the checkpoint at the end; those that are agreed upon count from 1.
LAST = 0


class GangSaver:
    """`settled` tells whether the models that were written are in the store, after so long; a SIGTERM waits for `export_seconds`."""

    def __init__(
        self,
        gang: GangMember,
        checkpoints: Checkpoints,
        schedule: CheckpointSchedule,
        take: Callable[[], Snapshot],
        settled: Callable[[float], bool],
        *,
        export_seconds: float,
    ) -> None:
        self._gang = gang
        self._checkpoints = checkpoints
        self._schedule = schedule
        self._take = take
        self._settled = settled
        self._export_seconds = export_seconds
        self._agreement = gang.link.agreement
        #: A copy for a SIGTERM that finds the script away from boundaries for long, and the number of its boundary.
        self._aside: tuple[int, Snapshot] | None = None
        #: Whether it names no model that is not there.
        self._aside_is_whole = True
        self._order: Order | None = None
        gang.hung = self._end_without_the_hung

    def boundary(self, *, pause: bool = False) -> None:
        """`pause`: no further one may come for long, since a validation begins."""
        while (order := self._agreement.arrive()) is not None:
            self._obey(order)
        passed = self._agreement.passed
        if self._aside is not None and self._aside[0] < passed - 1:
            self._aside = None  # all ranks have come further since
        self._ask_if_due(pause)
        if pause:
            is_whole = self._settled(0)
            if (copied := self._schedule.copy_aside(self._take)) is not None:
                self._aside, self._aside_is_whole = (passed, copied), is_whole

    def ends(self) -> None:
        """An order may wait for the boundary behind the last batch."""
        self.boundary()

    def exporting(self) -> None:
        """What may be committed meanwhile is what all ranks have aside."""

    def beat(self) -> None:
        """Ranks stop at boundaries."""

    # -- for frameworks that have checkpoints of their own: the boundary is where they ask, and the state is whole once they have written

    def due(self) -> bool:
        self._order = self._order or self._agreement.arrive()
        if self._order is None:
            self._ask_if_due(False)
        return self._order is not None

    def written(self) -> None:
        order, self._order = self._order, None
        while order is not None:
            self._obey(order)
            order = self._agreement.arrive()

    def _ask_if_due(self, pause: bool) -> None:
        """Rank 0 alone looks at the clock."""
        if self._gang.first and self._schedule.due(pause=pause):
            self._schedule.expect()
            self._gang.link.ask("interval")

    def _obey(self, order: Order) -> None:
        if order.reason == "sigterm":
            self._stop(order)
            return
        snapshot = self._schedule.copy(self._take)
        self._schedule.upload(snapshot, lambda: self._commit(snapshot, order.sequence, "interval"))

    def _commit(self, snapshot: Snapshot, sequence: int, reason: str) -> str | None:
        """This rank's shard, and in rank 0 LATEST when all shards are there; the name, where it was committed."""
        gang = self._gang
        shard = self._checkpoints.upload(snapshot, sequence, in_shard(gang.rank))
        told = f"shard {sequence}"
        if not gang.first:
            gang.link.say(told, shard)
            return None
        shards: list[Shard] = gang.link.gather(told, shard)
        with gang.committing:
            return self._checkpoints.commit_shards(_one_step(shards), reason)

    def commit(self, reason: str) -> None:
        """The last one, which all ranks take at the end."""
        self._commit(self._take(), LAST, reason)
        self._gang.gather("committed", None)

    # -- SIGTERM

    def _stop(self, order: Order) -> None:
        """All ranks are at this boundary, or about to come to it; the process ends here."""
        self._gang.link.arrived()
        if not self._settled(self._export_seconds):  # a checkpoint would say that a model is there which is not
            self._gang.mark_and_end()
        self._commit_and_leave(self._take(), order.sequence)

    def _commit_and_leave(self, snapshot: Snapshot, sequence: int) -> None:
        gang = self._gang
        try:
            name = self._commit(snapshot, sequence, "sigterm")
        except Exception as error:
            gang.leave_all(getattr(error, "exit_code", 1), f"at SIGTERM: {error}")
        if gang.first:
            print(f"longhaul: SIGTERM: checkpoint {name} at step {snapshot.step} of {gang.world} ranks committed", flush=True)
            gang.end_all(EXIT_PREEMPTED, f"SIGTERM: checkpoint {name} is committed")
            leave(EXIT_PREEMPTED)
        threading.Event().wait()  # until rank 0 has committed

    def _end_without_the_hung(self, sequence: int) -> None:
        """Not all ranks have come to the boundary in time: the copy that all have of an earlier one is committed, if there is one."""
        aside = self._aside if self._aside_is_whole or self._settled(0) else None
        places = self._gang.gather(f"aside {sequence}", None if aside is None else aside[0])
        if aside is not None and places == [aside[0]] * len(places):
            self._commit_and_leave(aside[1], sequence)
        elif self._gang.first:
            self._gang.mark_and_end()


def _one_step(shards: list[Shard]) -> list[Shard]:
    """
    Raises:
        UsageError: the ranks have not trained alike.
    """
    for rank, shard in enumerate(shards):
        if shard["name"] != shards[0]["name"]:
            raise UsageError(
                f"rank {rank} is at training step {shard['step']}, rank 0 at {shards[0]['step']}, after the same number of boundaries: "
                "give all ranks the same number of batches (trial.data does), and call trial.step on each of them"
            )
    return shards
