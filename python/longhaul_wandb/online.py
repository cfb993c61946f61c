"""Runs of W&B's service. What was told already is read from there: how far a curve is, and which end it has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import wandb
from wandb.errors import CommError

from .entries import EXIT_CODES, Entry, end_of, id_of, names_of, settings_of, tell_end, tell_points

TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Known:
    #: Number of the last progress record that it has.
    position: int
    end: str | None


def tell(run: str, entries: Sequence[Entry], base_url: str, key: str, project: str, entity: str | None) -> bool:
    """False: of entries that are not whole it needs what was left out."""
    known = known_runs(run, base_url, key, project, entity)
    has_all = True
    for entry in entries:
        at = known.get(id_of(entry), Known(0, None))
        is_over = entry["endedAt"] is not None
        if not any(point["n"] > at.position for point in entry["points"]) and (
            at.end == end_of(entry) or (not is_over and at.position > 0)
        ):
            continue
        if not is_enough(at, entry):
            has_all = False
            continue
        settings = settings_of(entry, base_url=base_url, api_key=key, init_timeout=TIMEOUT_SECONDS, x_update_finish_state=is_over)
        try:
            told = wandb.init(mode="online", resume="allow", **names_of(run, entry, project, entity), settings=settings)
        except CommError as error:
            # Somebody deleted it there.
            if re.search(r"previously created and deleted", str(error)):
                continue
            raise
        tell_points(told, entry, max(at.position, told.starting_step - 1))
        tell_end(told, entry)
        told.finish(exit_code=EXIT_CODES[entry["status"]])
    return has_all


def known_runs(run: str, base_url: str, key: str, project: str, entity: str | None) -> Mapping[str, Known]:
    api: Any = wandb.Api(api_key=key, overrides={"base_url": base_url}, timeout=TIMEOUT_SECONDS)
    path = project if entity is None else f"{entity}/{project}"
    try:
        runs = list(api.runs(path, filters={"group": run}, per_page=500))
    except (ValueError, CommError) as error:
        if re.search(r"could not find project", str(error), re.IGNORECASE):
            return {}
        raise
    return {each.id: Known(max(0, each.lastHistoryStep), (each.config.get("longhaul") or {}).get("end")) for each in runs}


def is_enough(at: Known, entry: Entry) -> bool:
    """Of curves whose beginning was left out: they go on where W&B's end."""
    if entry["whole"]:
        return True
    following = next((point["n"] for point in entry["points"] if point["n"] > at.position), None)
    if following is not None and following > at.position + 1:
        return False
    return bool(entry["points"]) or at.end == end_of(entry)
