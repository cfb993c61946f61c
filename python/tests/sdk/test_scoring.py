"""`python -m longhaul.scoring`: exports of every framework, scored by what they bring, part by part."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from forking import Forker
from scenes import PYTHON, SCRIPTS, Scene

from longhaul.check.document import FEATURES, LAYOUT
from longhaul.data.dataset import DataSet
from longhaul.data.manifest import find_parts
from longhaul.policies import PartsPolicy
from longhaul.scoring.rows import Rows, read_columns
from longhaul.store import open_store

EXAMPLES = PYTHON.parent / "examples" / "own-code"


def feature_table(root: Path) -> Path:
    path = root / "features.json"
    path.write_text(json.dumps({"layout": LAYOUT, "features": FEATURES, "segments": []}), encoding="utf-8")
    return path


def score(model: Path, data: str, root: Path, output: str = "scores", **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "longhaul.scoring", "--model", str(model), "--data", data, "--features", str(feature_table(root))]
    variables = {**{name: value for name, value in os.environ.items() if not name.startswith("LONGHAUL_")}, **environment}
    return subprocess.run(
        [*command, "--output", str(root / output)],
        env={**variables, "PYTHONPATH": str(PYTHON)},
        capture_output=True,
        text=True,
        check=False,
    )


def export_of(scene: Scene, name: str = "trained") -> Path:
    scene.finish(name)
    return max((scene.output(name) / "exports").iterdir())


def scores_in(folder: Path) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.glob("part-*.parquet")) for row in pq.read_table(path).to_pylist()]


def rows_of(root: Path, data: str, inputs: dict[str, Any]) -> np.ndarray:
    table = json.loads(feature_table(root).read_text(encoding="utf-8"))
    found = []
    for path in sorted(Path(data.removeprefix("file://")).glob("*.parquet")):
        columns = read_columns(path.read_bytes(), path.name, table["layout"])
        found.append(Rows(path.name, columns, features=table["features"], inputs=inputs).x)
    return np.concatenate(found)


def lightgbm_scores(export: Path, x: np.ndarray) -> np.ndarray:
    import lightgbm

    return np.asarray(lightgbm.Booster(model_file=str(export / "model.txt")).predict(x))


def sklearn_scores(export: Path, x: np.ndarray) -> np.ndarray:
    import joblib

    model = joblib.load(export / "model.joblib")
    return model.predict_proba(x)[:, 1] if hasattr(model, "predict_proba") else model.predict(x)


def xgboost_scores(export: Path, x: np.ndarray) -> np.ndarray:
    import xgboost

    return xgboost.Booster(model_file=str(export / "model.ubj")).predict(xgboost.DMatrix(x))


@pytest.mark.parametrize(
    ("script", "kind", "expected", "normalise"),
    [
        (EXAMPLES / "lightgbm_train.py", "lightgbm", lightgbm_scores, False),
        (EXAMPLES / "sklearn_train.py", "scikit-learn", sklearn_scores, True),
        (SCRIPTS / "trees_xgboost.py", "xgboost", xgboost_scores, None),
    ],
    ids=["lightgbm", "sklearn", "xgboost"],
)
def test_an_export_is_scored_as_it_was_trained(
    tmp_path: Path, forker: Forker, script: Path, kind: str, expected: Any, normalise: bool | None
) -> None:
    pytest.importorskip({"scikit-learn": "sklearn"}.get(kind, kind))
    scene = Scene(forker, tmp_path, script)
    export = export_of(scene)
    scorer = json.loads((export / "READY").read_text(encoding="utf-8"))["scorer"]
    assert scorer["kind"] == kind
    assert normalise is None or scorer["normalise"] is normalise
    data = scene.data["validation"]
    ended = score(export, data, tmp_path)
    assert ended.returncode == 0, ended.stderr
    found = scores_in(tmp_path / "scores")
    wanted = expected(export, rows_of(tmp_path, data, scorer))
    np.testing.assert_allclose([row["score"] for row in found], wanted, rtol=1e-6)
    assert {"session", "item", "label", "score"} == set(found[0])
    assert (tmp_path / "scores" / "READY").exists()


OWN = """
import longhaul, numpy

def load(folder):
    weight = float((folder / "weight.txt").read_text())
    return lambda rows: weight * rows.x[:, 0]

