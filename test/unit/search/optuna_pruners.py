"""Plays learning curves to Optuna's pruners: cases as JSON on stdin, the pruned (trial, step) of each case on stdout."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import optuna
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, PercentilePruner, SuccessiveHalvingPruner
from optuna.trial import TrialState


def pruner_of(rule: dict[str, Any]) -> BasePruner:
    if rule["kind"] == "asha":
        return SuccessiveHalvingPruner(
            min_resource=rule["minResource"],
            reduction_factor=rule["reductionFactor"],
            min_early_stopping_rate=rule["minEarlyStoppingRate"],
        )
    if rule["kind"] == "hyperband":
        return HyperbandPruner(min_resource=rule["minResource"], max_resource=rule["maxResource"], reduction_factor=rule["reductionFactor"])
    common = {
        "n_startup_trials": rule["startupTrials"],
        "n_warmup_steps": rule["warmupSteps"],
        "interval_steps": rule["intervalSteps"],
        "n_min_trials": rule["minTrials"],
    }
    return MedianPruner(**common) if rule["kind"] == "median" else PercentilePruner(rule["percentile"], **common)


def play(case: dict[str, Any]) -> list[list[int]]:
    study = optuna.create_study(study_name=case["study"], direction=case["goal"], pruner=pruner_of(case["rule"]))
    trials = [study.ask() for _ in case["curves"]]
    steps = [0] * len(trials)
    over = [False] * len(trials)
    pruned: list[list[int]] = []
    for number in case["order"]:
        if over[number]:
            continue
        curve = case["curves"][number]
        value = curve[steps[number]]
        steps[number] += 1
        trials[number].report(math.nan if value is None else value, steps[number])
        if trials[number].should_prune():
            pruned.append([number, steps[number]])
            over[number] = True
            study.tell(trials[number], state=TrialState.PRUNED)
        elif steps[number] == len(curve):
            over[number] = True
            study.tell(trials[number], 0.0)
    return pruned


optuna.logging.set_verbosity(optuna.logging.ERROR)
json.dump([play(case) for case in json.load(sys.stdin)], sys.stdout)
