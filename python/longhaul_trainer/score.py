"""Scores of a data set with an export: part by part into one parquet file of flat rows."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from longhaul.checked import parse_json
from longhaul.data.fetch import fetch
from longhaul.data.manifest import Part, find_parts
from longhaul.data.readahead import read_ahead
from longhaul.errors import BadPart, NoInputError, UsageError
from longhaul.store import Store, join, open_store
from longhaul.store.base import Chunk

from .data.parquet import Decoded, decode
from .export import OUTPUT_NAME, SAVED_MODEL
from .features import Feature, FeatureTable, Layout, parse_feature_table

#: Candidates scored by one call of the model.
ROWS_AT_ONCE = 65_536
PARTS_AHEAD = 2
KEYS = ("session", "item", "label")


def score(model: str, data: str, features: str, output: str, columns: str | None = None) -> None:
    """Writes `session, item, label, score` (float64) and the segment columns for every candidate."""
    table = _feature_table(features)
    carried = _carried(columns, table)
    store = open_store(data)
    parts = find_parts(store, data).parts
    scorer = Scorer(model, table.features)
    began = time.monotonic()
    rows = 0
    target = output if "://" in output else Path(output).absolute().as_uri()
    with tempfile.TemporaryDirectory(prefix="longhaul-score-") as directory:
        local = Path(directory) / "scores.parquet"
        writer: pq.ParquetWriter | None = None
        for batch in _scored(store, parts, table, carried, scorer):
            if writer is None:
                writer = pq.ParquetWriter(local, batch.schema, compression="zstd", compression_level=1)
            writer.write_batch(batch.cast(writer.schema) if batch.schema != writer.schema else batch)
            rows += batch.num_rows
        if writer is None:
            raise NoInputError(f"{data}: no candidates to score")
        writer.close()
        open_store(target).upload(local, target)
    print(
        f"longhaul: {rows} candidates of {len(parts)} parts scored in {time.monotonic() - began:.1f} s → {output}",
        file=sys.stderr,
        flush=True,
    )


def _feature_table(uri: str) -> FeatureTable:
    found = open_store(uri).read(uri)
    if found is None:
        raise NoInputError(f"{uri}: there is no such object; expected features.json of the data set")
    return parse_feature_table(parse_json(found.data, uri), uri)


def _carried(columns: str | None, table: FeatureTable) -> list[str]:
    if columns is None:
        return [*KEYS, *table.segments]
    names = [name.strip() for name in columns.split(",") if name.strip()]
    if "score" in names or len(set(names)) != len(names):
        raise UsageError(f"--columns: expected names other than score, each once, found {columns!r}")
    return names


def source_column(name: str, layout: Layout) -> str:
    """`session`, `item` and `label` stand for whatever the layout calls them."""
    return {"session": layout.session, "item": layout.item, "label": layout.label}.get(name, name)


def _scored(store: Store, parts: Sequence[Part], table: FeatureTable, carried: list[str], scorer: Scorer) -> Iterator[pa.RecordBatch]:
    wanted = list(dict.fromkeys([*(source_column(name, table.layout) for name in carried), *(feature.name for feature in table.features)]))

    def read(part: Part, data: Chunk) -> Decoded:
        return decode(data, part.name, table.layout, wanted, strings_as_dictionary=False)

    for _, future in read_ahead(parts, lambda part: fetch(store, part), read, PARTS_AHEAD):
        decoded = future.result()
        total = int(decoded.offsets[-1])
        for start in range(0, total, ROWS_AT_ONCE):
            size = min(ROWS_AT_ONCE, total - start)
            scores = scorer.score(decoded, start, size)
            arrays = [decoded.candidates[source_column(name, table.layout)].slice(start, size) for name in carried]
            yield pa.RecordBatch.from_arrays([*arrays, pa.array(scores, pa.float64())], names=[*carried, "score"])


class Scorer:
    """A SavedModel with one named input per feature: ours, or one's own of the same signature."""

    def __init__(self, uri: str, features: Sequence[Feature]) -> None:
        from .model.runtime import tensorflow

        self._tf = tensorflow(max(len(os.sched_getaffinity(0)), 1), 0)
        self._features = tuple(features)
        with saved_model(uri) as directory:
            self._module = self._tf.saved_model.load(str(directory))
        signature = self._module.signatures.get("serving_default")
        if signature is None:
            raise UsageError(f"{uri}: the SavedModel has no signature serving_default")
        self._call = signature
        inputs = set(signature.structured_input_signature[1])
        missing = sorted(inputs - {feature.name for feature in features})
        if missing or OUTPUT_NAME not in signature.structured_outputs:
            raise UsageError(
                f"{uri}: the model takes {', '.join(sorted(inputs))} and gives {', '.join(signature.structured_outputs)}; "
                f"expected output {OUTPUT_NAME} and inputs of the feature table, which lacks {', '.join(missing) or 'none'}"
            )
        self._inputs = inputs

    def score(self, decoded: Decoded, start: int, size: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        inputs = {feature.name: self._input(decoded, feature, start, size) for feature in self._features if feature.name in self._inputs}
        found: np.ndarray[Any, np.dtype[np.float64]] = self._call(**inputs)[OUTPUT_NAME].numpy().reshape(-1).astype(np.float64)
        return found

    def _input(self, decoded: Decoded, feature: Feature, start: int, size: int) -> Any:
        array = decoded.candidates[feature.name].slice(start, size)
        try:
            if feature.numeric:
                numbers = pc.cast(pc.cast(array, pa.float64()) if pa.types.is_decimal(array.type) else array, pa.float32(), safe=False)
                return self._tf.constant(numbers.to_numpy(zero_copy_only=False).astype(np.float32, copy=False))
            texts = pc.fill_null(pc.cast(array, pa.string()), str(feature.default)).dictionary_encode()
            distinct = np.array([text.encode() for text in texts.dictionary.to_pylist()], dtype=object)
            return self._tf.gather(self._tf.constant(distinct, self._tf.string), texts.indices.to_numpy(zero_copy_only=False))
        except pa.ArrowException as error:
            raise BadPart(decoded.name, str(error), column=feature.name, row_group=decoded.row_group_of(start)) from None


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
                f"{self._uri}: expected an export with READY, or a SavedModel; found {len(names)} objects and no saved_model.pb"
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
