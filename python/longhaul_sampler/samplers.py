"""Which Optuna sampler stands behind each name, and what ``auto`` chooses."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, GridSampler, QMCSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState, create_trial

from .errors import InvalidRequest
from .own_class import build_own
from .request import AskRequest, SamplerConfig
from .space import Space

#: Fewer trials than this teach a model nothing: spread them evenly.
MODEL_WORTH_TRIALS = 9
#: A Gaussian process costs the cube of the number of trials.
GAUSSIAN_PROCESS_TRIALS = 100
#: Of so many the best tenth is one.
WARM_START_TRIALS = 10


def choose(space: Space, planned_trials: int, objectives: int, torch: bool) -> str:
    """What ``auto`` means: by budget and space."""
    points = space.grid_points()
    if points is not None and len(points) <= planned_trials:
        return "grid"
    if planned_trials < MODEL_WORTH_TRIALS:
        return "sobol"
    if torch and objectives == 1 and not space.conditional and planned_trials <= GAUSSIAN_PROCESS_TRIALS:
        return "gp"
    return "tpe"


def resolve(request: AskRequest, space: Space) -> str:
    if request.sampler.own is not None:
        return request.sampler.own.name
    kind = request.sampler.kind
    return choose(space, request.planned_trials, len(request.goals), torch_available()) if kind == "auto" else kind


def build(kind: str, request: AskRequest, space: Space) -> BaseSampler:
    config = request.sampler
    if config.own is not None:
        return build_own(config.own, config.seed)
    if config.kind == "auto" and kind in ("tpe", "gp"):
        start = config.startup_trials if config.startup_trials is not None else max(4, min(16, request.planned_trials // 4))
        return StartThen(_sobol(config), _plain(kind, config, space, request, startup=1), start)
    return _plain(kind, config, space, request, startup=config.startup_trials)


def _plain(kind: str, config: SamplerConfig, space: Space, request: AskRequest, startup: int | None) -> BaseSampler:
    if kind == "random":
        return RandomSampler(seed=config.seed)
    if kind == "sobol":
        return _sobol(config)
    if kind == "grid":
        return _grid(config, space)
    if kind == "tpe":
        return TPESampler(
            seed=config.seed,
            multivariate=True,
            group=space.conditional,
            constant_liar=True,
            n_startup_trials=10 if startup is None else startup,
        )
    if kind == "cmaes":
        if len(request.goals) > 1:
            raise InvalidRequest("sampler.kind: cmaes knows one objective only; choose tpe, random, sobol or grid for several")
        return CmaEsSampler(
            seed=config.seed,
            n_startup_trials=1 if startup is None else startup,
            warn_independent_sampling=False,
            **_begun_from(request, space),
        )
    if kind == "gp":
        if not torch_available():
            raise InvalidRequest(
                "sampler.kind: gp needs PyTorch, which the sampler's environment does not have; "
                "install torch (the CPU build is enough) beside python/requirements.txt, or choose tpe"
            )
        return GPSampler(seed=config.seed, n_startup_trials=10 if startup is None else startup, warn_independent_sampling=False)
    raise InvalidRequest(f"sampler.kind: expected auto, grid, random, sobol, tpe, gp or cmaes, found {kind!r}")


def _begun_from(request: AskRequest, space: Space) -> dict[str, Any]:
    """Where CMA-ES begins after earlier runs: it learns from its own generations only, so it has to be told.

    The best tenth of them gives the first mean and covariance (Nomura et al., Warm Starting CMA-ES, AAAI 2021).
    """
    trials = []
    for warm in request.warm:
        encoded = space.encoded(warm.parameters)
        value = warm.values[0] if warm.values else None
        if encoded is not None and value is not None and math.isfinite(value):
            trials.append(create_trial(state=TrialState.COMPLETE, params=encoded[0], distributions=encoded[1], value=value))
    # Of fewer than ten the best tenth is none: repeated, it is the best one.
    return {"source_trials": trials * math.ceil(WARM_START_TRIALS / len(trials))} if trials else {}


def _sobol(config: SamplerConfig) -> BaseSampler:
    return QMCSampler(qmc_type="sobol", scramble=True, seed=config.seed, warn_independent_sampling=False, warn_asynchronous_seeding=False)


def _grid(config: SamplerConfig, space: Space) -> BaseSampler:
    values = space.grid_values()
    if values is None:
        raise InvalidRequest("sampler.kind: grid needs a finite space of at most 100,000 points: give floats a step, and leave out log")
    return Grid(values, seed=config.seed)


def torch_available() -> bool:
    return importlib.util.find_spec("torch") is not None


class Grid(GridSampler):
    """Optuna's grid; the end of the grid is seen by asking, not by stopping a loop that we do not run."""

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        return

    def open_points(self, study: Study) -> int:
        """Points that are neither tried nor being tried."""
        taken = {trial.system_attrs["grid_id"] for trial in study.get_trials(deepcopy=False) if "grid_id" in trial.system_attrs}
        return len(self._all_grids) - len(taken)


class StartThen(BaseSampler):
    """One sampler for the first trials, another after them."""

    def __init__(self, first: BaseSampler, then: BaseSampler, first_trials: int) -> None:
        self._first, self._then, self._first_trials = first, then, first_trials
        self._rejected: set[int] = set()

    def reject(self, number: int) -> None:
        """A suggestion that no trial came of: it is not one of the first trials."""
        self._rejected.add(number)

    def _of(self, trial: FrozenTrial) -> BaseSampler:
        before = trial.number - sum(number < trial.number for number in self._rejected)
        return self._first if before < self._first_trials else self._then

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return self._of(trial).infer_relative_search_space(study, trial)

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        return self._of(trial).sample_relative(study, trial, search_space)

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        return self._of(trial).sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._of(trial).before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        self._of(trial).after_trial(study, trial, state, values)
