"""Keras on any backend: `fit` over the batches that are still to be trained on, and the model as a file."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from .errors import UsageError
from .scorer import Saved

if TYPE_CHECKING:
    from .script import Trial

if keras.backend.backend() == "tensorflow":
    import tensorflow

    tensorflow.config.experimental.enable_op_determinism()
elif keras.backend.backend() == "torch":
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


class Steps(keras.callbacks.Callback):
    """Each batch of `fit` is a step of the trial, and a boundary behind it."""

    def __init__(self, trial: Trial, sizes: deque[int]) -> None:
        super().__init__()
        self._trial = trial
        self._sizes = sizes

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        loss = {} if not logs or "loss" not in logs else {"loss": logs["loss"]}
        self._trial.step(self._sizes.popleft(), **loss)


def fit(
    trial: Trial,
    model: Any,
    batches: Iterable[Any],
    *,
    batches_per_epoch: int | None = None,
    callbacks: Sequence[Any] = (),
    **options: Any,
) -> None:
    """`model.fit` for the epoch in which the trial is: `for epoch in trial.epochs(): longhaul.keras.fit(trial, model, loader)`.

    `batches` gives tuples as `fit` takes them, the same for the same epoch. Keep the compiled model: `trial.keep(model=model)`.
    `callbacks` see the number of the epoch; one that remembers more than the model must be kept, too.
    """
    remaining = trial.batches(batches, ahead=True)
    try:
        count = len(remaining) if batches_per_epoch is None else batches_per_epoch - trial._running.loop.position.batch
    except TypeError:
        raise UsageError("longhaul.keras.fit: the number of batches is not known; give batches_per_epoch=…") from None
    if count <= 0:
        return
    sizes: deque[int] = deque()
    epoch = trial.epoch
    model.fit(
        _counted(remaining, sizes),
        steps_per_epoch=count,
        initial_epoch=epoch,
        epochs=epoch + 1,
        callbacks=[Steps(trial, sizes), *callbacks],
        **{"verbose": 0, **options},
    )


def save(model: Any, name: str = "model.keras") -> Callable[[Path], None]:
    """For `trial.validation(…, model=longhaul.keras.save(model))`; load it with `keras.saving.load_model`."""
    return Saved(lambda folder: model.save(folder / name), {"kind": "keras", "file": name})


def export(model: Any, name: str = "saved_model") -> Callable[[Path], None]:
    """The same as a SavedModel of TensorFlow, for serving."""
    return Saved(lambda folder: model.export(str(folder / name), verbose=False), {"kind": "saved-model", "file": name})


def _counted(batches: Iterable[Any], sizes: deque[int]) -> Iterator[Any]:
    for batch in batches:
        first = batch[0] if isinstance(batch, (tuple, list)) else batch
        sizes.append(len(first if not isinstance(first, dict) else next(iter(first.values()))))
        yield batch
