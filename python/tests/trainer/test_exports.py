"""What a finished trial leaves: SavedModels that BigQuery ML can import, a model card, TensorBoard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attempts import Finished, Trainers, finish, records, result, run
from builders import NUMERIC, make_columns

from longhaul_trainer import import_limits

#: A model that BigQuery cannot run: it calls out of the graph.
CALLS_PYTHON = """
import keras
import tensorflow as tf


@keras.saving.register_keras_serializable()
class CallsPython(keras.layers.Layer):
    def call(self, x):
        y = tf.py_function(lambda value: value, [x], tf.float32)
        y.set_shape(x.shape)
        return y


def build(context):
    numbers = sum(feature.numeric for feature in context.features)
    inputs = {
        "numeric": keras.Input((numbers,), dtype="float32", name="numeric"),
        "categorical": keras.Input((len(context.features) - numbers,), dtype="int32", name="categorical"),
    }
    x = keras.layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed=context.seed))(inputs["numeric"])
    return keras.Model(inputs, CallsPython()(x))
"""


@pytest.fixture(scope="module")
def best(finished: Finished) -> Path:
    return finished.output / "exports" / result(finished.output)["bestExport"]


def test_ready_tells_what_lies_there_and_is_written_last(finished: Finished) -> None:
    exports = sorted(path.parent for path in (finished.output / "exports").glob("*/READY"))
    assert len(exports) > 2
    for path in exports:
        ready = json.loads((path / "READY").read_text())
        files = [file for file in path.rglob("*") if file.is_file() and file.name != "READY"]
        assert ready["export"] == path.name == f"{ready['step']:09d}"
        assert ready["bytes"] == sum(file.stat().st_size for file in files)
        assert (path / ready["savedModel"] / "saved_model.pb").exists()
        assert (path / "READY").stat().st_mtime_ns >= max(file.stat().st_mtime_ns for file in files)


def test_the_best_export_is_the_best_point_of_the_curve_and_the_last_is_there(finished: Finished) -> None:
    found = result(finished.output)
    points = [record for record in records(finished.output) if record["kind"] == "validation"]
    top = max(points, key=lambda record: (record["metrics"]["validation_ndcg_at_10"], -record["step"]))
    assert found["bestStep"] == top["step"]
    assert found["bestExport"] == f"{top['step']:09d}"
    assert found["objective"] == top["metrics"]["validation_ndcg_at_10"]
    assert (finished.output / "exports" / f"{points[-1]['step']:09d}" / "READY").exists()
    assert points[-1]["metrics"]["validation_ndcg_at_10"] > 0.6, "it learns"


def test_an_export_stays_within_the_limits_of_bigquery_ml(best: Path) -> None:
    report = import_limits.examine(best / "saved_model")
    assert report["problems"] == []
    assert report["bytes"] < import_limits.LIMIT_BYTES
    assert report["inputs"] == {**dict.fromkeys(NUMERIC, "DT_FLOAT"), "brand": "DT_STRING", "shelf": "DT_STRING"}
    assert report["outputs"] == {"score": "DT_FLOAT"}


def test_what_bigquery_ml_would_refuse_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import tensorflow as tf

    class Wrong(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 3), tf.float32, name="x")])
        def call(self, x: Any) -> dict[str, Any]:
            return {"y": tf.py_function(lambda value: value, [tf.reduce_sum(x, axis=1)], tf.float32)}

    module = Wrong()
    tf.saved_model.save(module, str(tmp_path / "wrong"), signatures=module.call)
    monkeypatch.setattr(import_limits, "LIMIT_BYTES", 10)
    problems = "; ".join(import_limits.examine(tmp_path / "wrong")["problems"])
    for text in ("expected at most 10", "EagerPyFunc", "shape [-1, 3]; expected [batch]", "expected score"):
        assert text in problems


def test_a_trial_for_bigquery_ml_ends_at_the_first_export_that_it_could_not_import(
    tmp_path: Path, trainers: Trainers, data: dict[str, str]
) -> None:
    (tmp_path / "calls_python").mkdir()
    (tmp_path / "calls_python" / "__init__.py").write_text(CALLS_PYTHON)
    changes: dict[str, Any] = {
        "epochs": 1000,
        "model": "calls_python:build",
        "parameters": {"batch_size": 16},
        "environment": {"LONGHAUL_TEST_PATH": str(tmp_path)},
    }
    found = run(trainers, tmp_path / "refused", data, exportFor="bigquery-ml", **changes)
    assert found.code == 78, found.log
    assert "cannot import it: operation EagerPyFunc is not supported in an import. Change the model, or set warehouse.predict" in found.log
    assert not list((found.output / "exports").glob("*/READY"))
    points = [record for record in records(found.output) if record["kind"] == "validation"]
    assert len(points) < 100, "it does not train on"
    assert finish(trainers, tmp_path / "not-asked", data, **{**changes, "epochs": 1}).code == 0


def test_a_trial_for_bigquery_ml_goes_on_when_it_can_import_the_exports(tmp_path: Path, trainers: Trainers, data: dict[str, str]) -> None:
    found = finish(trainers, tmp_path, data, exportFor="bigquery-ml")
    assert len(list((found.output / "exports").glob("*/READY"))) == 2


def test_the_export_scores_raw_columns_as_the_training_did(best: Path) -> None:
    import tensorflow as tf

    _, columns = make_columns(20, 2000)
    call = tf.saved_model.load(str(best / "saved_model")).signatures["serving_default"]
    inputs = {name: tf.constant(columns[name], tf.float32) for name in NUMERIC}
    inputs |= {name: tf.constant([str(value) for value in columns[name]]) for name in ("brand", "shelf")}
    scores = call(**inputs)["score"].numpy()
    assert scores.shape == columns["label"].shape
    utility = columns["popularity"] * 2 - columns["price"] / 3
    assert np.corrcoef(scores, utility)[0, 1] > 0.8
    missing = {**inputs, "price": tf.fill(scores.shape, np.nan)}
    default = {**inputs, "price": tf.zeros(scores.shape)}
    assert np.array_equal(call(**missing)["score"], call(**default)["score"])


def test_the_model_card_says_where_the_model_comes_from(best: Path, data: dict[str, str]) -> None:
    card = json.loads((best / "model_card.json").read_text())
    assert (card["seed"], card["commit"], card["trial"]) == (7, "0123abc", "test-run/search/trial-3")
    assert card["data"]["train"]["uri"] == data["train"]
    assert card["data"]["train"]["rows"] == 180
    assert {feature["name"] for feature in card["features"]} == {*NUMERIC, "brand", "shelf"}
    assert card["metrics"]["validation_mrr"] > 0
    text = (best / "MODEL_CARD.md").read_text()
    for expected in ("0123abc", "validation_ndcg_at_10", "learning_rate", "| brand | categorical | none |"):
        assert expected in text


def test_tensorboard_gets_scalars_histograms_and_hyper_parameters(finished: Finished) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import plugin_data_pb2

    events = EventAccumulator(str(finished.output / "tensorboard"), size_guidance={"tensors": 0, "histograms": 0}).Reload()
    tags = events.Tags()
    curve = [record for record in records(finished.output) if record["kind"] == "validation"]
    for name in ("validation_loss", "validation_ndcg_at_10", "validation_mrr", "validation_average_rank"):
        assert [event.step for event in events.Tensors(name)] == [record["step"] for record in curve]
    assert {record["step"] for record in curve} <= {event.step for event in events.Tensors("loss")}
    assert any("kernel" in tag for tag in tags["tensors"]), "histograms of weights"
    content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    hparams = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert hparams["learning_rate"].number_value == 0.01
    assert hparams["hidden_units"].string_value == "16,8"
