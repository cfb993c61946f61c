"""trial.json: what this trial is asked to do (`src/contract/trial.ts`)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from longhaul.checked import Checked, parse_json
from longhaul.errors import NoInputError, UsageError
from longhaul.policies import (
    AuditPolicy,
    CheckpointPolicy,
    Fork,
    PartsPolicy,
    Repeat,
    audit_policy,
    checkpoint_policy,
    fork_of,
    parts_policy,
    repeat_of,
    silence_seconds,
    text,
    whole_number,
)
from longhaul.store import open_store

from .features import Feature, Layout, parse_features, parse_layout

#: `exportFor` of trial.json: exports must be what BigQuery ML can import.
BIGQUERY_ML = "bigquery-ml"


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
    #: Records must not stop for longer; 0: they may; None: a trial.json that does not say.
    silence_seconds: float | None
    model: str | None
    fork: Fork | None
    audit: AuditPolicy | None
    repeat: Repeat | None
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
        validate_every_steps=whole_number(root, "validateEverySteps", 0),
        sample_candidates=whole_number(root, "sampleCandidates", 0),
        metric=root["objective"]["metric"].text(),
        maximize=root["objective"]["goal"].one_of("maximize", "minimize") == "maximize",
        checkpoint=checkpoint_policy(root),
        export_every_validations=whole_number(root, "exportEveryValidations", 1, minimum=1),
        export_for=_export_for(root),
        parts=parts_policy(root),
        threads=whole_number(root, "threads", 2, minimum=1),
        silence_seconds=silence_seconds(root),
        model=text(root, "model"),
        fork=fork_of(root),
        audit=audit_policy(root),
        repeat=repeat_of(root),
        commit=text(root, "commit"),
        attempt=attempt,
        document=document,
    )


def _export_for(root: Checked) -> str | None:
    value = root.optional("exportFor")
    return None if value is None else value.one_of(BIGQUERY_ML)
