"""TensorBoard: scalars, histograms and hyper-parameters, so that one TensorBoard shows all trials side by side."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from longhaul.store import Store, join
from longhaul.store.directory import path_of

from .model.learner import Arrays

#: TensorFlow does not know every store: event files are written here and copied at most this often.
COPY_SECONDS = 20.0


class Summaries:
    """Used behind the loop only: writing a scalar costs a third of a millisecond."""

    def __init__(self, store: Store, output: str) -> None:
        self._store = store
        self._target = join(output, "tensorboard")
        self._direct = output.startswith("file://")
        self._directory = path_of(self._target) if self._direct else Path(tempfile.mkdtemp(prefix="longhaul-tensorboard-"))
        self._writer: Any = None
        self._copied = time.monotonic()

    def start(self, trial: str, parameters: Mapping[str, Any]) -> None:
        """Hyper-parameters of this trial; the plug-in takes texts, numbers and truth values only."""
        self._writer = tf.summary.create_file_writer(str(self._directory))
        with self._writer.as_default():
            hparams.hparams({name: _plain(value) for name, value in parameters.items()}, trial_id=trial)

    def scalars(self, step: int, values: Mapping[str, float | None]) -> None:
        with self._writer.as_default(step=step):
            for name, value in values.items():
                if value is not None:
                    tf.summary.scalar(name, value)
        self._flush()

    def histograms(self, step: int, weights: Arrays, names: Mapping[str, str]) -> None:
        with self._writer.as_default(step=step):
            for key, values in weights.items():
                tf.summary.histogram(names[key], values)
        self._flush()

    def close(self) -> None:
        self._writer.close()
        self._copy()

    def _flush(self) -> None:
        self._writer.flush()
        if not self._direct and time.monotonic() - self._copied > COPY_SECONDS:
            self._copy()

    def _copy(self) -> None:
        if self._direct:
            return
        for path in sorted(self._directory.rglob("*")):
            if path.is_file():
                self._store.upload(path, join(self._target, path.relative_to(self._directory).as_posix()))
        self._copied = time.monotonic()


def _plain(value: Any) -> str | float | int | bool:
    return value if isinstance(value, str | float | int | bool) else ",".join(map(str, value)) if isinstance(value, list) else str(value)
