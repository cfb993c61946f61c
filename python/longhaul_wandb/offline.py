"""W&B's offline files: one folder for each entry that has ended, for `wandb sync`. What is told anew takes the place of what was there."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import wandb

from .entries import EXIT_CODES, Entry, digest_of, names_of, settings_of, tell_end, tell_points

NOTE = "longhaul.json"
UNFINISHED = ".unfinished"


def tell(run: str, entries: Sequence[Entry], folder: Path, project: str, entity: str | None) -> bool:
    """Curves of what still runs come with its end: a folder can be synchronised once."""
    folder.mkdir(parents=True, exist_ok=True)
    # Workers that share a disk; the lock goes with its holder, however that ends.
    with open(folder / ".longhaul.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        told = {note["key"]: (place, note["digest"]) for place, note in notes(folder)}
        for entry in entries:
            if entry["endedAt"] is None or not entry["whole"]:
                continue
            place, digest = told.get(entry["key"], (None, None))
            if digest != digest_of(entry):
                write(run, entry, folder, project, entity, place)
    return True


def notes(folder: Path) -> list[tuple[Path, dict[str, Any]]]:
    return [(note.parent, json.loads(note.read_text())) for note in folder.glob(f"offline-run-*/{NOTE}")]


def write(run: str, entry: Entry, folder: Path, project: str, entity: str | None, before: Path | None) -> None:
    unfinished = folder / UNFINISHED
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    told = wandb.init(mode="offline", dir=str(unfinished), **names_of(run, entry, project, entity), settings=settings_of(entry))
    made = Path(told.dir).parent
    tell_points(told, entry, 0)
    tell_end(told, entry)
    told.finish(exit_code=EXIT_CODES[entry["status"]])
    (made / NOTE).write_text(json.dumps({"key": entry["key"], "digest": digest_of(entry)}))
    # From here on it is there as a whole; were we stopped between the two, it would be told again.
    if before is not None:
        os.rename(before, unfinished / "before")
    os.rename(made, folder / made.name)
    shutil.rmtree(unfinished)
