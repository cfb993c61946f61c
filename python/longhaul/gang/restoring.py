"""Which checkpoint all ranks go on from: the newest one of which every rank finds its shard whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..resume.checkpoints import Files, Latest, in_shard, read_files, world_of
from ..store import Store
from .member import SingleRank


@dataclass(frozen=True)
class Restored:
    """`shards` are this rank's own, or all of them where another number of ranks has made the checkpoint."""

    world: int
    shards: list[Files]


def restore_together(
    gang: SingleRank,
    store: Store,
    root: str,
    newest: Callable[[], Latest | None],
    pass_over: Callable[[], object],
    warn: Callable[[str], None],
) -> Restored | None:
    """`newest` and `pass_over` are asked in rank 0 only; None: there is nothing to go on from."""
    tried = 0
    while True:
        tried += 1
        entry: Latest | None = gang.gather(f"entry {tried}", newest() if gang.first else None)[0]
        if entry is None:
            return None
        world = world_of(entry)
        folders = [""] if world == 1 else [in_shard(rank) for rank in ([gang.rank] if world == gang.world else range(world))]
        shards = [files for folder in folders if (files := read_files(store, root, entry, warn, folder))]
        if all(gang.gather(f"whole {tried}", len(shards) == len(folders))):
            return Restored(world, shards)
        if gang.first:
            pass_over()
