"""Parts that were made so that no session is cut."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from builders import write_data

from longhaul.data.buckets import bucket_of
from longhaul.data.manifest import load_manifest
from longhaul.errors import BadPart
from longhaul.store import open_store
from longhaul_trainer.data.stream import DataSet
from longhaul_trainer.features import Feature, Layout
from longhaul_trainer.trial import PartsPolicy


def test_the_bucket_is_that_of_the_warehouses() -> None:
    # As test/contract/warehouse.contract.ts computes it.
    assert [bucket_of(session, 7) for session in (0, "0", 210, "s1", True)] == [0, 0, 3, 1, 4]


def promised(directory: Path, session: str | None = "session", buckets: dict[int, int] | None = None) -> DataSet:
    """Data of two parts, whose manifest says that they were made by the hash of the session."""
    uri = write_data(directory, parts=2, sessions=5, layout="flat")
    manifest: dict[str, Any] = json.loads((directory / "manifest.json").read_text())
    manifest["layout"] = {"session": session, "buckets": 1 if buckets is None else 64, "orderBy": []}
    for index, part in enumerate(manifest["parts"]):
        part["bucket"] = 0 if buckets is None else buckets[index]
    (directory / "manifest.json").write_text(json.dumps(manifest))
    store = open_store(uri)
    features = (Feature("price", True, 0.0),)
    policy = PartsPolicy(ahead=1, skip_bad=False, bad_budget=0)
    return DataSet(store, load_manifest(store, uri), Layout("session", "item", "label"), features, lambda texts, n: None, policy)  # type: ignore


def test_a_part_with_a_session_of_another_part_is_bad(tmp_path: Path) -> None:
    whole = promised(tmp_path / "whole")
    for part in whole.manifest.parts:
        assert whole.decode(part, whole.fetch(part)).sessions == 5
    cut = promised(tmp_path / "cut", buckets={0: 1, 1: 2})
    first = cut.manifest.parts[0]
    with pytest.raises(BadPart, match="column session: holds session 's0', which belongs into another part"):
        cut.decode(first, cut.fetch(first))


def test_old_exports_promise_nothing_and_are_read(tmp_path: Path) -> None:
    uri = write_data(tmp_path, parts=2, layout="flat")
    manifest = load_manifest(open_store(uri), uri)
    assert (manifest.session, [part.bucket for part in manifest.parts]) == (None, [None, None])
