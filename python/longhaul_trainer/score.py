"""Scores of a data set with an export in one parquet file of flat rows, on this machine: what a warehouse without scoring Jobs calls."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

from longhaul.checked import parse_json
from longhaul.data.manifest import find_parts
from longhaul.errors import NoInputError, UsageError
from longhaul.scoring.by_name import load
from longhaul.scoring.export import downloaded, scorer_of
from longhaul.scoring.job import processors, scored
from longhaul.scoring.request import request
from longhaul.store import join, open_store

from .export import SAVED_MODEL


def score(model: str, data: str, features: str, output: str, columns: str | None = None) -> None:
    """Writes `session, item, label, score` (float64) and the segment columns for every candidate."""
    wanted = request(model, data, features, output, _carried(columns))
    store = open_store(wanted.data)
    parts = find_parts(store, wanted.data).parts
    began = time.monotonic()
    rows = 0
    with downloaded(wanted.model) as folder, tempfile.TemporaryDirectory(prefix="longhaul-score-") as directory:
        scorer = scorer_of(wanted.model, folder)
        if scorer["kind"] == "command":
            raise UsageError(f"{model}: its scorer is a command, which runs as a Job only: evaluate it in a step")
        predict = load(scorer, folder, wanted.features, processors())
        local = Path(directory) / "scores.parquet"
        writer: pq.ParquetWriter | None = None
        for _, batches in scored(store, list(parts), wanted, predict, scorer):
            for batch in batches:
                if writer is None:
                    writer = pq.ParquetWriter(local, batch.schema, compression="zstd", compression_level=1)
                writer.write_batch(batch.cast(writer.schema) if batch.schema != writer.schema else batch)
                rows += batch.num_rows
        if writer is None:
            raise NoInputError(f"{data}: no candidates to score")
        writer.close()
        open_store(wanted.output).upload(local, wanted.output)
    print(
        f"longhaul: {rows} candidates of {len(parts)} parts scored in {time.monotonic() - began:.1f} s → {output}",
        file=sys.stderr,
        flush=True,
    )


def _carried(columns: str | None) -> tuple[str, ...] | None:
    if columns is None:
        return None
    names = tuple(name.strip() for name in columns.split(",") if name.strip())
    if "score" in names or len(set(names)) != len(names):
        raise UsageError(f"--columns: expected names other than score, each once, found {columns!r}")
    return names


class saved_model:
    """A local directory with the SavedModel of an export (or a SavedModel itself), downloaded where it must be."""

    def __init__(self, uri: str) -> None:
        self._uri = uri if "://" in uri else Path(uri).absolute().as_uri()
        self._temporary: str | None = None

    def __enter__(self) -> Path:
        store = open_store(self._uri)
        ready = store.read(join(self._uri, "READY"))
        inside = parse_json(ready.data, join(self._uri, "READY")).get("savedModel", SAVED_MODEL) if ready is not None else ""
        root = join(self._uri, inside) if inside else self._uri.rstrip("/")
        names = list(store.list(root))
        if not any(name.endswith("/saved_model.pb") for name in names):
            raise NoInputError(
                f"{self._uri}: expected a model export with READY, or a SavedModel; found {len(names)} objects and no saved_model.pb"
            )
        self._temporary = tempfile.mkdtemp(prefix="longhaul-model-")
        for name in names:
            path = Path(self._temporary) / name[len(root) :].lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            found = store.read(name)
            if found is None:
                raise NoInputError(f"{name}: vanished while it was read")
            path.write_bytes(found.data)
        return Path(self._temporary)

    def __exit__(self, *_: object) -> None:
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
