"""What `wandb` gets to hear of one entry: a run of Longhaul, or one of its trials."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import wandb

#: A `TrackedRun` of src/contract/trackers.ts.
Entry = Mapping[str, Any]

STEP = "training_step"
#: Of the entries, by status.
EXIT_CODES = {"running": 0, "finished": 0, "failed": 1, "killed": 255}
ID_DIGITS = 20


def id_of(entry: Entry) -> str:
    return hashlib.sha256(entry["key"].encode()).hexdigest()[:ID_DIGITS]


def digest_of(*facts: object) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def end_of(entry: Entry) -> str:
    """Equal for equal ends. Training steps are not known where the curve was left out."""
    results = [[result["name"], result["value"], result["at"]] for result in entry["results"]]
    return digest_of(entry["parameters"], entry["tags"], results, entry["status"], entry["endedAt"])


def settings_of(entry: Entry, **more: Any) -> Any:
    """Nothing of the worker's machine, its files or its other programs goes along."""
    return wandb.Settings(
        silent=True,
        host="longhaul",
        console="off",
        save_code=False,
        disable_code=True,
        disable_git=True,
        disable_job_creation=True,
        x_disable_meta=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
        x_start_time=entry["startedAt"] / 1000,
        **more,
    )


def names_of(run: str, entry: Entry, project: str, entity: str | None) -> dict[str, Any]:
    return {
        "id": id_of(entry),
        "name": entry["name"],
        "group": run,
        "job_type": "run" if entry["parent"] is None else "trial",
        "project": project,
        "entity": entity,
    }


def tell_points(run: Any, entry: Entry, position: int) -> None:
    """Points behind the position; W&B's own step is the number of the progress record, which has no gaps."""
    run.define_metric("*", step_metric=STEP)
    for point in entry["points"]:
        if point["n"] > position:
            values = {name_of(metric): metric["value"] for metric in point["metrics"]}
            run.log({**values, STEP: point["step"], "_timestamp": point["at"] / 1000}, step=point["n"])


def tell_end(run: Any, entry: Entry) -> None:
    config = {name: value_of(text) for name, text in entry["parameters"].items()}
    run.config.update({**config, "longhaul": {**entry["tags"], "key": entry["key"], "end": end_of(entry)}}, allow_val_change=True)
    for result in entry["results"]:
        run.summary[name_of(result)] = result["value"]


def name_of(metric: Mapping[str, Any]) -> str:
    """Names that begin with `_` are W&B's own."""
    return str(metric["name"]).lstrip("_") or "unnamed"


def value_of(text: str) -> Any:
    """Numbers are numbers again, so that W&B compares them."""
    try:
        return json.loads(text)
    except ValueError:
        return text
