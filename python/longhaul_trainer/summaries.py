"""TensorBoard: scalars, histograms and hyper-parameters, so that one TensorBoard shows all trials side by side."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams
from tensorboard.summary.writer.record_writer import RecordWriter

from longhaul.resume.background import BackgroundWorker
from longhaul.store import Store, join
from longhaul.store.directory import path_of

from .model.learner import Arrays

#: TensorFlow does not know every store: event files are written here and copied at most this often.
COPY_SECONDS = 20.0
#: What cannot be written is tried again after so long.
RETRY_SECONDS = 60.0
#: Points that wait to be written; where a disk is slower than that, some are left out.
MAX_WAITING = 16
#: At the end of a trial, whose result is there already.
CLOSE_SECONDS = 30.0
#: Ends the name of a file that comes after all that an attempt before has written, and before what this one writes.
RESTART = ".restart"


class Summaries:
    """A picture of the training, never a part of it: what cannot be written is told of once and left out. Nothing here waits or raises."""

    def __init__(self, store: Store, output: str, warn: Callable[[str], None]) -> None:
        self._store = store
        self._target = join(output, "tensorboard")
        self._direct = output.startswith("file://")
        self._directory = path_of(self._target) if self._direct else Path(tempfile.mkdtemp(prefix="longhaul-tensorboard-"))
        self._warn = warn
        self._background = BackgroundWorker("tensorboard")
        self._writer: Any = None
        self._header: tuple[str, Mapping[str, Any]] = ("", {})
        self._copied = time.monotonic()
        self._retry_at = 0.0
        self._warned = False

    def start(self, trial: str, parameters: Mapping[str, Any], step: int) -> None:
        """Hyper-parameters of this trial, whose points come from `step` on: those that a killed attempt wrote do not count."""
        self._header = (trial, {name: _plain(value) for name, value in parameters.items()})
        self._do(lambda: self._forget_from(step))

    def scalars(self, step: int, values: Mapping[str, float | None]) -> None:
        def write() -> None:
            with self._opened().as_default(step=step):
                for name, value in values.items():
                    if value is not None:
                        tf.summary.scalar(name, value)

        self._do(write)

    def histograms(self, step: int, weights: Arrays, names: Mapping[str, str]) -> None:
        def write() -> None:
            with self._opened().as_default(step=step):
                for key, values in weights.items():
                    tf.summary.histogram(names[key], values)

        self._do(write)

    def close(self) -> None:
        self._do(self._close, always=True)
        self._background.wait_for(0, CLOSE_SECONDS)

    def _do(self, write: Callable[[], None], *, always: bool = False) -> None:
        if always or self._background.unfinished < MAX_WAITING:
            self._background.do(lambda: self._guarded(write))

    def _guarded(self, write: Callable[[], None]) -> None:
        if time.monotonic() < self._retry_at:
            return
        try:
            write()
            if self._writer is not None:
                self._flush()
        except Exception as error:
            self._writer = None
            self._retry_at = time.monotonic() + RETRY_SECONDS
            if not self._warned:
                self._warn(f"{self._target}: TensorBoard's files cannot be written ({error}); the training goes on without them")
            self._warned = True

    def _opened(self) -> Any:
        if self._writer is None:
            trial, parameters = self._header
            self._writer = tf.summary.create_file_writer(str(self._directory))
            with self._writer.as_default():  # the plug-in takes texts, numbers and truth values only
                hparams.hparams(dict(parameters), trial_id=trial)
        return self._writer

    def _forget_from(self, step: int) -> None:
        """TensorBoard drops points from the step of a session's start on. It reads files in the order of their names."""
        there = sorted(uri.rsplit("/", 1)[-1] for uri in self._store.list(self._target) if ".tfevents." in uri)
        if not there:
            return
        start = tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START)
        with (self._directory / f"{there[-1]}{RESTART}").open("wb") as file:
            writer = RecordWriter(file)
            writer.write(tf.compat.v1.Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
            writer.write(tf.compat.v1.Event(wall_time=time.time(), step=step, session_log=start).SerializeToString())

    def _close(self) -> None:
        self._opened().close()
        self._writer = None
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
