"""One attempt at a trial, as a script sees it: `with longhaul.trial() as trial:`."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from .audits.keeper import Keeper
from .audits.repeat import Repeater, audit_of
from .data.dataset import Counts, DataSet
from .data.inputs import Inputs
from .data.manifest import Manifest, find_parts
from .digest import digest
from .document import Objective, load_document, warn
from .errors import EXIT_CRASH, FencedError, TrialError, UsageError
from .exports import Exports
from .gang.member import Alone, Together
from .gang.ranks import Ranks, ranks_of, set_missing
from .gang.saver import GangSaver
from .gang.wire import key_of
from .generators import Generators
from .identity import check_identity, machine, trial_identity
from .kept import check_name, take
from .local import local_document, objective_of
from .loop import Batches, Loop
from .parameters import Parameters
from .position import Best, Metrics
from .records import Records, numbers_of
from .restoring import Restorer
from .result import write_result
from .resume.behind import Behind
from .resume.checkpoints import Checkpoints
from .resume.interval import SaveInterval
from .resume.pace import Pace
from .resume.progress import Progress, Untold
from .resume.rhythm import Rhythm
from .saver import Saver
from .scorer import Scorer, describe_scorer, with_own_files
from .snapshot import Pickled, Snapshot
from .store import open_store
from .store.directory import SCHEME as FILES
from .store.directory import path_of
from .termination import is_child, leave, termination
from .use import Use

#: A batch that takes longer than this at a SIGTERM is not waited for; the committed checkpoint stays.
HUNG_STEP_SECONDS = 4.0
#: How long a SIGTERM waits for a model that is being uploaded: a checkpoint must not say that it is there before it is.
EXPORT_SECONDS = 6.0
#: How long the end by an error waits for records that were told before it.
RECORDS_SECONDS = 6.0
#: Slows every step; lets tests and the checker stop a trial at a chosen moment.
STEP_DELAY = "LONGHAUL_STEP_DELAY_SECONDS"

_entered = threading.Lock()


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
    _loop: Loop
    _records: Records
    _objective: Objective
    _saver: Saver | GangSaver

    def __init__(self, defaults: Mapping[str, Any], data: Mapping[str, str], epochs: int, seed: int) -> None:
        self._defaults = defaults
        self._data, self._epochs, self._seed = data, epochs, seed
        self._kept: dict[str, Any] = {}
        self._gang: Alone = Alone()
        self._inputs = Inputs()
        self._counts: Counts = {}

    # -- what a script calls

    @property
    def epoch(self) -> int:
        return self._loop.position.epoch

    @property
    def steps(self) -> int:
        """Training steps since the beginning of the trial, over all attempts."""
        return self._loop.position.step

    @property
    def rank(self) -> int:
        """Number of this process among those that train the model together, from 0."""
        return self._gang.rank

    @property
    def world(self) -> int:
        """How many processes train the model together."""
        return self._gang.world

    @property
    def local_rank(self) -> int:
        """Number of this process on its machine: that of its GPU."""
        return self._gang.ranks.local_rank

    @property
    def threads(self) -> int:
        """How many threads a framework should use; equal bits need an equal number."""
        return self._document.threads

    def keep(self, *, reshards: bool = False, **things: Any) -> Any:
        """What must survive, by name; each is given back its state at once, where there is a checkpoint.

        Anything with `state_dict`, `__getstate__` or `variables`, arrays, random generators, dicts and lists. The global
        random generators are kept anyway. Returns the thing, or a tuple of them.

        Each rank keeps its own. `reshards`: another number of ranks may go on from them: what has `load_shards` gets the
        states of all ranks, anything else that of one, since it is the same on all. The bits of the model then differ from
        those of the undisturbed run, which LATEST and the record of the start say.
        """
        self._generators.seed_new()
        for name, thing in things.items():
            check_name(name, thing)
            if name in self._kept:
                raise UsageError(f"trial.keep({name}=…): this name is kept already")
            self._found.give_back(name, thing, reshards)
            self._kept[name] = thing
            try:
                Pickled.of(take(thing))
            except TrialError:
                raise
            except Exception as error:
                raise UsageError(f"trial.keep({name}=…): its state cannot be saved: {error}") from error
        self._loop.restore_early()
        return next(iter(things.values())) if len(things) == 1 else tuple(things.values())

    def epochs(self) -> Iterator[int]:
        """The epochs that are still to be trained."""
        self._found.check_all_given()
        return self._loop.epochs(self._document.epochs)

    def batches(self, iterable: Iterable[Any], *, ahead: bool = False) -> Batches:
        """The batches of this epoch that are still to be trained on; between two of them a checkpoint may be taken.

        The same seed and epoch must give the same batches. `ahead`: something else reads them before their turn, in
        another thread perhaps; then each `step` stands for one of them.
        """
        self._found.check_all_given()
        return self._loop.batches(iterable, ahead=ahead)

    def step(self, samples: int = 1, **metrics: Any) -> None:
        """Counts a training step. The values of `metrics`, such as `loss=loss`, are fetched only when a record is due.

        `samples` are those of this rank; what is recorded is rank 0's number times the ranks, whose shares are equal.
        """
        self.count(samples, **metrics)
        self._loop.stepped()

    # -- for frameworks that have checkpoints of their own: `count`, and `boundary` when one was just written

    def count(self, samples: int = 1, *, epoch: int | None = None, **metrics: Any) -> None:
        """A training step after which no checkpoint may be taken; `epoch`: how many are over."""
        position = self._loop.position
        position.epoch = position.epoch if epoch is None else epoch
        position.step += 1
        position.samples += int(samples) * self.world
        self._records.stepped(int(samples) * self.world, metrics)
        if self._delay:
            time.sleep(self._delay)

    @property
    def save_due(self) -> bool:
        """Whether the framework should write its checkpoint now: it is time, or the machine is about to go."""
        self._check_threads()
        return self._saver.due() or (self._audit is not None and self._audit.due(self.steps))

    def boundary(self) -> None:
        """What is kept is whole now: it is committed if that is due, and at once after a SIGTERM."""
        self._between()
        self._saver.written()

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
        if self._loop.replaying:
            return
        position = self._loop.position
        values = numbers_of(metrics)
        if self._objective.metric is None and values:
            self._objective = objective_of(next(iter(values)))
        metric = self._objective.metric
        if metric not in values:
            raise UsageError(f"trial.validation: expected {metric}, the objective of the search, found {', '.join(values) or 'nothing'}")
        position.validations += 1
        position.last = values
        if self._audit is not None:
            self._audit.validated(values)
        value = values[metric]
        if value is not None and (position.best is None or self._objective.better(value, position.best.value)):
            position.best = Best(value, position.step, values)
        if not self._gang.first:
            return
        self._records.add("validation", metrics=values)
        shown = ", ".join(f"{name} {'not finite' if found is None else format_number(found)}" for name, found in values.items())
        print(f"longhaul: step {position.step}: {shown}", flush=True)
        last = position.epoch >= self._document.epochs - 1
        if model is not None and (last or position.validations % self._document.export_every_validations == 0):
            self._export(model, values, value, format, scorer)
        self._records.restart()

    def beat(self) -> None:
        """A sign of life inside something that takes long, such as a validation; answers SIGTERM, too."""
        self._check_threads()
        self._saver.beat()
        self._records.beat()

    def data(self, name: str = "train", *, share: bool | None = None) -> DataSet:
        """The parquet parts of a data set, in an order that seed and epoch decide.

        `share`: batches are those of this rank's share, which is as large as that of every other one. Default: of the data set
        `train`; others are read whole by each rank.
        """
        if name not in self._manifests:
            known = ", ".join(self._manifests) or "none"
            how = f"--data {name}=FOLDER" if self._document.local else f"`data.{name}` of the search"
            raise UsageError(f"trial.data({name!r}): expected one of the trial's data sets, found {known}; give {how}")
        missing = [module for module in ("numpy", "pyarrow") if find_spec(module) is None]
        if missing:
            raise UsageError(f"trial.data needs {' and '.join(missing)}, which is not installed: pip install 'longhaul-sdk[data]'")
        document = self._document
        return DataSet(
            name, self._manifests[name], seed=document.seed, epoch=lambda: self.epoch, layout=document.layout,
            features=document.features, parts=document.parts, inputs=self._inputs,
            share=(self.rank, self.world) if (name == "train" if share is None else share) else (0, 1), counts=self._counts,
        )  # fmt: skip

    # -- its beginning

    def __enter__(self) -> Trial:
        try:
            self._enter()
        except TrialError as error:
            self._end(error)
        except BaseException as error:
            self._gang.end_all(EXIT_CRASH, repr(error))
            raise
        return self

    def _enter(self) -> None:
        if is_child():
            raise UsageError("longhaul.trial() was called in a process that a trial has started; put it below `if __name__ == '__main__':`")
        if not _entered.acquire(blocking=False):
            raise UsageError("longhaul.trial(): expected one trial in a process, found a second")
        self._termination = termination()
        self._termination.install()
        document = (
            load_document()
            if os.environ.get("LONGHAUL_TRIAL")
            else local_document(self._defaults, data=self._data, epochs=self._epochs, seed=self._seed)
        )
        self._document = document
        self._objective = document.objective
        self._delay = float(os.environ.get(STEP_DELAY, "0"))
        self.parameters = Parameters({**self._defaults, **document.parameters}, local=document.local)
        self.seed, self.attempt, self.output = document.seed, document.attempt, document.output
        self._store = open_store(document.output)
        self._machine = machine(document.threads)
        self._checkpoints = Checkpoints(
            self._store, document.output, attempt=document.attempt, keep=document.checkpoint.keep, warn=warn, machine=self._machine
        )
        self._termination.answer = lambda: self._checkpoints.mark_sigterm(starting=True)
        self._join(Ranks() if document.local else ranks_of(os.environ))
        self._manifests: dict[str, Manifest] = {name: find_parts(open_store(uri), uri) for name, uri in document.data.items()}
        if self._gang.first:
            self._checkpoints.claim()
            self._store.sweep(document.output)
        self._generators = Generators(document.seed)
        self._generators.seed_new()
        self._behind = Behind("uploads")
        self._telling = Behind("records")  # a record does not wait for a checkpoint or a model
        self._progress: Progress | Untold = (
            Progress(self._store, document.output, document.attempt, self._telling) if self._gang.first else Untold()
        )
        self._identity = trial_identity(document, self._manifests, self.parameters)
        self._audit = self._make_audit()
        for rank, other in enumerate(self._gang.gather("identity", self._identity) if self.world > 1 else ()):
            check_identity(
                other, json.loads(json.dumps(self._identity)), self.output, f"rank {rank} has other inputs than rank {self.rank}"
            )
        begun = Restorer(
            self._gang, self._store, self._checkpoints, self._progress, self._audit,
            output=self.output, fork=document.fork, identity=self._identity, machine=self._machine,
        ).restore()  # fmt: skip
        self._found, self._inexact = begun.found, begun.inexact
        self._loop = Loop(begun.position, self._generators, self._boundary)
        if begun.generators is not None:
            self._loop.resume(begun.generators)
        interval = SaveInterval(document.checkpoint)
        # With several processes on a machine, what their launcher has started is the attempt's.
        ours = os.getppid() if self._gang.ranks.local_world > 1 else os.getpid()
        use = Use(ours, lambda: self._loop.wait_seconds)
        self._records = Records(self._progress, self._loop, document.epochs, lambda: interval.seconds, Pace(document.silence_seconds), use)
        self._exports = Exports(self._store, document.output, self._behind, lambda record: self._progress.add("export", record))
        self._saver = self._make_saver(interval)
        self._gang.starts(self._termination.asked)
        self._records.add("start", machine=self._machine, **({"inexact": self._inexact} if self._inexact else {}))
        if not self._gang.first:
            return
        use.start()
        where = f"; everything is written to {_shown(document.output)}" if document.local else ""
        ranks = f" with {self.world} ranks" if self.world > 1 else ""
        print(f"longhaul: {document.name} attempt {document.attempt} begins at step {self.steps}{ranks}{where}", flush=True)

    def _join(self, ranks: Ranks) -> None:
        """With the other ranks, where there are some, before anything is claimed."""
        if ranks.world == 1:
            return
        set_missing(ranks, os.environ)
        gang = Together(ranks, self._checkpoints, hung_seconds=HUNG_STEP_SECONDS)
        self._gang = gang
        self._termination.answer = gang.sigterm
        document = self._document
        gang.join(key_of(json.dumps(document.raw, sort_keys=True).encode(), document.output, document.attempt))

    def _make_saver(self, interval: SaveInterval) -> Saver | GangSaver:
        gang = self._gang
        rhythm = Rhythm(interval, self._behind, self._tell_checkpoint)
        if isinstance(gang, Together):
            return GangSaver(gang, self._checkpoints, rhythm, self._snapshot, lambda: self._exports.settled(EXPORT_SECONDS))
        saver = Saver(
            self._checkpoints, rhythm, self._snapshot, self._exports.settled, self._termination.asked,
            hung_seconds=HUNG_STEP_SECONDS, export_seconds=EXPORT_SECONDS,
        )  # fmt: skip
        self._termination.answer = saver.answer_hung
        return saver

    def _tell_checkpoint(self, about: dict[str, Any]) -> None:
        self._records.add("checkpoint", **about)

    def _make_audit(self) -> Keeper | Repeater | None:
        document = self._document
        if self.world > 1:
            if self._gang.first and document.audit is not None:
                warn("no window is kept for `longhaul audit`: it repeats what one rank has trained")
            return None
        return audit_of(
            document.audit, document.repeat, self._store, self.output, seed=self.seed, name=document.name, attempt=self.attempt,
            machine=self._machine, behind=self._behind, warn=warn,
        )  # fmt: skip

    # -- between two batches

    def _boundary(self, pause: bool) -> None:
        self._between()
        self._saver.boundary(pause=pause)

    def _between(self) -> None:
        """What is kept is whole now."""
        self._termination.renew()
        self._check_threads()
        audit = self._audit
        if audit is not None and audit.at(self.steps, self._loop.position.samples, self._audited, self._snapshot):
            assert isinstance(audit, Repeater), "a keeper lets the training go on"
            self._finish_repeating(audit)

    def _check_threads(self) -> None:
        self._behind.check()
        self._telling.check()

    def _audited(self) -> dict[str, Any]:
        """What must be equal when it is trained again. Nothing is copied."""
        things = {name: take(thing) for name, thing in self._kept.items()}
        return {**things, "random": self._loop.states()["now"], "position": self._loop.position.to_json()}

    def _snapshot(self) -> Snapshot:
        position = self._loop.position
        unrecorded = self._exports.unrecorded  # before the frontier: one that is recorded meanwhile is in both
        frontier = self._progress.frontier(position.step)
        things = {name: take(thing) for name, thing in self._kept.items()}
        return Snapshot(
            {
                "position": position.to_json(),
                "identity": self._identity,
                "machine": self._machine,
                "progress": frontier.written,
                "records": [*frontier.pending, *({"kind": "export", **record} for record in unrecorded)],
                "ahead": frontier.ahead,
                **({} if self._audit is None else {"audit": self._audit.state()}),
                **({"inexact": self._inexact} if self._inexact else {}),
            },
            Pickled.of({"things": things, "generators": self._loop.states()}),
        )

    def _export(
        self, model: Callable[[Path], object], metrics: Metrics, value: float | None, format: str | None, scorer: Scorer | None
    ) -> None:
        position = self._loop.position
        name = f"{position.step:09d}"
        best = value is not None and (position.best_export is None or self._objective.better(value, position.best_export.value))
        if best and value is not None:
            position.best_export = Best(value, position.step, metrics, name)
        if isinstance(self._audit, Repeater):  # the function may change what is kept; the model is nobody's
            with tempfile.TemporaryDirectory(prefix="longhaul-model-") as folder:
                model(Path(folder))
            return
        about: dict[str, Any] = {"step": position.step, "samples": position.samples, "metrics": metrics, "best": best}
        record = {**self._records.where(), "name": name, "metrics": metrics}
        self._saver.exporting()
        brought = describe_scorer(model, scorer, self._inputs.known(self._document.features))
        more = {**({} if format is None else {"format": format}), **({} if brought is None else {"scorer": brought})}
        self._exports.write(name, with_own_files(model, brought), {**about, **more}, record)

    # -- its end

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            try:
                self._finish()
            except TrialError as own:
                self._end(own)
            except BaseException as own:
                self._gang.end_all(EXIT_CRASH, repr(own))
                raise
            return
        if not isinstance(error, TrialError):
            self._gang.wait_for_news()
        if not isinstance(error, FencedError):
            with suppress(Exception):  # what ended the trial is told, and not that a record could not be
                self._telling.wait_for(0, RECORDS_SECONDS)
        if isinstance(error, TrialError):
            self._end(error)
        self._gang.end_all(error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else EXIT_CRASH, repr(error))

    def _end(self, error: TrialError) -> None:
        """One message, and the exit code that tells Longhaul whether to try again. A fenced attempt writes nothing more."""
        print(f"longhaul: {error}", file=sys.stderr, flush=True)
        self._gang.end_all(error.exit_code, str(error))
        if isinstance(error, FencedError):
            leave(error.exit_code)
        raise SystemExit(error.exit_code)

    def _finish_repeating(self, repeater: Repeater) -> None:
        """The window was trained again: what follows is none of the audit's business."""
        self._behind.drain()
        repeater.write()
        self._write_result(self._weights_digest())
        self._records.add("end", done=1.0)
        self._telling.drain()
        print(f"longhaul: {self._document.name} was trained again up to step {self.steps}", flush=True)
        leave(0)

    def _finish(self) -> None:
        self._found.check_all_given()
        if self._audit is not None:
            self._audit.close()
        self._saver.ends()
        self._behind.drain()
        self._telling.drain()
        self._saver.commit("end")
        weights = self._weights_digest()
        if self._gang.first:
            self._write_result(weights)
            self._records.add("end", metrics=self._loop.position.last, done=1.0)
            self._telling.drain()
            position = self._loop.position
            print(f"longhaul: {self._document.name} is done after {position.step} steps, {position.samples} samples", flush=True)
        self._gang.over()
        self._termination.answer = lambda: leave(0)

    def _write_result(self, weights: str) -> None:
        position = self._loop.position
        write_result(
            self._store, self.output, best=position.best, export=position.best_export, last=position.last, steps=position.step,
            samples=position.samples, epochs=position.epoch, weights=weights, attempt=self.attempt,
            more={"inexact": self._inexact} if self._inexact else {},
        )  # fmt: skip

    def _weights_digest(self) -> str:
        """Of what is kept as `model`; of all that is kept, where nothing has that name; of all ranks', where they differ."""
        kept = {name: thing for name, thing in self._kept.items() if name == "model"} or self._kept
        found = self._gang.gather("weights", digest({name: take(thing) for name, thing in kept.items()}))
        return str(found[0]) if len(set(found)) == 1 else digest(found)


def format_number(value: float) -> str:
    return f"{value:.5g}"


def _shown(uri: str) -> str:
    return str(path_of(uri)) if uri.startswith(FILES) else uri
