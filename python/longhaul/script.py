"""One attempt at a trial, as a script sees it: `with longhaul.trial() as trial:`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from .attempt import Attempt
from .data.dataset import Counts, DataSet
from .errors import TrialError, UsageError
from .kept import check_name, take
from .local import objective_of
from .loop import Batches
from .parameters import Parameters
from .position import Best
from .records import numbers_of
from .scorer import Scorer
from .snapshot import Pickled

#: Slows every step; lets tests and the checker stop a trial at a chosen moment.
STEP_DELAY = "LONGHAUL_STEP_DELAY_SECONDS"


def trial(defaults: Mapping[str, Any] | None = None, *, data: Mapping[str, str] | None = None, epochs: int = 1, seed: int = 0) -> Trial:
    """One attempt at this trial. `with longhaul.trial() as trial:` claims it, restores what was kept, and ends it.

    Started by Longhaul, parameters, data, epochs and seed are those of the trial; `defaults` fill in what it does not
    set. Started as `python train.py --set lr=0.1 --data parts/ --epochs 3`, they come from the command line and from
    the arguments here, and everything is written below `.longhaul/trials`.

    Example:
        >>> import longhaul
        >>> with longhaul.trial(defaults={"lr": 0.1}, epochs=2) as trial:  # doctest: +SKIP
        ...     model = trial.keep(model={"weight": 0.0})
        ...     for epoch in trial.epochs():
        ...         for x in trial.batches([1.0, 2.0]):
        ...             model["weight"] += trial.parameters["lr"] * x
        ...             trial.step(samples=1)
        ...         trial.validation({"score": model["weight"]})
    """
    return Trial(defaults or {}, data or {}, epochs, seed)


class Trial:
    """What `longhaul.trial()` gives. Errors inside end the process with an exit code of the trial contract."""

    parameters: Parameters
    seed: int
    attempt: int
    output: str

    def __init__(self, defaults: Mapping[str, Any], data: Mapping[str, str], epochs: int, seed: int) -> None:
        self._given = (defaults, data, epochs, seed)
        self._running = Attempt()
        self._delay = float(os.environ.get(STEP_DELAY, "0"))
        self._counts: Counts = {}

    def __enter__(self) -> Trial:
        attempt = self._running
        try:
            attempt.begin(*self._given)
        except TrialError as error:
            attempt.fail(error)
        except BaseException as error:
            attempt.crash(error)
            raise
        document = attempt.document
        self.parameters, self.seed, self.attempt, self.output = attempt.parameters, document.seed, document.attempt, document.output
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        attempt = self._running
        if error is not None:
            attempt.ended_by(error)
            return
        try:
            attempt.finish()
        except TrialError as own:
            attempt.fail(own)
        except BaseException as own:
            attempt.crash(own)
            raise

    # -- what a script calls

    @property
    def epoch(self) -> int:
        return self._running.loop.position.epoch

    @property
    def steps(self) -> int:
        """Training steps since the beginning of the trial, over all attempts."""
        return self._running.loop.position.step

    @property
    def rank(self) -> int:
        """Number of this process among those that train the model together, from 0."""
        return self._running.gang.rank

    @property
    def world(self) -> int:
        """How many processes train the model together."""
        return self._running.gang.world

    @property
    def local_rank(self) -> int:
        """Number of this process on its machine: that of its GPU."""
        return self._running.gang.ranks.local_rank

    @property
    def threads(self) -> int:
        """How many threads a framework should use; equal bits need an equal number."""
        return self._running.document.threads

    def keep(self, *, reshards: bool = False, **things: Any) -> Any:
        """What must survive, by name; each is given back its state at once, where there is a checkpoint.

        Anything with `state_dict`, `__getstate__` or `variables`, arrays, random generators, dicts and lists. The global
        random generators are kept anyway. Returns the thing, or a tuple of them.

        Each rank keeps its own. `reshards`: another number of ranks may go on from them: what has `load_shards` gets the
        states of all ranks, anything else that of one, since it is the same on all. The bits of the model then differ from
        those of the undisturbed run, which LATEST and the record of the start say.
        """
        self._running.generators.seed_new()
        for name, thing in things.items():
            check_name(name, thing)
            if name in self._running.kept:
                raise UsageError(f"trial.keep({name}=…): this name is kept already")
            self._running.found.give_back(name, thing, reshards)
            self._running.kept[name] = thing
            try:
                Pickled.of(take(thing))
            except TrialError:
                raise
            except Exception as error:
                raise UsageError(f"trial.keep({name}=…): its state cannot be saved: {error}") from error
        self._running.loop.restore_early()
        return next(iter(things.values())) if len(things) == 1 else tuple(things.values())

    def epochs(self) -> Iterator[int]:
        """The epochs that are still to be trained."""
        self._running.found.check_all_given()
        return self._running.loop.epochs(self._running.document.epochs)

    def batches(self, iterable: Iterable[Any], *, ahead: bool = False) -> Batches:
        """The batches of this epoch that are still to be trained on; between two of them a checkpoint may be taken.

        The same seed and epoch must give the same batches. `ahead`: something else reads them before their turn, in
        another thread perhaps; then each `step` stands for one of them.
        """
        self._running.found.check_all_given()
        return self._running.loop.batches(iterable, ahead=ahead)

    def step(self, samples: int = 1, **metrics: Any) -> None:
        """Counts a training step. The values of `metrics`, such as `loss=loss`, are fetched only when a record is due.

        `samples` are those of this rank; what is recorded is rank 0's number times the ranks, whose shares are equal.
        """
        self.count(samples, **metrics)
        self._running.loop.stepped()

    # -- for frameworks that have checkpoints of their own: `count`, and `boundary` when one was just written

    def count(self, samples: int = 1, *, epoch: int | None = None, **metrics: Any) -> None:
        """A training step after which no checkpoint may be taken; `epoch`: how many are over."""
        position = self._running.loop.position
        position.epoch = position.epoch if epoch is None else epoch
        position.step += 1
        position.samples += int(samples) * self.world
        self._running.records.stepped(int(samples) * self.world, metrics)
        if self._delay:
            time.sleep(self._delay)

    @property
    def save_due(self) -> bool:
        """Whether the framework should write its checkpoint now: it is time, or the machine is about to go."""
        self._running.check_threads()
        return self._running.saver.due() or (self._running.audit is not None and self._running.audit.due(self.steps))

    def boundary(self) -> None:
        """What is kept is whole now: it is committed if that is due, and at once after a SIGTERM."""
        self._running.is_whole()
        self._running.saver.written()

    def validation(
        self,
        metrics: Mapping[str, Any],
        model: Callable[[Path], object] | None = None,
        *,
        format: str | None = None,
        scorer: Scorer | None = None,
    ) -> None:
        """A point of the learning curve, recorded once; `model` writes the model for others into the folder that it gets.

        `scorer`: how `evaluate` scores with the model: the name of a format (`onnx`), a dict with `kind`, `file` and so on,
        or a command, whose files beside the script go into the export. The helpers' `save` functions bring one.

        With several ranks all may call it, and rank 0's metrics and model count: gather before what lies on the others.

        Raises:
            UsageError: the objective is not among the metrics.
        """
        if self._running.loop.replaying:
            return
        position = self._running.loop.position
        values = numbers_of(metrics)
        if self._running.objective.metric is None and values:
            self._running.objective = objective_of(next(iter(values)))
        metric = self._running.objective.metric
        if metric not in values:
            found = ", ".join(values) or "nothing"
            how = "report it, or name what you report as the objective (of the search; `--objective` of `trial check`)"
            raise UsageError(f"trial.validation: expected {metric}, the objective of the search, found {found}; {how}")
        position.validations += 1
        position.last = values
        if self._running.audit is not None:
            self._running.audit.validated(values)
        value = values[metric]
        if value is not None and (position.best is None or self._running.objective.better(value, position.best.value)):
            position.best = Best(value, position.step, values)
        if not self._running.gang.first:
            return
        self._running.records.add("validation", metrics=values)
        shown = ", ".join(f"{name} {'not finite' if found is None else format_number(found)}" for name, found in values.items())
        print(f"longhaul: step {position.step}: {shown}", flush=True)
        last = position.epoch >= self._running.document.epochs - 1
        if model is not None and (last or position.validations % self._running.document.export_every_validations == 0):
            self._running.export(model, values, value, format, scorer)
        self._running.records.restart()

    def beat(self) -> None:
        """A sign of life inside something that takes long, such as a validation; answers SIGTERM, too."""
        self._running.check_threads()
        self._running.saver.beat()
        self._running.records.beat()

    def data(self, name: str = "train", *, share: bool | None = None) -> DataSet:
        """The parquet parts of a data set, in an order that seed and epoch decide.

        `share`: batches are those of this rank's share, which is as large as that of every other one. Default: of the data set
        `train`; others are read whole by each rank.
        """
        if name not in self._running.manifests:
            known = ", ".join(self._running.manifests) or "none"
            how = f"--data {name}=FOLDER" if self._running.document.local else f"`data.{name}` of the search"
            raise UsageError(f"trial.data({name!r}): expected one of the trial's data sets, found {known}; give {how}")
        missing = [module for module in ("numpy", "pyarrow") if find_spec(module) is None]
        if missing:
            raise UsageError(f"trial.data needs {' and '.join(missing)}, which is not installed: pip install 'longhaul-sdk[data]'")
        document = self._running.document
        return DataSet(
            name, self._running.manifests[name], seed=document.seed, epoch=lambda: self.epoch, layout=document.layout,
            features=document.features, parts=document.parts, inputs=self._running.inputs,
            share=(self.rank, self.world) if (name == "train" if share is None else share) else (0, 1), counts=self._counts,
        )  # fmt: skip


def format_number(value: float) -> str:
    return f"{value:.5g}"
