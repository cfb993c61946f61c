"""`trial.data`: weights, columns of any type over several parts, and several decoders."""

from __future__ import annotations

import datetime
import decimal
import signal
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scenes import Scene

from longhaul.data.dataset import DataSet, WeightedRows
from longhaul.data.manifest import Manifest, Part
from longhaul.data.readahead import read_ahead, usual_decoders
from longhaul.errors import BadPart, DataError, UsageError
from longhaul.policies import PartsPolicy


def dataset(root: Path, tables: Sequence[pa.Table], *, name: str = "validation", rows: Sequence[int] | None = None, **more: Any) -> DataSet:
    root.mkdir(parents=True, exist_ok=True)
    parts = []
    for number, table in enumerate(tables):
        path = root / f"part-{number}.parquet"
        pq.write_table(table, path)
        parts.append(Part(path.as_uri(), path.name, rows=table.num_rows if rows is None else rows[number]))
    options = {"layout": None, "features": (), "parts": PartsPolicy(), **more}
    return DataSet(name, Manifest(root.as_uri(), tuple(parts)), seed=3, epoch=lambda: 0, **options)


def weighted(root: Path, weights: list[Any], **more: Any) -> DataSet:
    ids = list(range(len(weights)))
    return dataset(root, [pa.table({"x": ids, "y": [value % 2 for value in ids], "w": weights, "session": [0, 0, 1, 1]})], **more)


def test_weights_make_triples(tmp_path: Path) -> None:
    data = weighted(tmp_path, [1, 0, 2.5, 3])
    x, y, weight = next(iter(data.numpy(batch_size=3, columns=["x"], label="y", weight="w")))
    assert x[:, 0].tolist() == [0, 1, 2] and y.tolist() == [0, 1, 0] and weight.tolist() == [1, 0, 2.5]
    assert weight.dtype == np.float32
    rows = data.numpy(label="y", weight="w")
    assert isinstance(rows, WeightedRows) and rows.weights.tolist() == [1, 0, 2.5, 3] and rows.x.shape == (4, 2)


def test_weights_go_with_groups_and_follow_the_shuffle(tmp_path: Path) -> None:
    data = weighted(tmp_path, [10, 11, 12, 13], name="train", layout={"kind": "flat", "session": "session", "label": "y"})
    for x, _, weight, lengths in data.numpy(batch_size=1, columns=["x"], label="y", weight="w", groups=True):
        assert (x[:, 0] + 10).tolist() == weight.tolist() and lengths.tolist() == [2]


def test_weights_of_a_nested_layout_are_of_candidates(tmp_path: Path) -> None:
    table = pa.table(
        {"s": [1, 2], "c": [[{"x": 1.0, "y": 0.0, "w": 2.0}], [{"x": 3.0, "y": 1.0, "w": 4.0}, {"x": 5.0, "y": 0.0, "w": 6.0}]]}
    )
    features = ({"name": "x", "type": "numeric", "default": 0},)
    layout = {"kind": "nested", "candidates": "c", "session": "s", "label": "y"}
    rows = dataset(tmp_path, [table], layout=layout, features=features).numpy(weight="w")
    assert rows.weights.tolist() == [2, 4, 6] and rows.groups.tolist() == [1, 2] and rows.x[:, 0].tolist() == [1, 3, 5]


@pytest.mark.parametrize("wrong", [-1.0, None, float("nan"), float("inf")])
def test_a_weight_that_is_none_is_refused(tmp_path: Path, wrong: float | None) -> None:
    with pytest.raises(BadPart, match=r"part-0.parquet, column w: row 2: expected a weight of at least 0, found"):
        weighted(tmp_path, [1.0, 1.0, wrong, 1.0]).numpy(columns=["x"], label="y", weight="w")