longhaul.score(load)
"""


def own_export(root: Path, **scorer: Any) -> Path:
    export = root / "exports" / "1"
    export.mkdir(parents=True)
    (export / "weight.txt").write_text("2.5", encoding="utf-8")
    (export / "mine.py").write_text(OWN, encoding="utf-8")
    ready = {"scorer": {"kind": "command", "command": ["python", "mine.py"], **scorer}}
    (export / "READY").write_text(json.dumps(ready), encoding="utf-8")
    return export


def test_a_command_of_the_export_scores_in_its_folder(tmp_path: Path, forker: Forker) -> None:
    data = Scene(forker, tmp_path, SCRIPTS / "plain.py").data["validation"]
    ended = score(own_export(tmp_path), data, tmp_path)
    assert ended.returncode == 0, ended.stderr
    np.testing.assert_allclose([row["score"] for row in scores_in(tmp_path / "scores")], 2.5 * rows_of(tmp_path, data, {})[:, 0], rtol=1e-6)


def test_what_a_killed_attempt_has_written_is_not_scored_again(tmp_path: Path, forker: Forker) -> None:
    data = Scene(forker, tmp_path, SCRIPTS / "plain.py").data["train"]
    export = own_export(tmp_path)
    undisturbed = score(export, data, tmp_path, "undisturbed")
    assert undisturbed.returncode == 0, undisturbed.stderr
    parts = sorted((tmp_path / "undisturbed").glob("part-*.parquet"))
    assert len(parts) > 1, "the sample has several parts"
    first = tmp_path / "scores"
    first.mkdir()
    (first / parts[0].name).write_bytes(parts[0].read_bytes())
    mark = (first / parts[0].name).stat().st_mtime_ns
    again = score(export, data, tmp_path)
    assert again.returncode == 0, again.stderr
    assert f"1 of {len(parts)} parts are scored already" in again.stderr
    assert (first / parts[0].name).stat().st_mtime_ns == mark
    assert scores_in(first) == scores_in(tmp_path / "undisturbed")


def test_sigterm_ends_it_with_143_and_leaves_whole_parts(tmp_path: Path, forker: Forker) -> None:
    data = Scene(forker, tmp_path, SCRIPTS / "plain.py").data["train"]
    export = own_export(tmp_path)
    (export / "mine.py").write_text(OWN.replace("return lambda", "import time; time.sleep(3600); return lambda"), encoding="utf-8")
    features = feature_table(tmp_path)
    command = [sys.executable, "-m", "longhaul.scoring", "--model", str(export), "--data", data, "--features", str(features)]
    document = tmp_path / "score.json"
    asked = {
        "version": 1,
        "model": export.as_uri(),
        "data": data,
        "features": features.as_uri(),
        "columns": ["session"],
        "output": (tmp_path / "scores").as_uri(),
    }
    document.write_text(json.dumps(asked), encoding="utf-8")
    variables = {**os.environ, "PYTHONPATH": str(PYTHON), "LONGHAUL_SCORE": document.as_uri()}
    child = subprocess.Popen(command[:3], env=variables, stderr=subprocess.DEVNULL)
    children = Path(f"/proc/{child.pid}/task/{child.pid}/children")
    while not children.read_text(encoding="utf-8").strip():
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(signal.SIGTERM)
    assert child.wait() == 143
    assert not (tmp_path / "scores" / "READY").exists()


@pytest.mark.parametrize(
    ("ready", "message"),
    [
        ({"scorer": {"kind": "abacus"}}, "scorer.kind: expected one of"),
        ({"scorer": {"kind": "lightgbm", "file": "none.txt"}}, "scorer.file: the export has no none.txt"),
        ({"scorer": {"kind": "command", "command": []}}, "scorer.command: expected a list of texts"),
        ({"scorer": {"kind": "command", "command": ["python", "-c", ""]}}, "ended without"),
        ({}, "READY names no scorer"),
    ],
)
def test_a_scorer_that_is_none_is_refused(tmp_path: Path, forker: Forker, ready: dict[str, Any], message: str) -> None:
    data = Scene(forker, tmp_path, SCRIPTS / "plain.py").data["validation"]
    export = own_export(tmp_path)
    (export / "READY").write_text(json.dumps(ready), encoding="utf-8")
    ended = score(export, data, tmp_path)
    assert ended.returncode == 64, ended.stderr
    assert message in ended.stderr and "Traceback" not in ended.stderr
    assert not (tmp_path / "scores" / "READY").exists()


def test_the_sample_is_read_as_the_sdk_reads_it(tmp_path: Path, forker: Forker) -> None:
    uri = Scene(forker, tmp_path, SCRIPTS / "plain.py").data["validation"]
    for normalise in (True, False):
        data = DataSet(
            "validation", find_parts(open_store(uri), uri), seed=0, epoch=lambda: 0, layout=LAYOUT, features=tuple(FEATURES),
            parts=PartsPolicy(),
        )  # fmt: skip
        np.testing.assert_array_equal(rows_of(tmp_path, uri, {"normalise": normalise}), data.numpy(normalise=normalise).x)
