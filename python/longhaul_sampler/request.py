"""The request of a search, as its workflow sends it (``AskInput`` in src/contract/sampler.ts)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Parameters = dict[str, Any]
State = Literal["running", "complete", "pruned", "failed"]


@dataclass(frozen=True)
class OwnSampler:
    """One's own: ``module:Class``, and what it is made with."""

    name: str
    options: dict[str, Any]
    #: SHA-256 of the archive; None: of an installed package.
    code: str | None = None


@dataclass(frozen=True)
class SamplerConfig:
    kind: str = "auto"
    seed: int = 0
    startup_trials: int | None = None
    constraints: tuple[str, ...] = ()
    own: OwnSampler | None = None


@dataclass(frozen=True)
class AskedTrial:
    trial: int
    parameters: Parameters
    suggested: bool
    asked: int
    told: int | None
    state: State
    values: tuple[float | None, ...]
    last: tuple[int, float | None] | None
    #: Rungs at which it was held: its place among the ends that are told, the point of the curve, and the best value so far.
    rungs: tuple[tuple[int, int, float | None], ...] = ()
    #: By constraint on a metric, how much it is broken; at most 0 where it is kept.
    violations: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True)
class WarmTrial:
    parameters: Parameters
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class AskRequest:
    study: str
    space: dict[str, dict[str, Any]]
    sampler: SamplerConfig
    goals: tuple[str, ...]
    planned_trials: int
    trials: tuple[AskedTrial, ...]
    warm: tuple[WarmTrial, ...] = ()
    count: int = 1
    metrics: tuple[str, ...] = field(default=())

    @staticmethod
    def parse(data: dict[str, Any]) -> AskRequest:
        sampler = data["sampler"]
        return AskRequest(
            study=data["study"],
            space=data["space"],
            sampler=SamplerConfig(
                kind=sampler.get("kind", "auto"),
                seed=sampler.get("seed", 0),
                startup_trials=sampler.get("startupTrials"),
                constraints=tuple(sampler.get("constraints", ())),
                own=_own(sampler),
            ),
            goals=tuple(objective["goal"] for objective in data["objectives"]),
            metrics=tuple(objective["metric"] for objective in data["objectives"]),
            planned_trials=data["plannedTrials"],
            trials=tuple(_asked(trial) for trial in data["trials"]),
            warm=tuple(WarmTrial(warm["parameters"], tuple(warm["values"])) for warm in data.get("warm", ())),
            count=data["count"],
        )


def _own(sampler: dict[str, Any]) -> OwnSampler | None:
    if "class" not in sampler:
        return None
    return OwnSampler(sampler["class"], sampler.get("options", {}), sampler.get("code", {}).get("sha256"))


def _asked(data: dict[str, Any]) -> AskedTrial:
    last = data.get("last")
    return AskedTrial(
        trial=data["trial"],
        parameters=data["parameters"],
        suggested=data["suggested"],
        asked=data["asked"],
        told=data.get("told"),
        state=data["state"],
        values=tuple(data.get("values", ())),
        last=None if last is None else (last[0], last[1]),
        violations=tuple(sorted((data.get("violations") or {}).items())),
        rungs=tuple((told, step, value) for told, step, value in data.get("rungs") or ()),
    )
