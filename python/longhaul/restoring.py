"""Where an attempt begins: at its last whole checkpoint, at another trial's, at a window's that is trained again, or at the first step."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .audits.keeper import Keeper
from .audits.repeat import Repeater
from .document import Fork, warn
from .errors import ConfigError
from .found import Found
from .gang.member import SingleRank
from .gang.restoring import Restored, restore_together
from .identity import check_identity, machine_changes
from .position import Position
from .resume.checkpoints import Checkpoints, committed_by, other_world
from .resume.progress import DiscardedProgress, Progress
from .snapshot import Snapshot, from_files
from .store import Store, join, open_store

#: What a fork must share with its parent, besides the data.
SHARED = ("seed",)


@dataclass
class Beginning:
    """`generators` are the states of the random generators, None at the first step; `inexact` says why bits may differ from here on."""

    position: Position
    found: Found = field(default_factory=Found)
    generators: dict[str, Any] | None = None
    inexact: list[str] = field(default_factory=list)


class Restorer:
    """
    Raises:
        ConfigError: the checkpoint was made with other inputs, or by another number of ranks; a fork's parent has none.
    """

    def __init__(
        self,
        gang: SingleRank,
        store: Store,
        checkpoints: Checkpoints,
        progress: Progress | DiscardedProgress,
        audit: Keeper | Repeater | None,
        *,
        output: str,
        fork: Fork | None,
        identity: Mapping[str, Any],
        machine: Mapping[str, str],
    ) -> None:
        self._gang = gang
        self._store = store
        self._checkpoints = checkpoints
        self._progress = progress
        self._audit = audit
        self._output = output
        self._fork = fork
        self._identity = json.loads(json.dumps(identity))  # as a checkpoint has it
        self._machine = machine

    def restore(self) -> Beginning:
        checkpoints = self._checkpoints
        root = join(self._output, "checkpoints")
        restored = restore_together(self._gang, self._store, root, lambda: checkpoints.newest, checkpoints.pass_over, warn)
        again = False
        if restored is None and isinstance(self._audit, Repeater):
            again, restored = True, Restored(1, [self._audit.files()])
        if restored is None:
            self._progress.go_on_after(0)
            return Beginning(Position()) if self._fork is None else self._forked(self._fork)
        snapshots = [from_files(files) for files in restored.shards]
        snapshot = snapshots[0]
        check_identity(snapshot.document["identity"], self._identity, self._output)
        if self._gang.first:
            checkpoints.remove_leftovers()
        changed = machine_changes(snapshot.document["machine"], self._machine)
        if changed:
            warn(f"this machine computes differently: {'; '.join(changed)}. The samples are the same, the bits of the model may not be")
        beginning = self._take_over(snapshots, restored, root, forked=False)
        if self._audit is not None:
            self._audit.restore(None if again else snapshot.document.get("audit"), snapshot.step)
        if again:  # its records are those of another trial
            self._progress.go_on_after(0)
        else:
            self._tell_what_was_pending(snapshot)
        return beginning

    def _tell_what_was_pending(self, snapshot: Snapshot) -> None:
        self._progress.go_on_after(snapshot.document["progress"], snapshot.document["ahead"])
        for record in snapshot.document["records"] if self._gang.first else ():
            self._progress.add(record["kind"], {name: value for name, value in record.items() if name not in ("kind", "attempt", "time")})

    def _forked(self, fork: Fork) -> Beginning:
        """At another trial's checkpoint."""
        store, root = open_store(fork.output), join(fork.output, "checkpoints")
        entries = committed_by(store, fork.output, fork.checkpoint)
        restored = restore_together(self._gang, store, root, lambda: entries[0] if entries else None, lambda: entries.pop(0), warn)
        if restored is None:
            raise ConfigError(f"fork: {root}: expected a committed checkpoint of trial {fork.trial}, found none that is whole")
        snapshots = [from_files(files) for files in restored.shards]
        check_identity(_shared(snapshots[0].document["identity"]), _shared(self._identity), fork.output)
        beginning = self._take_over(snapshots, restored, root, forked=True)
        beginning.position = beginning.position.without_results()
        return beginning

    def _take_over(self, snapshots: list[Snapshot], restored: Restored, root: str, *, forked: bool) -> Beginning:
        """The state of this rank; from another number of ranks only what says that it reshards."""
        rank, world = self._gang.rank, self._gang.world
        kept = [snapshot.kept.load() for snapshot in snapshots]
        own = rank % len(kept)
        other = None if restored.world == world else other_world(root, restored.world, world)
        found = Found([each["things"] for each in kept], rank=rank, refused=other, forked=forked)
        position = Position.from_json(snapshots[own].document["position"])
        inexact = list(snapshots[own].inexact)
        if other is not None:
            inexact.append(f"{world} ranks went on at step {position.step} from a checkpoint of {restored.world}")
            position.batch = position.batch * restored.world // world
        return Beginning(position, found, kept[own]["generators"], inexact)


def _shared(identity: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in identity.items() if name in SHARED or name.startswith("data.")}
