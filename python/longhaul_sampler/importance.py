"""How much each parameter of a search matters for an objective, by Optuna.

fANOVA (Hutter et al. 2014) for as many trials as its forest can fit while a person waits, PED-ANOVA (Watanabe et al. 2023) beyond.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from .request import Parameters
from .space import Space

if TYPE_CHECKING:
    from optuna.importance import BaseImportanceEvaluator

#: Fewer finished trials say nothing about importance.
MIN_TRIALS = 4
#: The forest grows in about a second up to here.
FANOVA_TRIALS = 200
SEED = 0


@dataclass(frozen=True)
class ImportanceRequest:
    space: dict[str, dict[str, Any]]
    metric: str
    goal: str
    trials: tuple[tuple[Parameters, float], ...]

    @staticmethod
    def parse(data: dict[str, Any]) -> ImportanceRequest:
        numbers = ((trial["parameters"], trial["value"]) for trial in data["trials"])
        return ImportanceRequest(
            space=data["space"],
            metric=data["objective"]["metric"],
            goal=data["objective"]["goal"],
            trials=tuple((parameters, value) for parameters, value in numbers if value is not None and math.isfinite(value)),
        )


def importance(request: ImportanceRequest) -> dict[str, Any]:
    """Shares of the parameters, the most important first. Parameters that not every trial has (conditional ones) are left out."""
    space = Space(request.space)
    direction = StudyDirection.MAXIMIZE if request.goal == "maximize" else StudyDirection.MINIMIZE
    study = optuna.create_study(directions=[direction])
    for parameters, value in request.trials:
        encoded = space.encoded(parameters)
        if encoded is not None:
            study.add_trial(create_trial(state=TrialState.COMPLETE, params=encoded[0], distributions=encoded[1], value=value))
    trials = study.get_trials(deepcopy=False)
    evaluator = "fanova" if len(trials) <= FANOVA_TRIALS else "ped-anova"
    shares: dict[str, float] = {}
    if len(trials) >= MIN_TRIALS and len({trial.value for trial in trials}) > 1:
        shares = optuna.importance.get_param_importances(study, evaluator=_evaluator(evaluator))
    return {
        "evaluator": evaluator,
        "metric": request.metric,
        "trials": len(trials),
        "parameters": [
            {"name": name, "importance": share} for name, share in sorted(shares.items(), key=lambda item: -item[1]) if math.isfinite(share)
        ],
    }


def _evaluator(name: str) -> BaseImportanceEvaluator:
    # Here alone: its forests are of scikit-learn, whose import is most of what a start of the sampler would cost.
    from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator

    return FanovaImportanceEvaluator(seed=SEED) if name == "fanova" else PedAnovaImportanceEvaluator()
