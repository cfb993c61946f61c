"""Exports: a SavedModel that takes raw features, one named 1-D input each, as BigQuery ML imports it."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from longhaul.errors import ConfigError
from longhaul.store import Store, join

from .features import Feature
from .import_limits import OUTPUT_NAME, examine
from .model.learner import Arrays
from .model_card import card_text

SAVED_MODEL = "saved_model"


class ServingModule(tf.Module):
    """Defaults, hashing and normalisation included: what a user feeds are the columns of the table.

    Numeric features are float32 with NaN for missing; categorical ones are their text (`CAST(x AS STRING)`), empty text
    is a text like any other.
    """

    def __init__(self, model: keras.Model, features: Sequence[Feature], *, branches: bool) -> None:
        super().__init__()
        self.model = model
        self._features = tuple(features)
        specs = [tf.TensorSpec((None,), tf.float32 if feature.numeric else tf.string, name=feature.name) for feature in features]
        self.score = tf.function(self._score, input_signature=[specs], autograph=branches)

    def _score(self, columns: Sequence[Any]) -> dict[str, Any]:
        rows = tf.shape(columns[0])[0]
        numeric, categorical = [], []
        for feature, column in zip(self._features, columns, strict=True):
            if feature.numeric:
                numeric.append(tf.where(tf.math.is_nan(column), tf.constant(feature.default, tf.float32), column))
            else:
                categorical.append(tf.cast(tf.strings.to_hash_bucket_fast(column, feature.buckets), tf.int32))
        inputs = {
            "numeric": tf.stack(numeric, axis=1) if numeric else tf.zeros((rows, 0), tf.float32),
            "categorical": tf.stack(categorical, axis=1) if categorical else tf.zeros((rows, 0), tf.int32),
        }
        return {OUTPUT_NAME: tf.reshape(self.model(inputs, training=False), [-1])}


class Exporter:
    """Writes `{output}/exports/{name}/`, `READY` last. Runs behind the loop with a model of its own.

    `branches` tells that the model may have Python branches on tensors.
    With `for_bigquery_ml`, the first export that BigQuery ML could not import ends the trial: all later ones have the same graph.
    """

    def __init__(
        self,
        store: Store,
        output: str,
        fresh_model: Callable[[], keras.Model],
        features: Sequence[Feature],
        card: Mapping[str, Any],
        *,
        branches: bool,
        for_bigquery_ml: bool = False,
    ) -> None:
        self._store = store
        self._root = join(output, "exports")
        self._fresh_model = fresh_model
        self._features = tuple(features)
        self._card = card
        self._branches = branches
        self._to_check = for_bigquery_ml
        self._module: ServingModule | None = None

    def is_ready(self, name: str) -> bool:
        return self._store.read(join(self._root, name, "READY")) is not None

    def write(self, export: Mapping[str, Any], weights: Arrays) -> None:
        """Writes one export; nothing happens when it is ready already."""
        name = export["name"]
        address = join(self._root, name)
        if self.is_ready(name):
            return
        directory = Path(tempfile.mkdtemp(prefix="longhaul-export-"))
        try:
            self._save(directory / SAVED_MODEL, weights)
            self._check(directory / SAVED_MODEL, address)
            card = {**self._card, "export": name, "step": export["step"], "samples": export["samples"], "metrics": export["metrics"]}
            (directory / "model_card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
            (directory / "MODEL_CARD.md").write_text(card_text(card), encoding="utf-8")
            size = 0
            for path in sorted(path for path in directory.rglob("*") if path.is_file()):
                size += path.stat().st_size
                self._store.upload(path, join(address, path.relative_to(directory).as_posix()))
            ready = {
                "export": name,
                "step": export["step"],
                "samples": export["samples"],
                "time": time.time(),
                "metrics": export["metrics"],
                "savedModel": SAVED_MODEL,
                "scorer": {"kind": "saved-model", "file": SAVED_MODEL, "output": OUTPUT_NAME},
                "bytes": size,
                "best": export["best"],
            }
            self._store.write(join(address, "READY"), [json.dumps(ready).encode()])
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def _save(self, directory: Path, weights: Arrays) -> None:
        if self._module is None:
            self._module = ServingModule(self._fresh_model(), self._features, branches=self._branches)
        module = self._module
        for variable, value in zip(module.model.weights, weights.values(), strict=True):
            variable.assign(value)
        tf.saved_model.save(module, str(directory), signatures=module.score)

    def _check(self, directory: Path, address: str) -> None:
        if not self._to_check:
            return
        problems = examine(directory)["problems"]
        if problems:
            raise ConfigError(
                f"{address}: BigQuery ML, which is to evaluate this model, cannot import it: {'; '.join(problems)}. "
                "Change the model, or set warehouse.predict to scorer in the profile: then Longhaul scores the test set itself"
            )
        self._to_check = False
