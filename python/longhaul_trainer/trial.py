"""trial.json: what this trial is asked to do (`src/contract/trial.ts`)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .checked import Checked, parse_json
from .errors import NoInputError, UsageError
from .features import Feature, Layout, parse_features, parse_layout
from .store import open_store

#: `exportFor` of trial.json: exports must be what BigQuery ML can import.
BIGQUERY_ML = "bigquery-ml"


@dataclass(frozen=True)
class CheckpointPolicy:
    """Bounds of the interval; `mean_seconds_between_preemptions` is None as long as none was seen."""

    min_seconds: float
    max_seconds: float
    keep: int
    mean_seconds_between_preemptions: float | None


@dataclass(frozen=True)
class PartsPolicy:
    """How far to read ahead, and what to do about a bad part."""

    ahead: int
    skip_bad: bool
    bad_budget: int


@dataclass(frozen=True)
class Fork:
    """The trial to go on from: its output and one of its checkpoints; None is the newest committed one."""

    trial: int
    output: str
    checkpoint: str | None


@dataclass(frozen=True)
class Trial:
    """One set of hyper-parameters on one data set, and this attempt at it."""

    pipeline: str
    run: str
    step: str
    number: int
    seed: int
    parameters: Mapping[str, Any]
    data: Mapping[str, str]
    layout: Layout
    features: tuple[Feature, ...]
    output: str
    epochs: int
    validate_every_steps: int
    sample_candidates: int
    metric: str
    maximize: bool
    checkpoint: CheckpointPolicy
    export_every_validations: int
    export_for: str | None
    parts: PartsPolicy
    threads: int
    model: str | None
    fork: Fork | None
    commit: str | None
    attempt: int
    document: Mapping[str, Any]

    @property
    def id(self) -> str:
        return f"{self.run}/{self.step}/trial-{self.number}"


def load_trial(environment: Mapping[str, str] = os.environ) -> Trial:
    """Reads what LONGHAUL_TRIAL names."""
    uri = environment.get("LONGHAUL_TRIAL")
    if not uri:
        raise UsageError("LONGHAUL_TRIAL is not set; expected the URI of trial.json (docs/trial-contract.md)")
    attempt = environment.get("LONGHAUL_ATTEMPT", "1")
    if not attempt.isdigit() or int(attempt) < 1:
        raise UsageError(f"LONGHAUL_ATTEMPT: expected a number from 1, found {attempt!r}")
    found = open_store(uri).read(uri)
    if found is None:
        raise NoInputError(f"{uri}: there is no such object; LONGHAUL_TRIAL must name trial.json")
    document = parse_json(found.data, uri)
    return parse_trial(document, uri, output=environment.get("LONGHAUL_OUTPUT"), attempt=int(attempt))


def parse_trial(document: Any, source: str, *, output: str | None = None, attempt: int = 1) -> Trial:
    root = Checked(document, source)
    if root["version"].integer() != 1:
        raise root["version"].wrong("1, the version that this trainer knows")
    data = root["data"].object()
    if "train" not in data:
        raise root["data"].wrong("a data set named train", ", ".join(data) or "none")
    return Trial(
        pipeline=root["pipeline"].text(),
        run=root["run"].text(),
        step=root["step"].text(),
        number=root["trial"].integer(),
        seed=root["seed"].integer(),
        parameters=root["parameters"].object(),
        data={name: root["data"][name].text() for name in data},
        layout=parse_layout(root["layout"]),
        features=parse_features(root["features"]),
        output=(output or root["output"].text()).rstrip("/"),
        epochs=root["epochs"].integer(minimum=1),
        validate_every_steps=_integer(root, "validateEverySteps", 0),
        sample_candidates=_integer(root, "sampleCandidates", 0),
        metric=root["objective"]["metric"].text(),
        maximize=root["objective"]["goal"].one_of("maximize", "minimize") == "maximize",
        checkpoint=_checkpoint(root),
        export_every_validations=_integer(root, "exportEveryValidations", 1, minimum=1),
        export_for=_export_for(root),
        parts=_parts(root),
        threads=_integer(root, "threads", 2, minimum=1),
        model=_text(root, "model"),
        fork=_fork(root),
        commit=_text(root, "commit"),
        attempt=attempt,
        document=document,
    )


def _checkpoint(root: Checked) -> CheckpointPolicy:
    value = root.optional("checkpoint") or Checked({}, root.source, "checkpoint")
    mean = value.optional("meanSecondsBetweenPreemptions")
    policy = CheckpointPolicy(
        min_seconds=_positive(value, "minSeconds", 5.0),
        max_seconds=_positive(value, "maxSeconds", 1800.0),
        keep=_integer(value, "keep", 2, minimum=1),
        mean_seconds_between_preemptions=None if mean is None else mean.positive(),
    )
    if policy.min_seconds > policy.max_seconds:
        raise value.wrong("minSeconds of at most maxSeconds", json.dumps(value.value))
    return policy


def _parts(root: Checked) -> PartsPolicy:
    value = root.optional("parts") or Checked({}, root.source, "parts")
    on_bad = value.optional("onBad")
    return PartsPolicy(
        ahead=_integer(value, "ahead", 4, minimum=1),
        skip_bad=on_bad is not None and on_bad.one_of("fail", "skip") == "skip",
        bad_budget=_integer(value, "badBudget", 0),
    )


def _export_for(root: Checked) -> str | None:
    value = root.optional("exportFor")
    return None if value is None else value.one_of(BIGQUERY_ML)


def _fork(root: Checked) -> Fork | None:
    value = root.optional("fork")
    if value is None:
        return None
    return Fork(trial=value["trial"].integer(), output=value["output"].text().rstrip("/"), checkpoint=_text(value, "checkpoint"))


def _integer(value: Checked, name: str, default: int, minimum: int = 0) -> int:
    found = value.optional(name)
    return default if found is None else found.integer(minimum)


def _positive(value: Checked, name: str, default: float) -> float:
    found = value.optional(name)
    return default if found is None else found.positive()


def _text(value: Checked, name: str) -> str | None:
    found = value.optional(name)
    return None if found is None else found.text()
