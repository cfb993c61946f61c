"""trial.json as a script of one's own needs it (`src/contract/trial.ts`): features and layout may be left out."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .checked import Checked, parse_json
from .errors import NoInputError, UsageError
from .policies import (
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
    whole_number,
)
from .store import open_store


@dataclass(frozen=True)
class Objective:
    """What is compared; `metric` is None on a laptop, where the first one that is reported counts."""

    metric: str | None
    maximize: bool

    def better(self, value: float, than: float) -> bool:
        return value > than if self.maximize else value < than


@dataclass(frozen=True)
class Document:
    """One set of hyper-parameters on some data, and this attempt at it."""

    name: str
    parameters: Mapping[str, Any]
    seed: int
    epochs: int
    data: Mapping[str, str]
    output: str
    objective: Objective
    checkpoint: CheckpointPolicy
    parts: PartsPolicy
    export_every_validations: int = 1
    layout: Mapping[str, Any] | None = None
    features: tuple[Mapping[str, Any], ...] = ()
    fork: Fork | None = None
    audit: AuditPolicy | None = None
    repeat: Repeat | None = None
    threads: int = 1
    silence_seconds: float | None = None
    attempt: int = 1
    #: Not started by Longhaul: parameters come from the command line.
    local: bool = False
    raw: Mapping[str, Any] = field(default_factory=dict)


def attempt_of(environment: Mapping[str, str]) -> int:
    text = environment.get("LONGHAUL_ATTEMPT", "1")
    if not text.isdigit() or int(text) < 1:
        raise UsageError(f"LONGHAUL_ATTEMPT: expected a number from 1, found {text!r}")
    return int(text)


def load_document(environment: Mapping[str, str] = os.environ) -> Document:
    """Reads what LONGHAUL_TRIAL names."""
    uri = environment["LONGHAUL_TRIAL"]
    found = open_store(uri).read(uri)
    if found is None:
        raise NoInputError(f"{uri}: there is no such object; LONGHAUL_TRIAL must name trial.json")
    return parse_document(parse_json(found.data, uri), uri, output=environment.get("LONGHAUL_OUTPUT"), attempt=attempt_of(environment))


def parse_document(value: Any, source: str, *, output: str | None = None, attempt: int = 1) -> Document:
    root = Checked(value, source)
    if root["version"].integer() != 1:
        raise root["version"].wrong("1, the version that this SDK knows")
    data, layout, features = root.optional("data"), root.optional("layout"), root.optional("features")
    objective = root["objective"]
    return Document(
        name="/".join(str(value.get(name, "")) for name in ("run", "step", "trial")),
        parameters=root["parameters"].object(),
        seed=root["seed"].integer(),
        epochs=root["epochs"].integer(minimum=1),
        data={} if data is None else {name: data[name].text().rstrip("/") for name in data.object()},
        output=(output or root["output"].text()).rstrip("/"),
        objective=Objective(objective["metric"].text(), objective["goal"].one_of("maximize", "minimize") == "maximize"),
        checkpoint=checkpoint_policy(root),
        parts=parts_policy(root),
        export_every_validations=whole_number(root, "exportEveryValidations", 1, minimum=1),
        layout=None if layout is None else layout.object(),
        features=() if features is None else tuple(item.object() for item in features.items()),
        fork=fork_of(root),
        audit=audit_policy(root),
        repeat=repeat_of(root),
        silence_seconds=silence_seconds(root),
        threads=whole_number(root, "threads", 1, minimum=1),
        attempt=attempt,
        raw=value,
    )


def warn(message: str) -> None:
    print(f"longhaul: warning: {message}", file=sys.stderr, flush=True)


def mark_sigterm(environment: Mapping[str, str] = os.environ) -> None:
    """Says beside what is committed that this attempt, which has not begun yet, was ended by SIGTERM."""
    from .resume.checkpoints import Checkpoints

    document = load_document(environment)
    checkpoints = Checkpoints(
        open_store(document.output), document.output, attempt=document.attempt, keep=document.checkpoint.keep, warn=warn
    )
    checkpoints.mark_sigterm(starting=True)