def test_a_weight_needs_a_label(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected label=COLUMN with it"):
        weighted(tmp_path, [1, 1, 1, 1]).numpy(weight="w")


def test_lightgbm_takes_the_weights(tmp_path: Path) -> None:
    pytest.importorskip("lightgbm")
    found = weighted(tmp_path, [1, 2, 3, 4]).lightgbm(columns=["x"], label="y", weight="w").construct()
    assert found.get_weight().tolist() == [1, 2, 3, 4]


def test_lists_that_are_of_one_length_in_one_part_only(tmp_path: Path) -> None:
    tables = [pa.table({"tags": rows}) for rows in ([[1, 2], [3, 4]], [[5], []], [[6, 7, 8]], [[9, 10]])]
    found = dataset(tmp_path, tables).numpy()["tags"]
    assert [list(row) for row in found] == [[1, 2], [3, 4], [5], [], [6, 7, 8], [9, 10]]
    batches = [batch["tags"] for batch in dataset(tmp_path, tables).numpy(batch_size=5)]
    assert [list(row) for batch in batches for row in batch] == [list(row) for row in found]


#: A column of each type, and its second value as numpy has it.
KINDS: dict[str, tuple[pa.Array, Any]] = {
    "bool": (pa.array([True, False]), False),
    "uint64": (pa.array([1, 2**64 - 1], pa.uint64()), 2**64 - 1),
    "float16": (pa.array(np.array([1, 0.5], np.float16)), 0.5),
    "decimal": (pa.array([decimal.Decimal("1.5"), decimal.Decimal("2.5")]), decimal.Decimal("2.5")),
    "text": (pa.array(["a", "ü"]), "ü"),
    "large text": (pa.array(["a", "b"], pa.large_string()), "b"),
    "bytes": (pa.array([b"a", b"\0b"]), b"\0b"),
    "fixed bytes": (pa.array([b"aa", b"bb"], pa.binary(2)), b"bb"),
    "category": (pa.array(["a", "b"]).dictionary_encode(), "b"),
    "date": (pa.array([datetime.date(2026, 1, 1), datetime.date(2026, 1, 2)]), np.datetime64("2026-01-02")),
    "instant": (pa.array([0, 10**6], pa.timestamp("us", "UTC")), np.datetime64(1, "s")),
    "time": (pa.array([datetime.time(1), datetime.time(2)]), datetime.time(2)),
    "duration": (pa.array([0, 5], pa.duration("s")), np.timedelta64(5, "s")),
    "struct": (pa.array([{"a": 1}, {"a": 2}]), {"a": 2}),
    "nothing": (pa.array([None, None]), None),
    "text or nothing": (pa.array(["a", None]), None),
    "list or nothing": (pa.array([[1], None]), []),
    "embedding": (pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float32(), 2)), [3.0, 4.0]),
    "matrix": (pa.array([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]), [[5, 6], [7, 8]]),
    "texts": (pa.array([["a"], ["b", "c"]]), ["b", "c"]),
    "map": (pa.array([[("a", 1)], [("b", 2)]], pa.map_(pa.string(), pa.int64())), [("b", 2)]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_any_type_of_column_over_parts_and_shuffled(tmp_path: Path, kind: str) -> None:
    column, expected = KINDS[kind]
    tables = [pa.table({"id": [2 * number, 2 * number + 1], "it": column}) for number in range(3)]
    data = dataset(tmp_path, tables, name="train")
    rows = {number: value for batch in data.numpy(batch_size=4) for number, value in zip(batch["id"].tolist(), batch["it"], strict=True)}
    for number in (1, 3, 5):
        found = rows[number]
        assert (found.tolist() if isinstance(found, np.ndarray) else found) == expected, kind


def test_the_same_order_and_batches_for_any_number_of_decoders(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    tables = [
        pa.table({"id": rng.integers(0, 10**9, size), "text": [str(value) for value in range(size)]}) for size in (9, 31, 1, 17, 25, 3)
    ]

    def batches(decoders: int | None, start: int = 0) -> list[tuple[list[int], list[str]]]:
        loader = dataset(tmp_path, tables, name="train", parts=PartsPolicy(ahead=2, decoders=decoders)).numpy(batch_size=8)
        return [(batch["id"].tolist(), batch["text"].tolist()) for batch in loader.from_batch(start)]

    expected = batches(1)
    for decoders in (0, 4, None):
        assert batches(decoders) == expected
        assert [batches(decoders, start) for start in (1, 5, 10, 11)] == [expected[start:] for start in (1, 5, 10, 11)]


@pytest.mark.parametrize("write", [3, 5, 8])
def test_another_number_of_decoders_goes_on_to_the_same_bits(scene: Scene, write: int) -> None:
    def parts(decoders: int) -> dict[str, int]:
        return {"ahead": 2, "decoders": decoders}

    whole = scene.finish("whole", parts=parts(1))
    died = {"DIE_AT": str(write), "DIE_WHEN": "after", "DIE_BY": str(int(signal.SIGKILL))}
    assert scene.run("killed", 1, environment=died, parts=parts(4)).code == -signal.SIGKILL
    assert scene.finish("killed", 2, parts=parts(0)) == whole


def test_so_many_decoders_work_at_once_and_no_more() -> None:
    """Two are held until the consumer waits: each wait adds one, up to the number that is allowed."""
    consumer, together = threading.get_ident(), threading.Barrier(3)
    started: list[int] = []

    def decode(item: int, raw: object) -> int:
        started.append(item)
        while item in (1, 2) and not waits_for_a_future(consumer):
            time.sleep(0.001)
        if item in (4, 5, 6):
            together.wait(600)  # passes only where three are decoded at once
        return item

    seen = []
    for item, result in read_ahead(range(20), lambda item: b"", decode, 4, 3):
        seen.append(result.result())
        assert max(started) <= item + 3, "no more are held than those of the decoders and the consumer's"
    assert seen == list(range(20))


def waits_for_a_future(thread: int) -> bool:
    frame = sys._current_frames()[thread]
    while frame.f_back is not None and frame.f_code is not Future.exception.__code__:
        frame = frame.f_back
    return frame.f_code is Future.exception.__code__


def test_without_decoders_nothing_is_decoded_before_it_is_asked_for() -> None:
    decoded: list[int] = []
    reader = read_ahead(range(9), lambda item: b"", lambda item, raw: decoded.append(item), 4, 0)
    for item, _ in reader:
        assert decoded == list(range(item + 1))


def test_some_decoders_are_usual() -> None:
    assert 1 <= usual_decoders() <= 4


def test_rows_that_a_manifest_promises_and_a_part_has_not(tmp_path: Path) -> None:
    data = dataset(tmp_path, [pa.table({"id": [1, 2, 3]})], rows=[8], share=(1, 2))
    with pytest.raises(DataError, match="expected 5 rows more, as the manifest says"):
        list(data.numpy(batch_size=2, shuffle=False))
    with pytest.raises(DataError, match="expected 7 rows more, as the checkpoint has them"):
        list(dataset(tmp_path, [pa.table({"id": [1, 2, 3]})]).numpy(batch_size=2).from_batch(5))


def test_arrow_gives_all_parts_in_the_order_of_names(tmp_path: Path) -> None:
    data = dataset(tmp_path, [pa.table({"id": [number], "more": ["x"]}) for number in range(7)], name="train")
    assert data.arrow(columns=["id"]).to_pydict() == {"id": list(range(7))}
