"""A small data set for trying a trainer out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SESSIONS_PER_PART = 60
PARTS = 3


def write_sample(directory: Path) -> dict[str, str]:
    """Data sets `train` and `validation`, in which popular and cheap items are ordered."""
    uris = {}
    for number, (name, parts) in enumerate({"train": PARTS, "validation": 1}.items()):
        target = directory / name
        target.mkdir(parents=True, exist_ok=True)
        entries = []
        for part in range(parts):
            path = target / f"part-{part:05d}.parquet"
            pq.write_table(_table(np.random.default_rng([number, part]), part * SESSIONS_PER_PART), path)
            entries.append({"name": path.name, "rows": SESSIONS_PER_PART, "bytes": path.stat().st_size, "generation": "1", "crc32c": None})
        uris[name] = target.absolute().as_uri()
        sums = {"rows": SESSIONS_PER_PART * parts, "bytes": sum(int(str(entry["bytes"])) for entry in entries)}
        manifest = {"uri": uris[name], "table": f"check.{name}", "tableVersion": "1", **sums, "parts": entries}
        (target / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return uris


def _table(rng: np.random.Generator, first: int) -> pa.Table:
    lengths = rng.integers(3, 10, SESSIONS_PER_PART)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    total = int(offsets[-1])
    price, popularity = rng.normal(10, 3, total), rng.normal(size=total)
    utility = popularity * 2 - price / 3 + rng.gumbel(size=total) * 0.3
    label = np.zeros(total)
    for start, end in zip(offsets, offsets[1:]):
        label[start + int(np.argmax(utility[start:end]))] = 1.0
    brands = np.array(["north", "south", "east"], dtype=object)[rng.integers(0, 3, total)]
    items = [f"item-{number}" for number in rng.integers(0, 200, total)]
    columns = {"item": pa.array(items), "label": pa.array(label), "price": pa.array(price), "popularity": pa.array(popularity)}
    structs = pa.StructArray.from_arrays([*columns.values(), pa.array(brands)], names=[*columns, "brand"])
    sessions = pa.array([f"s{first + index}" for index in range(SESSIONS_PER_PART)])
    return pa.table({"session": sessions, "candidates": pa.ListArray.from_arrays(pa.array(offsets), structs)})
