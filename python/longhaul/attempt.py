"""What an attempt consists of, from its claim to its result; `Trial` is the script's view of it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .audits.keeper import Keeper
from .audits.repeat import Repeater, audit_of
from .data.inputs import Inputs
from .data.manifest import Manifest, find_parts
from .digest import digest
from .document import Document, Objective, load_document, warn
from .errors import EXIT_CRASH, FencedError, TrialError, UsageError
from .exports import Exports
from .found import Found
from .gang.member import GangMember, SingleRank
from .gang.ranks import Ranks, ranks_of, set_missing
from .gang.saver import GangSaver
from .gang.wire import key_of
from .generators import Generators
from .identity import check_identity, machine, trial_identity
from .kept import take
from .local import local_document
from .loop import Loop
from .parameters import Parameters
from .position import Best, Metrics
from .records import Records
from .restoring import Restorer
from .result import write_result
from .resume.background import BackgroundWorker
from .resume.checkpoints import Checkpoints
from .resume.heartbeat import Heartbeat
from .resume.interval import SaveInterval
from .resume.progress import DiscardedProgress, Progress
from .resume.schedule import CheckpointSchedule
from .saver import Saver
from .scorer import Scorer, describe_scorer, with_own_files
from .snapshot import Pickled, Snapshot
from .store import open_store
from .store.directory import SCHEME as FILES
from .store.directory import path_of
from .termination import Termination, is_child, leave, termination
from .use import Use

#: A batch that takes longer than this at a SIGTERM is not waited for; the committed checkpoint stays.
HUNG_STEP_SECONDS = 4.0
#: How long a SIGTERM waits for a model that is being uploaded: a checkpoint must not say that it is there before it is.
EXPORT_SECONDS = 6.0
#: How long the end by an error waits for records that were told before it.
RECORDS_SECONDS = 6.0

_entered = threading.Lock()


class Attempt:
    """`begin` claims the trial and restores it; `finish`, `fail` or `crash` ends it, with an exit code of the trial contract."""

    document: Document
    #: What decides which model is the best; without a metric until the first point of a script that runs by itself.
    objective: Objective
    parameters: Parameters
    audit: Keeper | Repeater | None
    found: Found
    generators: Generators
    loop: Loop
    manifests: dict[str, Manifest]
    records: Records
    saver: Saver | GangSaver
    termination: Termination

    def __init__(self) -> None:
        self.gang: SingleRank = SingleRank()
        self.inputs = Inputs()
        #: What must survive, by name.
        self.kept: dict[str, Any] = {}

    # -- its beginning

    def begin(self, defaults: Mapping[str, Any], data: Mapping[str, str], epochs: int, seed: int) -> None:
        self._enter_process()
        self._read_document(defaults, data, epochs, seed)
        self._claim()
        self._restore()
        self._start_records()
        self._tell_beginning()

    def _enter_process(self) -> None:
        if is_child():
            raise UsageError("longhaul.trial() was called in a process that a trial has started; put it below `if __name__ == '__main__':`")
        if not _entered.acquire(blocking=False):
            raise UsageError("longhaul.trial(): expected one trial in a process, found a second")
        self.termination = termination()
        self.termination.install()

    def _read_document(self, defaults: Mapping[str, Any], data: Mapping[str, str], epochs: int, seed: int) -> None:
        started = bool(os.environ.get("LONGHAUL_TRIAL"))
        document = load_document() if started else local_document(defaults, data=data, epochs=epochs, seed=seed)
        self.document = document
        self.objective = document.objective
        self.parameters = Parameters({**defaults, **document.parameters}, local=document.local)

    def _claim(self) -> None:
        document = self.document
        self._store = open_store(document.output)
        self._machine = machine(document.threads)
        self._checkpoints = Checkpoints(
            self._store, document.output, attempt=document.attempt, keep=document.checkpoint.keep, warn=warn, machine=self._machine
        )
        self.termination.answer = lambda: self._checkpoints.mark_sigterm(starting=True)
        self._join(Ranks() if document.local else ranks_of(os.environ))
        self.manifests = {name: find_parts(open_store(uri), uri) for name, uri in document.data.items()}
        if self.gang.first:
            self._checkpoints.claim()
            self._store.sweep(document.output)

    def _join(self, ranks: Ranks) -> None:
        """With the other ranks, where there are some, before anything is claimed."""
        if ranks.world == 1:
            return
        set_missing(ranks, os.environ)
        gang = GangMember(ranks, self._checkpoints, hung_seconds=HUNG_STEP_SECONDS)
        self.gang = gang
        self.termination.answer = gang.sigterm
        document = self.document
        gang.join(key_of(json.dumps(document.raw, sort_keys=True).encode(), document.output, document.attempt))

    def _restore(self) -> None:
        document = self.document
        self.generators = Generators(document.seed)
        self.generators.seed_new()
        self._uploads = BackgroundWorker("uploads")
        self._telling = BackgroundWorker("records")  # a record does not wait for a checkpoint or a model
        self._progress: Progress | DiscardedProgress = (
            Progress(self._store, document.output, document.attempt, self._telling) if self.gang.first else DiscardedProgress()
        )
        self._identity = trial_identity(document, self.manifests, self.parameters)
        self.audit = self._make_audit()
        for rank, other in enumerate(self.gang.gather("identity", self._identity) if self.gang.world > 1 else ()):
            check_identity(
                other,
                json.loads(json.dumps(self._identity)),
                document.output,
                f"rank {rank} has other inputs than rank {self.gang.rank}",
            )
        begun = Restorer(
            self.gang, self._store, self._checkpoints, self._progress, self.audit,
            output=document.output, fork=document.fork, identity=self._identity, machine=self._machine,
        ).restore()  # fmt: skip
        self.found, self._inexact = begun.found, begun.inexact
        self.loop = Loop(begun.position, self.generators, self._boundary)
        if begun.generators is not None:
            self.loop.resume(begun.generators)

    def _start_records(self) -> None:
        document = self.document
        interval = SaveInterval(document.checkpoint)
        # With several processes on a machine, what their launcher has started is the attempt's.
        ours = os.getppid() if self.gang.ranks.local_world > 1 else os.getpid()
        self._use = Use(ours, lambda: self.loop.wait_seconds)
        self.records = Records(
            self._progress, self.loop, document.epochs, lambda: interval.seconds, Heartbeat(document.silence_seconds), self._use
        )
        self._exports = Exports(self._store, document.output, self._uploads, lambda record: self._progress.add("export", record))
        self.saver = self._make_saver(interval)

    def _tell_beginning(self) -> None:
        document = self.document
        self.gang.starts(self.termination.asked)
        self.records.add("start", machine=self._machine, **self._inexactness)
        if not self.gang.first:
            return
        self._use.start()
        where = f"; everything is written to {_shown(document.output)}" if document.local else ""
        ranks = f" with {self.gang.world} ranks" if self.gang.world > 1 else ""
        step = self.loop.position.step
        print(f"longhaul: {document.name} attempt {document.attempt} begins at step {step}{ranks}{where}", flush=True)

    def _make_saver(self, interval: SaveInterval) -> Saver | GangSaver:
        gang = self.gang
        schedule = CheckpointSchedule(interval, self._uploads, lambda about: self.records.add("checkpoint", **about))
        if isinstance(gang, GangMember):
            return GangSaver(gang, self._checkpoints, schedule, self._snapshot, self._exports.settled, export_seconds=EXPORT_SECONDS)
        saver = Saver(
            self._checkpoints, schedule, self._snapshot, self._exports.settled, self.termination.asked,
            hung_seconds=HUNG_STEP_SECONDS, export_seconds=EXPORT_SECONDS,
        )  # fmt: skip
        self.termination.answer = saver.answer_hung
        return saver

    def _make_audit(self) -> Keeper | Repeater | None:
        document = self.document
        if self.gang.world > 1:
            if self.gang.first and document.audit is not None:
                warn("no window is kept for `longhaul audit`: it repeats what one rank has trained")
            return None
        return audit_of(
            document.audit, document.repeat, self._store, document.output, seed=document.seed, name=document.name,
            attempt=document.attempt, machine=self._machine, background=self._uploads, warn=warn,
        )  # fmt: skip

    # -- between two batches

    def _boundary(self, pause: bool) -> None:
        self.is_whole()
        self.saver.boundary(pause=pause)

    def is_whole(self) -> None:
        """What is kept is whole now."""
        self.termination.renew()
        self.check_threads()
        audit, position = self.audit, self.loop.position
        if audit is not None and audit.at(position.step, position.samples, self._audited, self._snapshot):
            assert isinstance(audit, Repeater), "a keeper lets the training go on"
            self._finish_repeating(audit)

    def check_threads(self) -> None:
        self._uploads.check()
        self._telling.check()

    def _audited(self) -> dict[str, Any]:
        """What must be equal when it is trained again. Nothing is copied."""
        return {**self._things(), "random": self.loop.states()["now"], "position": self.loop.position.to_json()}

    def _things(self) -> dict[str, Any]:
        return {name: take(thing) for name, thing in self.kept.items()}

    def _snapshot(self) -> Snapshot:
        position = self.loop.position
        unrecorded = self._exports.unrecorded  # before the frontier: one that is recorded meanwhile is in both
        frontier = self._progress.frontier(position.step)
        things = self._things()
        return Snapshot(
            {
                "position": position.to_json(),
                "identity": self._identity,
                "machine": self._machine,
                "progress": frontier.written,
                "records": [*frontier.pending, *({"kind": "export", **record} for record in unrecorded)],
                "ahead": frontier.ahead,
                **({} if self.audit is None else {"audit": self.audit.state()}),
                **self._inexactness,
            },
            Pickled.of({"things": things, "generators": self.loop.states()}),
        )

    @property
    def _inexactness(self) -> dict[str, list[str]]:
        return {"inexact": self._inexact} if self._inexact else {}

    # -- models

    def export(
        self, model: Callable[[Path], object], metrics: Metrics, value: float | None, format: str | None, scorer: Scorer | None
    ) -> None:
        position = self.loop.position
        name = f"{position.step:09d}"
        best = value is not None and (position.best_export is None or self.objective.better(value, position.best_export.value))
        if best and value is not None:
            position.best_export = Best(value, position.step, metrics, name)
        if isinstance(self.audit, Repeater):  # the function may change what is kept; the model is nobody's
            with tempfile.TemporaryDirectory(prefix="longhaul-model-") as folder:
                model(Path(folder))
            return
        about: dict[str, Any] = {"step": position.step, "samples": position.samples, "metrics": metrics, "best": best}
        record = {**self.records.where(), "name": name, "metrics": metrics}
        self.saver.exporting()
        brought = describe_scorer(model, scorer, self.inputs.known(self.document.features))
        more = {**({} if format is None else {"format": format}), **({} if brought is None else {"scorer": brought})}
        self._exports.write(name, with_own_files(model, brought), {**about, **more}, record)

    # -- its end

    def finish(self) -> None:
        self.found.check_all_given()
        if self.audit is not None:
            self.audit.close()
        self.saver.ends()
        self._uploads.drain()
        self._telling.drain()
        self.saver.commit("end")
        weights = self._weights_digest()
        if self.gang.first:
            self._write_result(weights)
            self.records.add("end", metrics=self.loop.position.last, done=1.0)
            self._telling.drain()
            position = self.loop.position
            print(f"longhaul: {self.document.name} is done after {position.step} steps, {position.samples} samples", flush=True)
        self.gang.over()
        self.termination.answer = lambda: leave(0)

    def fail(self, error: TrialError) -> None:
        """One message, and the exit code that tells Longhaul whether to try again. A fenced attempt writes nothing more."""
        print(f"longhaul: {error}", file=sys.stderr, flush=True)
        self.gang.end_all(error.exit_code, str(error))
        if isinstance(error, FencedError):
            leave(error.exit_code)
        raise SystemExit(error.exit_code)

    def crash(self, error: BaseException) -> None:
        """The other ranks hear of it; the error goes on its way."""
        self.gang.end_all(error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else EXIT_CRASH, repr(error))

    def ended_by(self, error: BaseException) -> None:
        """By an error in the script."""
        if not isinstance(error, TrialError):
            self.gang.wait_for_news()
        if not isinstance(error, FencedError):
            with suppress(Exception):  # what ended the trial is told, and not that a record could not be
                self._telling.wait_for(0, RECORDS_SECONDS)
        if isinstance(error, TrialError):
            self.fail(error)
        self.crash(error)

    def _finish_repeating(self, repeater: Repeater) -> None:
        """The window was trained again: what follows is none of the audit's business."""
        self._uploads.drain()
        repeater.write()
        self._write_result(self._weights_digest())
        self.records.add("end", done=1.0)
        self._telling.drain()
        print(f"longhaul: {self.document.name} was trained again up to step {self.loop.position.step}", flush=True)
        leave(0)

    def _write_result(self, weights: str) -> None:
        position = self.loop.position
        write_result(
            self._store, self.document.output, best=position.best, export=position.best_export, last=position.last,
            steps=position.step, samples=position.samples, epochs=position.epoch, weights=weights,
            attempt=self.document.attempt, more=self._inexactness,
        )  # fmt: skip

    def _weights_digest(self) -> str:
        """Of what is kept as `model`; of all that is kept, where nothing has that name; of all ranks', where they differ."""
        kept = {name: thing for name, thing in self.kept.items() if name == "model"} or self.kept
        found = self.gang.gather("weights", digest({name: take(thing) for name, thing in kept.items()}))
        return str(found[0]) if len(set(found)) == 1 else digest(found)


def _shown(uri: str) -> str:
    return str(path_of(uri)) if uri.startswith(FILES) else uri
