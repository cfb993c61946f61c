"""`trial.data`: any column type, an order that seed and epoch decide, and batches from any place on."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from longhaul.check.document import FEATURES, LAYOUT
from longhaul.check.sample import write_sample
from longhaul.data.dataset import DataSet
from longhaul.data.manifest import find_parts
from longhaul.errors import BadPart, DataError, NoInputError
from longhaul.policies import PartsPolicy
from longhaul.store import open_store

ROWS = (7, 12, 5)


def write_rows(root: Path, *, manifest: bool = True) -> str:
    root.mkdir(parents=True)
    parts, start = [], 0
    for number, rows in enumerate(ROWS):
        ids = np.arange(start, start + rows)
        start += rows
        table = pa.table(
            {
                "id": ids,
                "text": [f"t{value}" for value in ids],
                "day": [datetime.date(2026, 1, 1) + datetime.timedelta(int(value)) for value in ids],
                "vector": [[float(value), 1.0] for value in ids],
                "tags": [["x"] * int(value % 3) for value in ids],
                "image": [bytes([value]) for value in ids],
                "maybe": [None if value % 2 else float(value) for value in ids],
                "label": (ids % 2).astype(np.float64),
            }
        )
        path = root / f"part-{number}.parquet"
        pq.write_table(table, path)
        parts.append({"name": path.name, "rows": rows, "bytes": path.stat().st_size, "generation": "1", "crc32c": None})
    if manifest:
        (root / "manifest.json").write_text(json.dumps({"uri": root.as_uri(), "parts": parts}), encoding="utf-8")
    return root.as_uri()


def dataset(uri: str, *, name: str = "train", epoch: int = 0, **more: Any) -> DataSet:
    options = {"layout": None, "features": (), "parts": PartsPolicy(), **more}
    return DataSet(name, find_parts(open_store(uri), uri), seed=3, epoch=lambda: epoch, **options)


def ids(batches: Any) -> list[list[int]]:
    return [batch["id"].tolist() for batch in batches]


def flat(batches: list[list[int]]) -> list[int]:
    return [value for batch in batches for value in batch]


@pytest.mark.parametrize("manifest", [True, False])
def test_batches_cross_parts_and_hold_each_row_once(tmp_path: Path, manifest: bool) -> None:
    data = dataset(write_rows(tmp_path / "a", manifest=manifest))
    found = ids(data.numpy(batch_size=5))
    assert [len(batch) for batch in found] == [5, 5, 5, 5, 4]
    assert sorted(flat(found)) == list(range(sum(ROWS)))
    assert flat(found) != list(range(sum(ROWS)))


def test_the_order_is_a_function_of_seed_and_epoch(tmp_path: Path) -> None:
    uri = write_rows(tmp_path / "a")
    first, second = dataset(uri), dataset(uri, epoch=1)
    assert ids(first.numpy(5)) == ids(first.numpy(5))
    assert ids(first.numpy(5)) != ids(second.numpy(5))
    assert flat(ids(dataset(uri, name="validation").numpy(5))) == list(range(sum(ROWS)))


@pytest.mark.parametrize("manifest", [True, False])
@pytest.mark.parametrize("size", [1, 4, 5, 24, 100])
def test_from_any_batch_on_the_rest_is_the_same(tmp_path: Path, size: int, manifest: bool) -> None:
    loader = dataset(write_rows(tmp_path / "a", manifest=manifest)).numpy(batch_size=size)
    whole = ids(loader)
    for number in range(len(whole) + 1):
        assert ids(loader.from_batch(number)) == whole[number:]
    if manifest:
        assert len(loader) == len(whole)


def test_parts_that_lie_before_are_not_read(tmp_path: Path) -> None:
    data = dataset(write_rows(tmp_path / "a"), name="validation")
    (tmp_path / "a" / "part-0.parquet").unlink()
    assert ids(data.numpy(batch_size=7).from_batch(1))[0] == list(range(7, 14))


def test_columns_of_any_type(tmp_path: Path) -> None:
    found = dataset(write_rows(tmp_path / "a"), name="validation").numpy()
    assert found["text"][3] == "t3" and found["image"][3] == b"\x03"
    assert found["day"].dtype.kind == "M" and str(found["day"][1])[:10] == "2026-01-02"
    assert found["vector"].shape == (24, 2) and found["vector"][5].tolist() == [5.0, 1.0]
    assert [len(tags) for tags in found["tags"][:4]] == [0, 1, 2, 0]
    assert np.isnan(found["maybe"][1]) and found["maybe"][2] == 2.0


def test_label_and_columns_give_pairs(tmp_path: Path) -> None:
    data = dataset(write_rows(tmp_path / "a"), name="validation")
    x, y = next(iter(data.numpy(batch_size=4, columns=["id", "maybe"], label="label")))
    assert x.dtype == y.dtype == np.float32 and x.shape == (4, 2)
    assert y.tolist() == [0, 1, 0, 1]
    with pytest.raises(BadPart, match="expected a number, found string; choose columns="):
        data.numpy(columns=["text"], label="label")
    with pytest.raises(BadPart, match="not there; the part has id, text"):
        data.numpy(columns=["none"], label="label")


def test_sessions_stay_whole_and_features_follow_the_table(tmp_path: Path) -> None:
    uri = write_sample(tmp_path)["train"]
    data = dataset(uri, layout=LAYOUT, features=tuple(FEATURES))
    rows = data.numpy()
    assert rows.x.shape == (len(rows.y), 3) and rows.groups.sum() == len(rows.y)
    assert abs(rows.x[:, 0].mean()) < 0.3 and set(np.unique(rows.x[:, 2])) < set(range(32))
    assert data.numpy(normalise=False).x[:, 0].mean() > 5
    seen = 0
    for x, y, lengths in data.numpy(batch_size=16, groups=True):
        assert len(x) == len(y) == lengths.sum()
        assert all(part.sum() == 1 for part in np.split(y, np.cumsum(lengths)[:-1]))  # one item of each session is bought
        seen += len(lengths)
    assert seen == 180


def test_a_bad_part_is_passed_over_where_the_trial_says_so(tmp_path: Path) -> None:
    uri = write_rows(tmp_path / "a", manifest=False)
    (tmp_path / "a" / "part-1.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(BadPart, match="part-1"):
        list(dataset(uri).numpy(5))
    found = ids(dataset(uri, parts=PartsPolicy(skip_bad=True, bad_budget=1)).numpy(5))
    assert len(flat(found)) == ROWS[0] + ROWS[2]


@pytest.mark.parametrize("world", [2, 3, 5])
@pytest.mark.parametrize("manifest", [True, False])
def test_ranks_share_an_epoch_in_equal_parts(tmp_path: Path, world: int, manifest: bool) -> None:
    uri = write_rows(tmp_path / "train", manifest=manifest)
    for epoch in (0, 1):
        order = flat(ids(dataset(uri, epoch=epoch).numpy(batch_size=4)))
        shares = [
            [batch["id"].tolist() for batch in dataset(uri, epoch=epoch, share=(rank, world)).numpy(batch_size=2)] for rank in range(world)
        ]
        assert {tuple(map(len, share)) for share in shares} == {tuple(map(len, shares[0]))}
        size = sum(ROWS) // world
        assert [flat(share) for share in shares] == [order[rank * size : (rank + 1) * size] for rank in range(world)]
        for rank, share in enumerate(shares):
            loader = dataset(uri, epoch=epoch, share=(rank, world)).numpy(batch_size=2)
            assert len(loader) == len(share)
            assert [ids(loader.from_batch(number)) for number in range(len(share) + 1)] == [
                share[number:] for number in range(len(share) + 1)
            ]


def test_a_rank_reads_no_part_in_which_its_share_is_not(tmp_path: Path) -> None:
    uri = write_rows(tmp_path / "train")
    for name in ("part-0.parquet", "part-1.parquet"):
        (tmp_path / "train" / name).unlink()
    # 4 rows each: those of the last rank are 16 to 19, the last of part 1; of 12 ranks those of the last are 22 and 23.
    assert flat(ids(dataset(uri, share=(11, 12)).numpy(batch_size=2, shuffle=False))) == [22, 23]
    with pytest.raises(NoInputError):
        list(dataset(uri, share=(4, 5)).numpy(batch_size=2, shuffle=False))


def test_groups_are_not_cut_between_ranks(tmp_path: Path) -> None:
    root = tmp_path / "train"
    root.mkdir()
    session = np.repeat(np.arange(7), [3, 1, 2, 4, 1, 2, 3])
    pq.write_table(pa.table({"session": session, "x": session * 1.0, "label": session * 0.0}), root / "part-0.parquet")
    layout = {"kind": "flat", "session": "session", "label": "label"}
    found = []
    for rank in range(3):
        data = dataset(root.as_uri(), share=(rank, 3), layout=layout)
        batches = list(data.numpy(batch_size=2, columns=["x"], label="label", groups=True, shuffle=False))
        found += [(x[:, 0].tolist(), lengths.tolist()) for x, _, lengths in batches]
    assert found == [([0.0] * 3 + [1.0], [3, 1]), ([2.0] * 2 + [3.0] * 4, [2, 4]), ([4.0] + [5.0] * 2, [1, 2])]


def test_fewer_rows_than_ranks_are_refused(tmp_path: Path) -> None:
    uri = write_rows(tmp_path / "train")
    with pytest.raises(DataError, match="at least one row for each of 25 ranks, found 24"):
        list(dataset(uri, share=(0, 25)).numpy(batch_size=2))
