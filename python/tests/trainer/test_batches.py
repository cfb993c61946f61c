"""A batch is a pure function of seed and position; memory is bounded by how far is read ahead."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import features, layout_json, write_data

from longhaul.checked import Checked
from longhaul.data.manifest import load_manifest
from longhaul.data.randomness import Randomness
from longhaul.data.readahead import read_ahead
from longhaul.store import open_store
from longhaul_trainer.data.batches import Batch, Position, order_of_parts, whole_batches
from longhaul_trainer.data.part import Columns
from longhaul_trainer.data.sampling import sampled_rows
from longhaul_trainer.data.stream import Ahead, DataSet, stream_training
from longhaul_trainer.features import parse_features, parse_layout
from longhaul_trainer.trial import PartsPolicy

EPOCHS = 3
START = Position(0, 0, 0)


def hashed(texts: Any, buckets: int) -> Any:
    return np.array([sum(text.encode()) % buckets for text in texts], np.int64)


@pytest.fixture(scope="module", params=["nested", "flat"])
def parts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    uri = write_data(tmp_path_factory.mktemp("parts"), parts=4, sessions=37, seed=5, layout=request.param)
    return DataSet(
        open_store(uri),
        load_manifest(open_store(uri), uri),
        parse_layout(Checked(layout_json(request.param), "test")),
        parse_features(Checked(features(), "test")),
        hashed,
        PartsPolicy(ahead=3, skip_bad=False, bad_budget=0),
    )


def stream(data: DataSet, position: Position = START, seed: int = 7, sample: int = 5) -> list[Batch]:
    return list(stream_training(data, position, EPOCHS, seed=seed, batch_size=16, sample_candidates=sample, bad=()))


def same(one: Batch, other: Batch) -> bool:
    return all(np.array_equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(Batch))


@pytest.mark.parametrize("sample", [0, 5])
def test_from_any_position_come_the_batches_that_came_after_it(parts: DataSet, sample: int) -> None:
    whole = stream(parts, sample=sample)
    for index in random.Random(1).sample(range(len(whole)), 10):
        rest = stream(parts, whole[index].end, sample=sample)
        assert len(rest) == len(whole) - index - 1
        assert all(same(found, expected) for found, expected in zip(rest, whole[index + 1 :], strict=True))


def test_every_session_comes_once_an_epoch_in_an_order_of_its_own(parts: DataSet) -> None:
    batches = stream(parts, sample=0)
    assert sum(batch.sessions for batch in batches) == EPOCHS * 4 * 37
    orders = {tuple(order_of_parts(Randomness(7), epoch, 20)) for epoch in range(10)}
    assert len(orders) == 10
    assert all(sorted(order) == list(range(20)) for order in orders)
    first = [batch.numeric.tobytes() for batch in batches]
    assert len(set(first)) == len(first)
    assert [batch.numeric.tobytes() for batch in stream(parts, seed=8, sample=0)] != first


def test_ragged_sessions_lie_in_a_masked_grid(parts: DataSet) -> None:
    for batch in stream(parts, sample=0)[:6]:
        lengths = batch.mask.sum(axis=1)
        assert len(set(lengths)) > 1, "sessions differ in length"
        assert lengths.sum() == len(batch.numeric) == len(batch.categorical) == len(batch.slots)
        assert batch.mask.shape[1] == lengths.max()
        assert all(row[:length].all() and not row[length:].any() for row, length in zip(batch.mask, lengths, strict=True))
        assert not batch.labels[~batch.mask].any()
        assert (batch.labels.sum(axis=1) == 1).all()
        assert np.array_equal(np.sort(batch.slots), np.flatnonzero(batch.mask))


def columns_of(lengths: list[int], labels: list[float]) -> Columns:
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    numeric = np.arange(len(labels), dtype=np.float32)[:, None]
    return Columns("p", offsets, np.array(labels, np.float32), numeric, np.empty((len(labels), 0), np.int32))


def test_sampling_keeps_all_ordered_items_and_so_many_others() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 60, 300).tolist()
    columns = columns_of(lengths, (rng.random(sum(lengths)) < 0.1).astype(float).tolist())
    rows, counts = sampled_rows(columns, 7, np.random.default_rng(1))
    start = 0
    for session, count in enumerate(counts):
        chosen = rows[start : start + count]
        begin, end = columns.offsets[session], columns.offsets[session + 1]
        ordered = int((columns.labels[begin:end] > 0).sum())
        assert ((chosen >= begin) & (chosen < end)).all()
        assert int((columns.labels[chosen] > 0).sum()) == ordered
        assert count == ordered + min(7, end - begin - ordered)
        start += count
    again, _ = sampled_rows(columns, 7, np.random.default_rng(1))
    other, _ = sampled_rows(columns, 7, np.random.default_rng(2))
    assert np.array_equal(rows, again)
    assert not np.array_equal(rows, other)


def test_whole_batches_hold_every_candidate_once_in_order() -> None:
    lengths = [5, 1, 40, 3, 0, 7]
    columns = columns_of(lengths, [0.0] * sum(lengths))
    batches = list(whole_batches(columns, rows_at_once=10))
    assert np.array_equal(np.concatenate([batch.numeric[:, 0] for batch in batches]), np.arange(sum(lengths)))
    assert [batch.sessions for batch in batches] == [2, 1, 3]


def test_no_more_parts_than_allowed_are_in_memory() -> None:
    lock = threading.Lock()
    held: set[int] = set()
    most = 0
    ahead = 3

    def fetch(item: int) -> bytes:
        nonlocal most
        with lock:
            held.add(item)
            most = max(most, len(held))
        return bytes(1)

    seen = []
    for item, future in read_ahead(range(40), fetch, lambda item, raw: item, ahead):
        assert future.result() == item
        seen.append(item)
        with lock:
            held.discard(item)
    assert seen == list(range(40))
    assert most <= ahead + 2


def test_requests_overlap_so_that_latency_is_hidden() -> None:
    flying = 0
    most = 0
    lock = threading.Lock()
    together = threading.Event()

    def fetch(item: int) -> bytes:
        nonlocal flying, most
        with lock:
            flying += 1
            most = max(most, flying)
            if flying == 4:
                together.set()
        together.wait(timeout=600)
        with lock:
            flying -= 1
        return b""

    assert len(list(read_ahead(range(8), fetch, lambda item, raw: item, 4))) == 8
    assert most == 4


def test_an_error_of_the_input_reaches_the_training_loop_after_what_came_before_it(parts: DataSet) -> None:
    batches = stream(parts)[:3]

    def broken() -> Any:
        yield from batches
        raise RuntimeError("disk on fire")

    with Ahead(broken, group=2) as ahead:
        assert [next(ahead) for _ in batches] == batches
        with pytest.raises(RuntimeError, match="disk on fire"):
            next(ahead)


def test_closing_early_ends_the_threads(parts: DataSet) -> None:
    before = threading.active_count()
    with Ahead(lambda: iter(stream(parts) * 10), group=2) as ahead:
        next(iter(ahead))
    deadline = time.monotonic() + 600
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threading.active_count() <= before


def test_two_parts_of_the_same_name_order_are_one_identity(parts: DataSet, tmp_path: Path) -> None:
    manifest = parts.manifest
    assert replace(manifest, uri="file:///elsewhere").digest == manifest.digest
    grown = replace(manifest, parts=(*manifest.parts[:-1], replace(manifest.parts[-1], version="2")))
    assert grown.digest != manifest.digest
