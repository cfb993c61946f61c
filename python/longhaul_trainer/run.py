"""One attempt at a trial, from trial.json to result.json."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from longhaul.audits.repeat import Repeater, audit_of
from longhaul.data.manifest import Manifest, load_manifest
from longhaul.data.randomness import SCHEME
from longhaul.document import warn
from longhaul.identity import check_identity
from longhaul.position import Best, Metrics
from longhaul.result import write_result
from longhaul.resume.background import BackgroundWorker
from longhaul.resume.checkpoints import Checkpoints
from longhaul.resume.heartbeat import Heartbeat
from longhaul.resume.interval import SaveInterval
from longhaul.resume.progress import Progress
from longhaul.resume.schedule import CheckpointSchedule
from longhaul.store import open_store
from longhaul.termination import Termination, leave

from .checks import check_metric, check_sessions
from .features import check_names
from .identity import identity_of, lengthened, scheme_of, upgraded
from .model.parameters import Taken, training_parameters
from .model_card import card
from .model_exports import MAX_UNFINISHED_EXPORTS, ModelExports
from .resume.attachments import WEIGHTS, Attachments
from .resume.fork import check_shapes, load_fork, state_of_fork
from .resume.saver import Saver
from .resume.snapshot import Snapshot, from_files
from .state import State
from .trial import BIGQUERY_ML, Trial

#: While the loop waits for something, it looks around at this pace.
WAIT_SECONDS = 0.5


def train(trial: Trial, termination: Termination) -> None:
    """Runs the attempt; returns when the trial is done."""
    checkpoints = Checkpoints(open_store(trial.output), trial.output, attempt=trial.attempt, keep=trial.checkpoint.keep, warn=warn)
    termination.answer = lambda: checkpoints.mark_sigterm(starting=True)
    parameters = training_parameters(Taken(trial.parameters))  # cheap mistakes are told before TensorFlow is loaded
    check_names(trial.features)
    check_metric(trial)
    manifests = {name: load_manifest(open_store(uri), uri) for name, uri in trial.data.items() if name in ("train", "validation")}
    for manifest in manifests.values():
        check_sessions(trial, manifest)
    del parameters
    checkpoints.claim()
    checkpoints.read_ahead()
    open_store(trial.output).sweep(trial.output)
    Attempt(trial, checkpoints, manifests, termination).run()


class Attempt:
    """Puts the pieces together; the loop itself is in training.py."""

    def __init__(self, trial: Trial, checkpoints: Checkpoints, manifests: Mapping[str, Manifest], termination: Termination) -> None:
        from .model.runtime import machine, tensorflow

        tensorflow(trial.threads, trial.seed)
        from .data.stream import DataSet
        from .export import Exporter
        from .model.learner import Learner, hash_texts
        from .model.own import find_build, source_of
        from .summaries import Summaries
        from .training import Training

        self.trial = trial
        self._termination = termination
        self._checkpoints = checkpoints
        self._store = open_store(trial.output)
        self._stores = [self._store, *(open_store(manifest.uri) for manifest in manifests.values())]
        build = find_build(trial.model)
        termination.install()  # its module may have put a handler, or a wake-up descriptor, over ours
        taken = Taken(trial.parameters)
        parameters = training_parameters(taken)
        self._ends_matter = parameters.learning_rate_schedule != "constant"
        self._identity = identity_of(trial, manifests, source_of(build))
        self._scheme = SCHEME
        self._machine = {**machine(), "threads": str(trial.threads)}
        self._learner = Learner(build, trial.model, trial.features, taken, parameters, trial.seed)
        self._weights = {f"{index:04d}": str(variable.path) for index, variable in enumerate(self._learner.model.weights)}
        self._attachments = Attachments(self._store, trial.output)
        self._records = BackgroundWorker("records")
        self._uploads = BackgroundWorker("checkpoints")
        self._pace = Heartbeat(trial.silence_seconds)
        self._progress = Progress(self._store, trial.output, trial.attempt, self._records)
        exporter = Exporter(
            self._store,
            trial.output,
            self._learner.fresh_model,
            trial.features,
            card(trial, manifests),
            branches=self._learner.branches,
            for_bigquery_ml=trial.export_for == BIGQUERY_ML,
        )
        self._exports = ModelExports(exporter, self._progress, self._attachments)
        self._is_ready = exporter.is_ready
        self._summaries = Summaries(self._store, trial.output, warn)
        self._lock = threading.Lock()
        self._audit = audit_of(
            trial.audit,
            trial.repeat,
            self._store,
            trial.output,
            seed=trial.seed,
            name=f"{trial.run}/{trial.step}/{trial.number}",
            attempt=trial.attempt,
            machine=self._machine,
            background=self._uploads,
            warn=warn,
        )
        self._state = self._restore()
        schedule = CheckpointSchedule(SaveInterval(trial.checkpoint), self._uploads, self._on_checkpoint)
        self._saver = Saver(checkpoints, schedule, self._lock, self._snapshot, self._attachments)
        data = {
            name: DataSet(open_store(manifest.uri), manifest, trial.layout, trial.features, hash_texts, trial.parts)
            for name, manifest in manifests.items()
        }
        self._training = Training(
            trial,
            self._learner,
            self._state,
            self._lock,
            scheme=self._scheme,
            train=data["train"],
            validation=data.get("validation"),
            report=self._report,
            after_step=self._after_step,
            on_validation=self._on_validation,
            after_validation=lambda: self._wait_for_exports(MAX_UNFINISHED_EXPORTS),
            beat=self._beat,
            idle=self._idle,
            train_record_seconds=lambda: self._pace.train_seconds,
            check=self._check,
        )

    def run(self) -> None:
        state = self._state
        self._termination.answer = self._saver.at_sigterm
        self._summaries.start(self.trial.id, self.trial.parameters, state.step if state.validation_due else state.step + 1)
        self._report("start", {})
        print(f"longhaul: {self.trial.id} attempt {self.trial.attempt} begins at step {state.step} ({state.samples} sessions)", flush=True)
        self._wait_for_exports(MAX_UNFINISHED_EXPORTS)
        self._training.run()
        if self._audit is not None:
            self._audit.close()
        self._wait_for_exports(0)  # the last checkpoint says that all is there
        self._uploads.drain()
        self._records.drain()
        self._saver.save_now("end")
        self._write_result()
        self._report("end", {"metrics": self._state.last, "done": 1.0})
        self._records.drain()
        self._summaries.close()
        print(f"longhaul: {self.trial.id} is done after {state.step} steps, {state.samples} sessions", flush=True)

    def _after_step(self) -> None:
        """With the lock held."""
        audit = self._audit
        if audit is not None and audit.at(self._state.step, self._state.samples, self._audited, self._snapshot):
            assert isinstance(audit, Repeater), "a keeper lets the training go on"
            self._finish_repeating(audit)
        self._saver.after_step()

    def _audited(self) -> dict[str, Any]:
        """What must be equal when it is trained again."""
        return {**self._learner.copy(), "position": self._state.to_json()}

    def _finish_repeating(self, repeater: Repeater) -> None:
        """The window was trained again: what follows is none of the audit's business."""
        self._uploads.drain()
        repeater.write()
        self._write_result()
        self._report("end", {"done": 1.0})
        self._records.drain()
        self._summaries.close()
        print(f"longhaul: {self.trial.id} was trained again up to step {self._state.step}", flush=True)
        leave(0)

    def _check(self) -> None:
        for worker in (self._records, self._uploads, self._exports):
            worker.check()

    def _beat(self) -> None:
        """A record that only says that the trial lives: for what lasts long without a step."""
        if self._pace.due:
            self._report("beat", {})

    def _idle(self) -> None:
        """The loop waits for data: alive only where it is known why."""
        waiting = next((store.waiting_for for store in self._stores if store.waiting_for is not None), None)
        if waiting is not None and self._pace.due:
            self._report("beat", {"waitingFor": waiting})

    def _wait_for_exports(self, most: int) -> None:
        """Training does not run ahead of its exports; meanwhile checkpoints are taken when it is time, and it is heard of."""
        while not self._exports.wait_for(most, WAIT_SECONDS):
            self._check()
            self._beat()
            with self._lock:
                self._saver.after_step()

    def _restore(self) -> State:
        """The state to go on from, with the learner's variables set; what was made and not seen in the store is made again."""
        files = self._checkpoints.load(lambda name, files: self._attachments.missing(name, files, self._is_ready, warn) is None)
        again = False
        if files is None and isinstance(self._audit, Repeater):
            again, files = True, self._audit.files()
        if files is None:
            self._progress.go_on_after(0)
            return self._begin()
        snapshot = self._attachments.loaded(from_files(files))
        found = upgraded(snapshot.identity, self._identity, warn)
        found = lengthened(found, self._identity, ends_matter=self._ends_matter)
        self._go_on_with(scheme_of(found))
        check_identity(found, self._identity, self.trial.output)
        self._checkpoints.remove_leftovers()
        self._attachments.remove_leftovers(self._is_ready)
        changed = [
            f"{name} (was {snapshot.machine.get(name)}, is {value})"
            for name, value in self._machine.items()
            if snapshot.machine.get(name) != value
        ]
        if changed:
            warn(f"this machine computes differently: {'; '.join(changed)}. The samples are the same, the bits of the model may not be")
        self._learner.restore(snapshot.arrays)
        if self._audit is not None:
            self._audit.restore(None if again else snapshot.audit, snapshot.step)
        if again:  # its records and models are those of another trial
            self._progress.go_on_after(0)
            return State.from_json(snapshot.state)
        self._progress.go_on_after(snapshot.progress, snapshot.ahead)
        for record in snapshot.records:
            self._progress.add(record["kind"], {name: value for name, value in record.items() if name not in ("kind", "attempt", "time")})
        for export in snapshot.exports:
            plain = {name: value for name, value in export.items() if name != WEIGHTS}
            self._exports.add(plain, dict(snapshot.attachments[export["name"]]))
        return State.from_json(snapshot.state)

    def _begin(self) -> State:
        """The first step of all, or another trial's checkpoint."""
        fork = self.trial.fork
        if fork is None:
            return State()
        snapshot = load_fork(open_store(fork.output), fork, self._identity, warn)
        self._go_on_with(scheme_of(snapshot.identity))
        check_shapes(snapshot.arrays, self._learner.variables(), fork)
        self._learner.restore(snapshot.arrays)
        print(f"longhaul: goes on from trial {fork.trial} at step {snapshot.step}", flush=True)
        return state_of_fork(snapshot, self.trial.epochs)

    def _go_on_with(self, scheme: int) -> None:
        self._scheme = scheme
        self._identity["scheme"] = scheme

    def _snapshot(self) -> Snapshot:
        exports = self._exports.unfinished
        waiting = {export["name"] for export, _ in exports}
        frontier = self._progress.frontier(self._state.step)
        return Snapshot(
            state=self._state.to_json(),
            identity=self._identity,
            machine=self._machine,
            arrays=self._learner.copy(),
            progress=frontier.written,
            records=[record for record in frontier.pending if record.get("name") not in waiting],
            exports=[export for export, _ in exports],
            attachments={export["name"]: weights for export, weights in exports if weights},
            ahead=frontier.ahead,
            audit=None if self._audit is None else self._audit.state(),
        )

    def _report(self, kind: str, fields: dict[str, Any]) -> None:
        state = self._state
        where = {
            "epoch": state.epoch,
            "part": state.turn,
            "step": state.step,
            "samples": state.samples,
            "metrics": {},
            "done": round(self._training.done, 6),
        }
        extra = {"checkpointIntervalSeconds": round(self._saver.interval_seconds, 3), "badParts": len(state.bad_parts)}
        record = {**where, **extra, **fields}
        self._pace.heard()
        if kind == "train":
            scalars = {**record["metrics"], "samples_per_second": record["samplesPerSecond"], "wait_share": record["waitShare"]}
            self._summaries.scalars(record["step"], scalars)
        self._progress.add(kind, record)

    def _on_checkpoint(self, about: dict[str, Any]) -> None:
        self._report("checkpoint", about)

    def _on_validation(self, metrics: Metrics) -> None:
        """With the lock held: the record and the export belong to the state that a checkpoint saves."""
        state = self._state
        if self._audit is not None:
            self._audit.validated(metrics)
        self._report("validation", {"metrics": metrics})
        shown = ", ".join(f"{name} {value:.5g}" for name, value in metrics.items() if value is not None)
        print(f"longhaul: step {state.step}, {state.samples} sessions: {shown}", flush=True)
        weights = self._learner.copy_weights()
        step = state.step
        self._summaries.scalars(step, metrics)
        self._summaries.histograms(step, weights, self._weights)
        last = state.epoch >= self.trial.epochs or state.stopped_early
        if state.validations % self.trial.export_every_validations != 0 and not last:
            return
        name = f"{step:09d}"
        best = self._is_best_export(metrics, name)
        if isinstance(self._audit, Repeater):
            return
        self._exports.add(
            {
                "name": name,
                "step": step,
                "samples": state.samples,
                "epoch": state.epoch,
                "part": state.turn,
                "metrics": metrics,
                "best": best,
            },
            weights,
        )

    def _is_best_export(self, metrics: Metrics, name: str) -> bool:
        state = self._state
        value = metrics.get(self.trial.metric)
        old = state.best_export
        if value is None or (old is not None and not (value > old.value if self.trial.maximize else value < old.value)):
            return False
        state.best_export = Best(value, state.step, metrics, name)
        return True

    def _write_result(self) -> None:
        state = self._state
        export = state.best_export
        # A point between two exports may have been better, but its model is gone.
        best = export or state.best
        write_result(
            self._store,
            self.trial.output,
            best=best,
            export=export,
            last=state.last,
            steps=state.step,
            samples=state.samples,
            epochs=state.epoch,
            weights=self._learner.weights_sha256(),
            attempt=self.trial.attempt,
            more={"stoppedEarly": state.stopped_early, "badParts": state.bad_parts},
        )
