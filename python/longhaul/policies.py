"""Parts of trial.json that every trainer reads alike."""

from __future__ import annotations

import json
from dataclasses import dataclass

from .checked import Checked


@dataclass(frozen=True)
class CheckpointPolicy:
    """Bounds of the interval; `mean_seconds_between_preemptions` is None as long as none was seen."""

    min_seconds: float = 5.0
    max_seconds: float = 1800.0
    keep: int = 2
    mean_seconds_between_preemptions: float | None = None


@dataclass(frozen=True)
class PartsPolicy:
    """How far to read ahead, and what to do about a bad part."""

    ahead: int = 4
    #: Threads that decode; None: as many as there are processors beside the training's.
    decoders: int | None = None
    skip_bad: bool = False
    bad_budget: int = 0


@dataclass(frozen=True)
class Fork:
    """The trial to go on from: its output and one of its checkpoints; None is the newest committed one."""

    trial: int
    output: str
    checkpoint: str | None


@dataclass(frozen=True)
class AuditPolicy:
    """What is kept so that this share of the training can be repeated; nothing that is larger than `max_bytes`."""

    share: float
    max_bytes: int | None = None


@dataclass(frozen=True)
class Repeat:
    """The window of another training to train again: its pair of checkpoints, and a span of steps to look at one by one."""

    pair: str
    checkpoint: str
    dense: tuple[int, int] | None = None


def checkpoint_policy(root: Checked) -> CheckpointPolicy:
    value = root.optional("checkpoint") or Checked({}, root.source, "checkpoint")
    mean = value.optional("meanSecondsBetweenPreemptions")
    policy = CheckpointPolicy(
        min_seconds=_positive(value, "minSeconds", 5.0),
        max_seconds=_positive(value, "maxSeconds", 1800.0),
        keep=whole_number(value, "keep", 2, minimum=1),
        mean_seconds_between_preemptions=None if mean is None else mean.positive(),
    )
    if policy.min_seconds > policy.max_seconds:
        raise value.wrong("minSeconds of at most maxSeconds", json.dumps(value.value))
    return policy


def parts_policy(root: Checked) -> PartsPolicy:
    value = root.optional("parts") or Checked({}, root.source, "parts")
    on_bad = value.optional("onBad")
    decoders = value.optional("decoders")
    return PartsPolicy(
        ahead=whole_number(value, "ahead", 4, minimum=1),
        decoders=None if decoders is None else decoders.integer(),
        skip_bad=on_bad is not None and on_bad.one_of("fail", "skip") == "skip",
        bad_budget=whole_number(value, "badBudget", 0),
    )


def silence_seconds(root: Checked) -> float | None:
    """Records must not stop for longer; 0: they may; None: a trial.json that does not say."""
    value = root.optional("silenceSeconds")
    return None if value is None else float(value.integer())


def fork_of(root: Checked) -> Fork | None:
    value = root.optional("fork")
    if value is None:
        return None
    return Fork(trial=value["trial"].integer(), output=value["output"].text().rstrip("/"), checkpoint=text(value, "checkpoint"))


def audit_policy(root: Checked) -> AuditPolicy | None:
    value = root.optional("audit")
    if value is None:
        return None
    share = value["share"].positive()
    if share > 1:
        raise value["share"].wrong("a share of at most 1")
    most = value.optional("maxBytes")
    return AuditPolicy(share, None if most is None else most.integer())


def repeat_of(root: Checked) -> Repeat | None:
    value = root.optional("repeat")
    if value is None:
        return None
    dense = value.optional("dense")
    span = None if dense is None else [item.integer() for item in dense.items()]
    return Repeat(
        pair=value["pair"].text().rstrip("/"),
        checkpoint=value["checkpoint"].text(),
        dense=None if span is None else (span[0], span[-1]),
    )


def whole_number(value: Checked, name: str, default: int, minimum: int = 0) -> int:
    found = value.optional(name)
    return default if found is None else found.integer(minimum)


def text(value: Checked, name: str) -> str | None:
    found = value.optional(name)
    return None if found is None else found.text()


def _positive(value: Checked, name: str, default: float) -> float:
    found = value.optional(name)
    return default if found is None else found.positive()
