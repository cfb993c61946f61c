"""Lightning's `Trainer`: what it would write into a checkpoint is the state, taken between two batches, and gone on from exactly.

Model, optimizers, schedulers, loops, callbacks, the sums of metrics in the middle of an epoch, and the place in the data: what
`Trainer.fit` restores by `ckpt_path`, and what it leaves out.
"""

from __future__ import annotations

import copy
import operator
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning.pytorch.callbacks import Callback
from lightning.pytorch.trainer.connectors.logger_connector.result import _ResultMetric, _Sync
from torchmetrics import Metric

import torch

from .errors import UsageError
from .generators import Generators, States
from .torch import save

if TYPE_CHECKING:
    from .script import Trial

Choose = Callable[[Mapping[str, float]], Mapping[str, Any]]
Write = Callable[[Path], object]
#: Of the part that gathers what is logged: the newest values, and whether the sums of an epoch have begun.
LOGGED = ("_callback_metrics", "_logged_metrics", "_progress_bar_metrics", "_first_loop_iter", "_current_fx")


class State:
    """What is kept: the `Trainer`'s own checkpoint, and where its epoch began."""

    def __init__(self) -> None:
        self.trainer: Any = None
        #: As the checkpoint has it; None: nothing to go on from.
        self.found: Mapping[str, Any] | None = None
        self.epoch_began: States | None = None

    def state_dict(self) -> dict[str, Any]:
        if self.trainer is None or self.epoch_began is None:
            return {}
        loop = self.trainer.fit_loop
        return {
            "checkpoint": self.trainer._checkpoint_connector.dump_checkpoint(weights_only=False),
            "logged": _logged(self.trainer),
            "stepped": loop.epoch_loop._batches_that_stepped,
            "batch": loop.epoch_loop.batch_progress.current.completed,
            "epoch": self.epoch_began,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.found = state or None


def _logged(trainer: Any) -> dict[str, Any]:
    """What `self.log` has gathered, of which Lightning's checkpoints know nothing: sums over the epoch, and what was logged last."""
    sums = {}
    for key, metric in trainer.fit_loop.epoch_loop._results.items():
        meta = copy.copy(metric.meta)
        sync = {"_should": meta.sync.should, "_group": None, "rank_zero_only": meta.sync.rank_zero_only}
        meta._sync = None
        tensors = {name: getattr(metric, name) for name in metric._defaults} if metric.is_tensor else {}
        sums[key] = (meta, sync, metric.is_tensor, {**tensors, "has_reset": metric.has_reset, "_update_count": metric._update_count})
    connector = trainer._logger_connector
    return {"sums": sums, "last": {name: copy.copy(getattr(connector, name)) for name in LOGGED}}


def _log_again(trainer: Any, logged: Mapping[str, Any]) -> None:
    results = trainer.fit_loop.epoch_loop._results
    for key, (meta, sync, is_tensor, values) in logged["sums"].items():
        meta.sync = _Sync(fn=trainer.strategy.reduce, **sync)
        metric = _ResultMetric(meta, is_tensor)
        if not is_tensor:  # a metric of the model, whose state is among the model's
            metric.value = operator.attrgetter(meta.metric_attribute)(trainer.lightning_module)
        for name, value in values.items():
            setattr(metric, name, value)
        results[key] = metric.to(trainer.strategy.root_device)
    for name, values in logged["last"].items():
        setattr(trainer._logger_connector, name, values)


class Batches:
    """The loader, from the batch at which the attempt before was ended; a boundary lies where the next one is asked for."""

    def __init__(self, loader: Any, trial: Trial, state: State, generators: Generators) -> None:
        self._loader = loader
        self._trial = trial
        self._state = state
        self._generators = generators

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Any]:
        found = self._state.found
        skip = 0 if found is None else found["batch"]
        if found is not None:
            self._generators.put(found["epoch"])
        self._state.epoch_began = self._generators.take()
        iterator = iter(self._loader)
        for _ in range(skip):
            next(iterator)
        return self._from(iterator)

    def _from(self, iterator: Iterator[Any]) -> Iterator[Any]:
        while True:
            if self._state.found is not None:
                # Hooks since the beginning may have drawn numbers that were drawn before.
                self._trial._running.loop.restore_early()
                self._state.found = None
            elif self._state.trainer.global_step > 0:
                self._trial.boundary()
            try:
                batch = next(iterator)
            except StopIteration:
                return
            yield batch


