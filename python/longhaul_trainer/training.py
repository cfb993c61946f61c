"""The loop: steps, validation points, and the state between them."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from longhaul.data.randomness import FIRST_SCHEME
from longhaul.metrics import RankingMetrics
from longhaul.position import Best, Metrics

from .data.batches import Batch
from .data.stream import Ahead, DataSet, stream_training, stream_whole
from .model.learner import Learner
from .model.parameters import learning_rate_at
from .state import State
from .trial import Trial

#: Candidates scored at once in validation, and batches of them that are handed over together.
VALIDATION_ROWS = 32_768
VALIDATION_GROUP = 2
#: Slows every step; lets tests (and the checker) stop a trial at a chosen moment.
STEP_DELAY = "LONGHAUL_STEP_DELAY_SECONDS"

Report = Callable[[str, dict[str, Any]], object]


class Training:
    """Changes `state` and the learner's variables, only ever together and with `lock` held."""

    def __init__(
        self,
        trial: Trial,
        learner: Learner,
        state: State,
        lock: threading.Lock,
        *,
        scheme: int,
        train: DataSet,
        validation: DataSet | None,
        report: Report,
        after_step: Callable[[], None],
        on_validation: Callable[[Metrics], None],
        after_validation: Callable[[], None],
        beat: Callable[[], None],
        idle: Callable[[], None],
        train_record_seconds: Callable[[], float],
        check: Callable[[], None],
    ) -> None:
        self._trial = trial
        self._learner = learner
        self.state = state
        self._lock = lock
        self._scheme = scheme
        self._share_of_part = 0.0
        self._train = train
        self._validation = validation
        self._report = report
        self._after_step = after_step
        self._on_validation = on_validation
        self._after_validation = after_validation
        self._beat = beat
        self._idle = idle
        self._train_record_seconds = train_record_seconds
        self._check = check
        self._delay = float(os.environ.get(STEP_DELAY, "0"))

    @property
    def finished(self) -> bool:
        return (self.state.epoch >= self._trial.epochs or self.state.stopped_early) and not self.state.validation_due

    @property
    def done(self) -> float:
        """Share of the epochs that is done."""
        return self._done(self._share_of_part)

    def _done(self, share_of_part: float) -> float:
        parts = len(self._train.manifest.parts)
        return min((self.state.epoch + (self.state.turn + share_of_part) / parts) / self._trial.epochs, 1.0)

    def _learning_rate(self, batch: Batch) -> float:
        """A pure function of the batch's position. In the first scheme it was one of its part's."""
        return learning_rate_at(self._learner.parameters, self._done(0.0 if self._scheme == FIRST_SCHEME else batch.before))

    def run(self) -> None:
        """Trains to the end from wherever the state says."""
        state = self.state
        if state.validation_due:
            self._validate()
        if self.finished:
            return
        batch_size = self._learner.parameters.batch_size
        meter = _Meter()

        def batches() -> Any:
            return stream_training(
                self._train,
                state.position,
                self._trial.epochs,
                seed=self._trial.seed,
                scheme=self._scheme,
                batch_size=batch_size,
                sample_candidates=self._trial.sample_candidates,
                bad=tuple(state.bad_parts),
            )

        with Ahead(batches, idle=self._idle) as ahead:
            for batch in ahead:
                with self._lock:
                    self._step(batch)
                    self._after_step()
                self._check()
                meter.add(batch.sessions)
                if meter.seconds >= self._train_record_seconds():
                    self._report("train", {"metrics": {"loss": self._mean_loss()}, **meter.restart(ahead.wait_seconds)})
                if self._delay:
                    time.sleep(self._delay)
                if state.validation_due:
                    self._validate()
                    meter.restart(ahead.wait_seconds)
                if state.stopped_early:
                    return

    def _step(self, batch: Batch) -> None:
        state = self.state
        epoch = state.epoch
        if batch.sessions:
            loss = self._learner.step(batch, self._learning_rate(batch))
            state.step += 1
            state.samples += batch.sessions
            if not math.isfinite(loss):
                self._diverged()
                return
            state.loss_sum += loss
            state.loss_steps += 1
            every = self._trial.validate_every_steps
            state.validation_due = every > 0 and state.step % every == 0
        state.bad_parts = list(batch.bad)
        state.move(batch.end)
        self._share_of_part = batch.after
        if state.epoch != epoch:
            state.validation_due = True

    def _diverged(self) -> None:
        """A loss that is no number teaches nothing more: the trial ends with what it has."""
        print(f"longhaul: the loss is not finite at step {self.state.step}; the trial ends here (try a smaller learning_rate)", flush=True)
        self.state.stopped_early = True
        self.state.last = {**self.state.last, "loss": None}

    def _mean_loss(self) -> float | None:
        return self.state.loss_sum / self.state.loss_steps if self.state.loss_steps else None

    def _validate(self) -> None:
        """A point of the learning curve. Only its end changes the state, so that it may be killed and done again."""
        metrics: Metrics = {"loss": self._mean_loss()}
        if self._validation is not None:
            metrics.update(self._measure(self._validation))
        with self._lock:
            state = self.state
            state.validation_due = False
            state.validations += 1
            state.loss_sum, state.loss_steps = 0.0, 0
            state.last = metrics
            self._compare(metrics)
            self._on_validation(metrics)
        self._after_validation()

    def _measure(self, data: DataSet) -> Metrics:
        ranking = RankingMetrics()
        loss, sessions, read = 0.0, 0, False
        with Ahead(lambda: stream_whole(data, VALIDATION_ROWS), VALIDATION_GROUP, idle=self._idle) as ahead:
            for batch in ahead:
                read = True
                scores, mean = self._learner.evaluate(batch)
                ranking.add(scores, batch.labels, batch.mask)
                ordered = int(np.count_nonzero((batch.labels > 0).any(axis=1)))
                loss += mean * ordered
                sessions += ordered
                self._beat()
                self._check()
        if read and not sessions and self._trial.metric != "loss":
            raise data.nothing_to_learn()
        if ranking.not_finite:
            print(f"longhaul: {ranking.not_finite} scores of the validation are not finite; this point has no metrics", flush=True)
        found: Metrics = {"validation_loss": loss / sessions if sessions else None}
        found.update({f"validation_{name}": value for name, value in ranking.result().items()})
        return {name: value if value is None or math.isfinite(value) else None for name, value in found.items()}

    def _compare(self, metrics: Metrics) -> None:
        state = self.state
        value = metrics.get(self._trial.metric)
        if value is not None and (state.best is None or (value > state.best.value if self._trial.maximize else value < state.best.value)):
            state.best = Best(value, state.step, metrics)
            state.since_best = 0
            return
        state.since_best += 1
        patience = self._learner.parameters.patience
        if patience and state.since_best >= patience:
            print(f"longhaul: no better {self._trial.metric} for {patience} validation points; the trial ends early", flush=True)
            state.stopped_early = True


class _Meter:
    """Speed and share of waiting since the last record."""

    def __init__(self) -> None:
        self._sessions = 0
        self._began = time.monotonic()
        self._waited = 0.0

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def add(self, sessions: int) -> None:
        self._sessions += sessions

    def restart(self, waited: float) -> dict[str, float]:
        seconds = max(self.seconds, 1e-9)
        found = {"samplesPerSecond": round(self._sessions / seconds, 1), "waitShare": round(min((waited - self._waited) / seconds, 1.0), 4)}
        self._sessions, self._began, self._waited = 0, time.monotonic(), waited
        return found
