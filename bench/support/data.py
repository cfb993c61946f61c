"""Data sets of the example's shape: 22 numeric and 3 categorical features, sessions of varying length."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

NUMERIC = 22
CATEGORICAL = 3
WORDS = [f"v{number}" for number in range(300)]


def features() -> list[dict[str, Any]]:
    numeric = [{"name": f"f{index}", "type": "numeric", "default": 0, "mean": 1.5, "stddev": 1.2} for index in range(NUMERIC)]
    return [*numeric, *({"name": f"c{index}", "type": "categorical", "default": "", "buckets": 1000} for index in range(CATEGORICAL))]


def write_parts(directory: Path, *, distinct: int, parts: int, sessions: int) -> str:
    """`parts` files, of which `distinct` differ and the others are links; about 100 candidates a session."""
    directory.mkdir(parents=True)
    entries = []
    for index in range(parts):
        path = directory / f"part-{index:05d}.parquet"
        if index < distinct:
            pq.write_table(_table(np.random.default_rng(index), sessions), path)
        else:
            os.link(directory / f"part-{index % distinct:05d}.parquet", path)
        entries.append({"name": path.name, "rows": sessions, "bytes": path.stat().st_size, "generation": "1", "crc32c": None})
    manifest = {
        "uri": f"file://{directory}",
        "table": "bench.t",
        "tableVersion": "1",
        "rows": sessions * parts,
        "bytes": 0,
        "parts": entries,
    }
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return f"file://{directory}"


def _table(rng: np.random.Generator, sessions: int) -> pa.Table:
    lengths = np.clip(rng.lognormal(4.5, 0.45, sessions).astype(int), 10, 400)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    total = int(offsets[-1])
    columns: dict[str, Any] = {f"f{index}": pa.array(np.round(rng.gamma(1.5, 1.0, total), 3)) for index in range(NUMERIC)}
    columns |= {f"c{index}": pa.array(np.array(WORDS, dtype=object)[rng.integers(0, len(WORDS), total)]) for index in range(CATEGORICAL)}
    label = np.zeros(total)
    label[offsets[:-1] + rng.integers(0, lengths)] = 1.0
    columns |= {"label": pa.array(label), "item": pa.array(rng.integers(0, 90_000, total))}
    structs = pa.StructArray.from_arrays(list(columns.values()), names=list(columns))
    return pa.table({"session": pa.array(np.arange(sessions)), "candidates": pa.ListArray.from_arrays(pa.array(offsets), structs)})


def trial(output: Path, train: str, **changes: Any) -> dict[str, Any]:
    layout = {"kind": "nested", "candidates": "candidates", "session": "session", "item": "item", "label": "label"}
    base = {"version": 1, "pipeline": "bench", "run": "bench", "step": "search", "trial": 0, "seed": 1, "parameters": {}, "layout": layout}
    rest = {"epochs": 1, "objective": {"metric": "loss", "goal": "minimize"}, "checkpoint": {}, "parts": {}, "threads": 1}
    return {**base, **rest, "data": {"train": train}, "features": features(), "output": f"file://{output}", **changes}