class Reporter(Callback):
    """Counts steps, records validations, and has the loops go on where they were."""

    def __init__(self, trial: Trial, state: State, choose: Choose, write: Write | None) -> None:
        self._trial = trial
        self._state = state
        self._choose = choose
        self._write = write

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        # Lightning has put a handler over ours, and ends a training without a checkpoint.
        self._trial._running.termination.install()
        if self._state.found is not None:
            _continue(trainer, self._state.found)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        over = trainer.current_epoch + int(trainer.is_last_batch)
        self._trial.count(samples=_samples(batch), epoch=over)

    def on_validation_batch_end(self, trainer: Any, pl_module: Any, *more: Any, **options: Any) -> None:
        self._trial.beat()

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        if not trainer.sanity_checking:
            metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
            self._trial.validation(self._choose(metrics), model=self._write or save(pl_module))


def _continue(trainer: Any, found: Mapping[str, Any]) -> None:
    """A loop that begins again would first validate once more what was validated behind the last batch."""
    loop = trainer.fit_loop.epoch_loop
    begin = loop.on_run_start

    def begin_between_batches(fetcher: Any) -> None:
        begin(fetcher)
        loop._restarting = False
        loop._batches_that_stepped = found["stepped"]
        _log_again(trainer, found["logged"])
        del loop.on_run_start

    loop.on_run_start = begin_between_batches


def _samples(batch: Any) -> int:
    while isinstance(batch, (tuple, list, dict)) and len(batch) > 0:
        batch = next(iter(batch.values())) if isinstance(batch, dict) else batch[0]
    return len(batch) if hasattr(batch, "__len__") else 1


def fit(
    trial: Trial,
    trainer: Any,
    model: Any,
    train_dataloader: Any,
    val_dataloaders: Any = None,
    *,
    metrics: Choose = dict,
    write: Write | None = None,
) -> None:
    """`trainer.fit(model, train_dataloader, val_dataloaders)`, from where the attempt before was ended.

    Each validation is a point of the learning curve; `metrics` chooses from what was logged (`trainer.callback_metrics`), and
    `write` writes the model for others (default: its `state_dict`, `model.pt`). Give the `Trainer`
    `enable_checkpointing=False`: Longhaul keeps the checkpoints. The loader must have a length, and give the same batches for
    the same random numbers; it is read from the beginning of the epoch again, without training on what was trained on.
    `on_train_epoch_start` is called once more for an epoch that is gone on with.

    Raises:
        UsageError: several devices, a loader without a length, or checkpoints that Lightning would keep on a machine that goes.
    """
    if trial.world > 1 or trainer.world_size > 1:
        raise UsageError("longhaul.lightning: expected one device; write the loop, with trial.step, for several")
    if trainer.checkpoint_callbacks:
        raise UsageError("longhaul.lightning: give the Trainer enable_checkpointing=False; Longhaul keeps the checkpoints")
    if trainer.max_epochs is None:
        raise UsageError("longhaul.lightning: give the Trainer max_epochs=…")
    try:
        len(train_dataloader)
    except TypeError:
        raise UsageError("longhaul.lightning: expected a loader with a length, so that an epoch can be gone on with") from None
    for part in model.modules():
        if isinstance(part, Metric):
            part.persistent(True)
    state = trial.keep(lightning=State())
    state.trainer = trainer
    trainer.callbacks.append(Reporter(trial, state, metrics, write))
    batches = Batches(train_dataloader, trial, state, trial._running.generators)
    with tempfile.TemporaryDirectory(prefix="longhaul-lightning-") as folder:
        file = None
        if state.found is not None:
            file = str(Path(folder) / "found.ckpt")
            torch.save(state.found["checkpoint"], file)
        trainer.fit(model, batches, val_dataloaders, ckpt_path=file)
