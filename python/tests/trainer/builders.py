"""Small data sets and trials for tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from longhaul.resume.checkpoints import Checkpoints
from longhaul_trainer.resume.snapshot import Snapshot, from_files


class Termination:
    """For a trainer within this process, to which nobody sends a SIGTERM."""

    def __init__(self) -> None:
        self.answer: Callable[[], None] = lambda: None

    def install(self) -> None: ...


#: Of every trial of the tests.
THREADS = 1

NUMERIC = ("price", "popularity", "discount")
BRANDS = ("north", "south", "east", "west", "none")


def make_columns(sessions: int, seed: int, minimum: int = 4, maximum: int = 12) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
    """Lengths of sessions and columns of candidates; what is ordered depends on the features, so that a model can learn it."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(minimum, maximum + 1, sessions)
    total = int(lengths.sum())
    columns: dict[str, Any] = {name: rng.normal(size=total) for name in NUMERIC}
    columns["price"] = columns["price"] * 3 + 10
    brand = rng.integers(0, len(BRANDS), total)
    columns["brand"] = np.array(BRANDS, dtype=object)[brand]
    columns["shelf"] = rng.integers(0, 40, total)
    utility = columns["popularity"] * 2 - columns["price"] / 3 + (brand == 2) + rng.gumbel(size=total) * 0.3
    label = np.zeros(total)
    ends = np.cumsum(lengths)
    for start, end in zip(ends - lengths, ends, strict=True):
        label[start + int(np.argmax(utility[start:end]))] = 1.0
    columns["label"] = label
    columns["item"] = np.array([f"item-{value}" for value in rng.integers(0, 500, total)], dtype=object)
    return lengths, columns


def nested_table(lengths: np.ndarray[Any, Any], columns: Mapping[str, Any], first_session: int) -> pa.Table:
    offsets = pa.array(np.concatenate(([0], np.cumsum(lengths))).astype(np.int32))
    structs = pa.StructArray.from_arrays([pa.array(values) for values in columns.values()], names=list(columns))
    sessions = pa.array([f"s{first_session + index}" for index in range(len(lengths))])
    week = pa.array((np.arange(len(lengths)) % 3).astype(np.int64))
    return pa.table({"session": sessions, "week": week, "candidates": pa.ListArray.from_arrays(offsets, structs)})


def flat_table(lengths: np.ndarray[Any, Any], columns: Mapping[str, Any], first_session: int) -> pa.Table:
    sessions = np.repeat([f"s{first_session + index}" for index in range(len(lengths))], lengths)
    week = np.repeat(np.arange(len(lengths)) % 3, lengths)
    return pa.table({"session": pa.array(sessions), "week": pa.array(week), **{name: pa.array(values) for name, values in columns.items()}})


def write_data(
    directory: Path, *, parts: int = 3, sessions: int = 60, seed: int = 1, layout: str = "nested", row_group: int | None = None
) -> str:
    """Writes parts and manifest.json, as an export does."""
    directory.mkdir(parents=True, exist_ok=True)
    make = nested_table if layout == "nested" else flat_table
    for index in range(parts):
        table = make(*make_columns(sessions, seed * 1000 + index), index * sessions)
        pq.write_table(table, directory / f"part-{index:05d}.parquet", row_group_size=row_group)
    return write_manifest(directory)


def write_manifest(directory: Path) -> str:
    uri = f"file://{directory}"
    entries = []
    for path in sorted(directory.glob("part-*.parquet")):
        try:
            rows = pq.ParquetFile(path).metadata.num_rows
        except pa.ArrowException:
            rows = 0
        entries.append({"name": path.name, "rows": rows, "bytes": path.stat().st_size, "generation": "1", "crc32c": None})
    manifest = {
        "uri": uri,
        "table": "d.t",
        "tableVersion": "1",
        "rows": sum(e["rows"] for e in entries),
        "bytes": sum(e["bytes"] for e in entries),
        "parts": entries,
    }
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return uri


def features() -> list[dict[str, Any]]:
    return [
        {"name": "price", "type": "numeric", "default": 0, "mean": 10.0, "stddev": 3.0},
        {"name": "popularity", "type": "numeric", "default": 0, "mean": 0.0, "stddev": 1.0},
        {"name": "discount", "type": "numeric", "default": None},
        {"name": "brand", "type": "categorical", "default": "none", "buckets": 50},
        {"name": "shelf", "type": "categorical", "default": -1, "buckets": 64},
    ]


def layout_json(layout: str) -> dict[str, Any]:
    base = {"session": "session", "item": "item", "label": "label"}
    return {"kind": "nested", "candidates": "candidates", **base} if layout == "nested" else {"kind": "flat", **base}


def trial_json(output: Path, data: Mapping[str, str], *, layout: str = "nested", **changes: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "pipeline": "test",
        "run": "test-run",
        "step": "search",
        "trial": 3,
        "seed": 7,
        "parameters": {"hidden_units": "16,8", "batch_size": 16, "learning_rate": 0.01, "dropout": 0.1, "embedding_size": 3},
        "data": dict(data),
        "layout": layout_json(layout),
        "features": features(),
        "output": f"file://{output}",
        "epochs": 2,
        "validateEverySteps": 0,
        "sampleCandidates": 0,
        "objective": {
            "metric": "validation_ndcg_at_10" if "validation" in data else "loss",
            "goal": "maximize" if "validation" in data else "minimize",
        },
        "checkpoint": {"minSeconds": 5, "maxSeconds": 1800, "keep": 2, "meanSecondsBetweenPreemptions": None},
        "exportEveryValidations": 1,
        "parts": {"ahead": 4, "onBad": "fail", "badBudget": 0},
        "threads": THREADS,
        "commit": "0123abc",
        **changes,
    }


def write_trial(path: Path, document: Mapping[str, Any]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return f"file://{path}"


def loaded(checkpoints: Checkpoints) -> Snapshot:
    """The snapshot that an attempt goes on from."""
    files = checkpoints.load()
    assert files is not None
    return from_files(files)
