"""Bad parts are refused with file, column and row group, or passed over within a budget."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attempts import Trainers, records, result, run
from builders import flat_table, make_columns, nested_table, write_data, write_manifest

from longhaul.errors import BadPart
from longhaul_trainer.data.part import Columns, read_columns
from longhaul_trainer.features import Feature, Layout

FEATURES = (
    Feature("price", True, 0.0),
    Feature("popularity", True, -1.0),
    Feature("brand", False, "none", buckets=50),
    Feature("shelf", False, "-1", buckets=64),
)
LAYOUTS = {
    "nested": Layout("session", "item", "label", "candidates"),
    "flat": Layout("session", "item", "label"),
}
Values = dict[str, Any]


def hashed(texts: Any, buckets: int) -> Any:
    return np.array([sum(text.encode()) % buckets for text in texts], np.int64)


def written(
    layout: str, change: Callable[[Values], None] = lambda columns: None, row_group: int | None = None, sessions: int = 20
) -> bytes:
    lengths, columns = make_columns(sessions, seed=3)
    change(columns)
    table = (nested_table if layout == "nested" else flat_table)(lengths, columns, 0)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, row_group_size=row_group)
    found: bytes = sink.getvalue().to_pybytes()
    return found


def read(data: bytes, layout: str) -> Columns:
    return read_columns(data, "part-00007.parquet", LAYOUTS[layout], FEATURES, hashed)


def drop(name: str) -> Callable[[Values], None]:
    return lambda columns: columns.pop(name)


def put(name: str, value: Any, at: int = -1) -> Callable[[Values], None]:
    def change(columns: Values) -> None:
        columns[name] = columns[name].astype(float) if isinstance(value, float) else columns[name].astype(object)
        columns[name][at] = value

    return change


def retype(name: str, value: Any) -> Callable[[Values], None]:
    return lambda columns: columns.update({name: [value] * len(columns[name])})


BAD: dict[str, tuple[Callable[[Values], None], str, str]] = {
    "missing column": (drop("popularity"), "column popularity", "no such column; the file has"),
    "missing label": (drop("label"), "column label", "no such column"),
    "text for a number": (retype("price", "cheap"), "column price, row group 0", "expected a number, found"),
    "number for a category": (retype("brand", 1.5), "column brand, row group 0", "expected a text or a whole number, found double"),
    "NaN": (put("price", float("nan")), "column price, row group 1", "nan where a finite number or NULL is expected"),
    "infinity": (put("popularity", float("inf"), at=0), "column popularity, row group 0", "inf where a finite number"),
    "NULL label": (put("label", None), "column label, row group 1", "NULL; a label must not be"),
    "negative label": (put("label", -1.0), "column label, row group 1", "a label below 0"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", BAD)
def test_a_bad_column_is_refused_with_file_column_and_row_group(layout: str, name: str) -> None:
    change, place, problem = BAD[name]
    data = written(layout, change, row_group=10 if layout == "nested" else 100)
    with pytest.raises(BadPart) as caught:
        read(data, layout)
    assert str(caught.value).startswith(f"part-00007.parquet, {place}: ")
    assert problem in str(caught.value)


@pytest.mark.parametrize("damage", ["truncated", "no parquet", "cut in the middle", "no rows"])
def test_a_damaged_file_is_refused(damage: str) -> None:
    good = written("nested", row_group=10, sessions=40)
    data = {
        "truncated": good[:-20],
        "no parquet": b"id,label\n1,0\n",
        "cut in the middle": good[:200] + bytes(400) + good[600:],
        "no rows": written("nested", sessions=0),
    }[damage]
    expected = {
        "truncated": "truncated or not a parquet file",
        "no parquet": "truncated or not a parquet file",
        "cut in the middle": "row group 0: cannot be decoded",
        "no rows": "holds no rows",
    }[damage]
    with pytest.raises(BadPart, match=expected):
        read(data, "nested")


def test_rows_of_a_session_must_be_adjacent_in_the_flat_layout() -> None:
    lengths, columns = make_columns(3, seed=1)
    table = flat_table(lengths, columns, 0)
    mixed = pa.concat_tables([table, table.slice(0, 1)])
    sink = pa.BufferOutputStream()
    pq.write_table(mixed, sink)
    with pytest.raises(BadPart, match="column session: rows of one session are not adjacent"):
        read(sink.getvalue().to_pybytes(), "flat")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_both_layouts_give_the_same_columns(layout: str) -> None:
    lengths, columns = make_columns(20, seed=3)
    found = read(written(layout, row_group=7), layout)
    assert np.array_equal(np.diff(found.offsets), lengths)
    assert np.array_equal(found.labels, columns["label"].astype(np.float32))
    assert np.array_equal(found.numeric, np.stack([columns["price"], columns["popularity"]], axis=1).astype(np.float32))
    shelves = hashed([str(value) for value in columns["shelf"]], 64)
    assert np.array_equal(found.categorical[:, 1], shelves)


def test_a_row_group_with_another_dictionary_is_joined_with_the_others() -> None:
    """Each row group has its own; a feature of many values overflows it."""

    def many(columns: Values) -> None:
        columns["brand"] = np.array([f"brand-{index % 3000}-{'x' * 200}" for index in range(len(columns["brand"]))], dtype=object)

    lengths, columns = make_columns(900, seed=3)
    many(columns)
    sink = pa.BufferOutputStream()
    pq.write_table(nested_table(lengths, columns, 0), sink, row_group_size=400, dictionary_pagesize_limit=100_000)
    found = read(sink.getvalue().to_pybytes(), "nested")
    assert np.array_equal(found.categorical[:, 0], hashed(columns["brand"], 50))


def test_missing_values_become_the_defaults_of_the_feature_table() -> None:
    def holes(columns: Values) -> None:
        put("popularity", None, at=0)(columns)
        put("brand", None, at=0)(columns)

    found = read(written("nested", holes), "nested")
    assert found.numeric[0, 1] == -1.0
    assert found.categorical[0, 0] == hashed(["none"], 50)[0]


def test_a_column_of_the_session_is_a_feature_of_each_of_its_candidates() -> None:
    features = (*FEATURES, Feature("week", True, 0.0))
    found = read_columns(written("nested"), "p", LAYOUTS["nested"], features, hashed)
    weeks = np.repeat(np.arange(20) % 3, np.diff(found.offsets))
    assert np.array_equal(found.numeric[:, 2], weeks)


def spoilt(root: Path, bad: int) -> str:
    """Five parts, of which the last `bad` hold a NaN."""
    write_data(root, parts=5, sessions=30, seed=4)
    for index in range(5 - bad, 5):
        lengths, columns = make_columns(30, 4000 + index)
        columns["price"][3] = np.nan
        pq.write_table(nested_table(lengths, columns, index * 30), root / f"part-{index:05d}.parquet")
    return write_manifest(root)


def test_a_bad_part_ends_the_trial_with_65(tmp_path: Path, trainers: Trainers, data: dict[str, str]) -> None:
    found = run(trainers, tmp_path, {"train": spoilt(tmp_path / "data", 1)})
    assert found.code == 65, found.log
    assert "longhaul: part-00004.parquet, column price, row group 0: candidate 3: nan where" in found.log


def test_bad_parts_are_passed_over_within_the_budget_and_counted(tmp_path: Path, trainers: Trainers) -> None:
    uri = spoilt(tmp_path / "data", 2)
    found = run(trainers, tmp_path / "skip", {"train": uri}, parts={"ahead": 2, "onBad": "skip", "badBudget": 2})
    assert found.code == 0, found.log
    assert sorted(result(found.output)["badParts"]) == ["part-00003.parquet", "part-00004.parquet"]
    assert records(found.output)[-1]["badParts"] == 2
    assert result(found.output)["samples"] == 2 * 3 * 30

    over = run(trainers, tmp_path / "over", {"train": uri}, parts={"ahead": 2, "onBad": "skip", "badBudget": 1})
    assert over.code == 65, over.log
    assert "parts.badBudget (1) is used up by part-0000" in over.log


@pytest.mark.parametrize("what", ["truncated", "replaced", "gone"])
def test_a_part_that_is_not_what_the_manifest_lists_is_refused(tmp_path: Path, trainers: Trainers, what: str) -> None:
    uri = write_data(tmp_path / "data", parts=2, sessions=30)
    part = tmp_path / "data" / "part-00001.parquet"
    if what == "gone":
        part.unlink()
    elif what == "truncated":
        part.write_bytes(part.read_bytes()[:-7])
    else:
        shutil.copyfile(tmp_path / "data" / "part-00000.parquet", part)
        part.write_bytes(part.read_bytes() + b"x")
    found = run(trainers, tmp_path, {"train": uri})
    assert found.code == (66 if what == "gone" else 65), found.log
    assert "part-00001.parquet" in found.log and "manifest" in found.log
