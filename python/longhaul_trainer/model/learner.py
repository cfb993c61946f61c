"""The model with its optimizer: one step, scores of a batch, and all variables that a checkpoint must hold."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from longhaul.errors import UsageError

from ..data.batches import Batch
from ..data.part import Indices
from ..features import Feature
from .losses import Loss, loss_named, mean_loss
from .own import Build, ModelContext, OwnModel, build_own
from .parameters import Taken, TrainingParameters

Arrays = dict[str, npt.NDArray[Any]]

#: Runs a function's operations one after the other: on a processor the default executor hands each to a pool and waits for it.
ONE_BY_ONE = "SINGLE_THREADED_EXECUTOR"


def hash_texts(texts: Sequence[str], buckets: int) -> Indices:
    """FarmHash64 modulo buckets, by the very operation that the exported graph uses."""
    hashed: Indices = tf.strings.to_hash_bucket_fast(tf.constant(list(texts), tf.string), buckets).numpy()
    return hashed


class Learner:
    """Trains; everything that it changes is in `variables`."""

    def __init__(
        self, build: Build, reference: str | None, features: Sequence[Feature], taken: Taken, parameters: TrainingParameters, seed: int
    ) -> None:
        self._build = lambda: build_own(build, ModelContext(features, taken, seed), reference)
        own: OwnModel = self._build()
        taken.check_all_taken()
        self.features = tuple(features)
        self.parameters = parameters
        self.model = own.model
        self.loss: Loss = own.loss or loss_named(parameters.loss, parameters.temperature)
        self.optimizer = make_optimizer(parameters)
        self.optimizer.build(self.model.trainable_variables)
        self._check(reference)
        self._rate = parameters.learning_rate
        width = (sum(feature.numeric for feature in features), sum(not feature.numeric for feature in features))
        rows = [tf.TensorSpec((None, width[0]), tf.float32), tf.TensorSpec((None, width[1]), tf.int32), tf.TensorSpec((None,), tf.int32)]
        grid = [tf.TensorSpec((None, None), tf.float32), tf.TensorSpec((None, None), tf.bool)]
        # Only somebody's own model may have Python branches on tensors; looking for them makes an attempt start later.
        self.branches = reference is not None
        self._step = tf.function(self._train, input_signature=[*rows, *grid], autograph=self.branches)
        self._evaluate = tf.function(self._score, input_signature=[*rows, *grid], autograph=self.branches)
        self._executor = "" if tf.config.list_physical_devices("GPU") else ONE_BY_ONE

    def _check(self, reference: str | None) -> None:
        shape = self.model.output_shape
        if not isinstance(shape, tuple) or len(shape) not in (1, 2) or (len(shape) == 2 and shape[1] != 1):
            raise UsageError(f"model {reference}: expected one score per row, [rows] or [rows, 1], found output {shape}")

    def fresh_model(self) -> keras.Model:
        """A second model of the same shape, for exports beside the training."""
        return self._build().model

    def step(self, batch: Batch, learning_rate: float) -> float:
        """One update; the loss before it."""
        if learning_rate != self._rate:
            self.optimizer.learning_rate.assign(learning_rate)
            self._rate = learning_rate
        with tf.experimental.function_executor_type(self._executor):
            return float(self._step(batch.numeric, batch.categorical, batch.slots, batch.labels, batch.mask))

    def evaluate(self, batch: Batch) -> tuple[npt.NDArray[np.float32], float]:
        """Scores on the grid [session, slot], and the mean loss."""
        with tf.experimental.function_executor_type(self._executor):
            scores, loss = self._evaluate(batch.numeric, batch.categorical, batch.slots, batch.labels, batch.mask)
        return scores.numpy(), float(loss)

    def _train(self, numeric: Any, categorical: Any, slots: Any, labels: Any, mask: Any) -> Any:
        with tf.GradientTape() as tape:
            scores = self._grid(numeric, categorical, slots, mask, training=True)
            loss = mean_loss(self.loss(scores, labels, mask), labels)
            total = tf.add_n([loss, *self.model.losses])
        gradients = tape.gradient(total, self.model.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))
        return loss

    def _score(self, numeric: Any, categorical: Any, slots: Any, labels: Any, mask: Any) -> tuple[Any, Any]:
        scores = self._grid(numeric, categorical, slots, mask, training=False)
        return scores, mean_loss(self.loss(scores, labels, mask), labels)

    def _grid(self, numeric: Any, categorical: Any, slots: Any, mask: Any, *, training: bool) -> Any:
        rows = tf.reshape(self.model({"numeric": numeric, "categorical": categorical}, training=training), [-1])
        shape = tf.shape(mask)
        return tf.reshape(tf.scatter_nd(slots[:, None], rows, [shape[0] * shape[1]]), shape)

    def variables(self) -> dict[str, Any]:
        """Weights, states of random generators (`model/…`) and of the optimizer (`optimizer/…`), in a fixed order."""
        named = {f"model/{index:04d}/{_path(variable)}": variable for index, variable in enumerate(self.model.variables)}
        named.update({f"optimizer/{index:04d}/{_path(variable)}": variable for index, variable in enumerate(self.optimizer.variables)})
        return named

    def copy(self) -> Arrays:
        """A copy of all variables; a memory copy, cheap enough to make inside a step."""
        return {name: np.array(variable) for name, variable in self.variables().items()}

    def copy_weights(self) -> Arrays:
        """A copy of what scoring needs."""
        return {f"{index:04d}": np.array(variable) for index, variable in enumerate(self.model.weights)}

    def restore(self, arrays: Arrays) -> None:
        for name, variable in self.variables().items():
            variable.assign(arrays[name])
        self._rate = float(np.array(self.optimizer.learning_rate))

    def weights_sha256(self) -> str:
        digest = hashlib.sha256()
        for variable in self.model.weights:
            digest.update(np.ascontiguousarray(variable).tobytes())
        return digest.hexdigest()


def make_optimizer(parameters: TrainingParameters) -> Any:
    clip = {"global_clipnorm": parameters.clip_norm} if parameters.clip_norm else {}
    if parameters.optimizer == "sgd":
        return keras.optimizers.SGD(parameters.learning_rate, momentum=0.9, **clip)
    if parameters.optimizer == "adamw":
        return keras.optimizers.AdamW(parameters.learning_rate, weight_decay=parameters.weight_decay, **clip)
    return keras.optimizers.Adam(parameters.learning_rate, **clip)


def _path(variable: Any) -> str:
    return str(getattr(variable, "path", getattr(variable, "name", ""))).replace("/", ".")
