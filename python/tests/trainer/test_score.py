"""Scores of a data set, part by part."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from attempts import Finished, Trainers, result
from builders import features, layout_json, write_data

from longhaul_trainer.score import saved_model


def feature_table(path: Path, layout: str = "nested", segments: tuple[str, ...] = ("week",)) -> str:
    path.write_text(json.dumps({"layout": layout_json(layout), "features": features(), "segments": segments}))
    return f"file://{path}"


@pytest.fixture
def score(trainers: Trainers, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """`longhaul_trainer score`: exit code and what it told."""

    def run(model: str, data: str, features: str, output: Path, *more: str) -> tuple[int, str]:
        log = tmp_path / "score.log"
        arguments = ["score", "--model", model, "--data", data, "--features", features, "--output", str(output), *more]
        code = trainers.command(arguments, log).wait()
        return code, log.read_text()

    return run


@pytest.fixture(scope="module")
def model(finished: Finished) -> str:
    return f"file://{finished.output}/exports/{result(finished.output)['bestExport']}"


Score = Callable[..., tuple[int, str]]


@pytest.mark.parametrize("layout", ["nested", "flat"])
def test_every_candidate_gets_one_score_beside_its_keys(tmp_path: Path, score: Score, model: str, layout: str) -> None:
    uri = write_data(tmp_path / "data", parts=3, sessions=25, seed=2, layout=layout, row_group=10)
    code, told = score(model, uri, feature_table(tmp_path / "features.json", layout), tmp_path / "scores.parquet")
    assert code == 0, told
    found = pq.read_table(tmp_path / "scores.parquet")
    assert found.column_names == ["session", "item", "label", "week", "score"]
    assert str(found.schema.field("score").type) == "double"
    assert len(set(found.column("session").to_pylist())) == 75
    assert sum(found.column("label").to_pylist()) == 75
    assert all(math.isfinite(value) for value in found.column("score").to_pylist())
    assert f"{len(found)} candidates of 3 parts scored" in told


def test_scores_agree_with_the_metrics_of_the_training(
    tmp_path: Path, score: Score, finished: Finished, data: dict[str, str], model: str
) -> None:
    code, told = score(model, data["validation"], feature_table(tmp_path / "features.json"), tmp_path / "scores.parquet")
    assert code == 0, told
    sessions: dict[str, list[tuple[float, float]]] = {}
    for row in pq.read_table(tmp_path / "scores.parquet").to_pylist():
        sessions.setdefault(row["session"], []).append((row["score"], row["label"]))
    ranks: list[Any] = []
    for rows in sessions.values():
        rows.sort(key=lambda row: -row[0])
        ranks.append(1 + next(index for index, row in enumerate(rows) if row[1]))
    expected = result(finished.output)["metrics"]
    assert sum(1 / rank for rank in ranks) / len(ranks) == pytest.approx(expected["validation_mrr"], rel=1e-6)
    assert sum(ranks) / len(ranks) == pytest.approx(expected["validation_average_rank"], rel=1e-6)


def test_parts_without_a_manifest_and_columns_of_ones_own(tmp_path: Path, score: Score, model: str) -> None:
    write_data(tmp_path / "data", parts=2, sessions=10)
    (tmp_path / "data" / "manifest.json").unlink()
    table = feature_table(tmp_path / "f.json")
    code, told = score(model, f"file://{tmp_path}/data", table, tmp_path / "s.parquet", "--columns", "item,price")
    assert code == 0, told
    assert pq.read_table(tmp_path / "s.parquet").column_names == ["item", "price", "score"]


@pytest.mark.parametrize(
    ("wrong", "expected_code", "message"),
    [
        ("model", 66, "expected a model export with READY"),
        ("table", 66, "expected features.json"),
        ("features", 64, "lacks brand, discount, shelf"),
        ("column", 65, "column colour: no such column"),
    ],
)
def test_what_cannot_be_scored_is_refused_and_nothing_is_written(
    tmp_path: Path, score: Score, model: str, data: dict[str, str], wrong: str, expected_code: int, message: str
) -> None:
    table = feature_table(tmp_path / "features.json")
    fewer = tmp_path / "fewer.json"
    fewer.write_text(json.dumps({"layout": layout_json("nested"), "features": features()[:2]}))
    tables = {"table": f"file://{tmp_path}/none.json", "features": f"file://{fewer}"}
    more = ["--columns", "item,colour"] if wrong == "column" else []
    given = f"file://{tmp_path}/none" if wrong == "model" else model
    code, told = score(given, data["validation"], tables.get(wrong, table), tmp_path / "scores.parquet", *more)
    assert (code, "Traceback" in told) == (expected_code, False), told
    assert message in told
    assert not (tmp_path / "scores.parquet").exists()


@pytest.mark.parametrize("folder", ["two words", "größe", "x#y", "x?y", "my%20folder", "[wip] x"])
def test_a_model_is_found_whatever_its_folder_is_called(tmp_path: Path, folder: str) -> None:
    export = tmp_path / folder / "exports" / "000000002"
    (export / "model" / "variables").mkdir(parents=True)
    (export / "READY").write_text(json.dumps({"savedModel": "model"}), encoding="utf-8")
    (export / "model" / "saved_model.pb").write_bytes(b"graph")
    (export / "model" / "variables" / "variables.index").write_bytes(b"index")
    # `pathToFileURL` of JavaScript leaves brackets as they are, `as_uri` of Python does not.
    for uri in (export.as_uri(), export.as_uri().replace("%5B", "[").replace("%5D", "]"), str(export)):
        with saved_model(uri) as found:
            files = {str(path.relative_to(found)): path.read_bytes() for path in found.rglob("*") if path.is_file()}
        assert files == {"saved_model.pb": b"graph", "variables/variables.index": b"index"}, uri
