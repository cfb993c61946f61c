"""Asking one at a time through the stateless activity gives what Optuna gives directly with the same sampler and seed."""

from __future__ import annotations

import warnings
from typing import Any

import optuna
import pytest

from longhaul_sampler.request import AskRequest
from longhaul_sampler.samplers import torch_available
from longhaul_sampler.studies import Studies

SPACE: dict[str, dict[str, Any]] = {
    "rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
    "width": {"type": "int", "low": 8, "high": 128, "step": 8},
    "shape": {"type": "categorical", "choices": ["deep", "wide", "flat"]},
    "drop": {"type": "float", "low": 0.0, "high": 0.5},
}
GRID: dict[str, dict[str, Any]] = {
    "depth": {"type": "int", "low": 1, "high": 4},
    "shape": {"type": "categorical", "choices": ["deep", "wide", "flat"]},
}


def objective(p: dict[str, Any]) -> float:
    width = p.get("width", 8) / 128
    return float(
        (p.get("rate", 0.1) - 0.03) ** 2
        + (width - 0.4) ** 2
        + {"deep": 0.0, "wide": 0.2, "flat": 0.1}[p["shape"]]
        + p.get("drop", 0.0) * 0.1
        + p.get("depth", 0) * 0.01
    )


def direct(sampler: optuna.samplers.BaseSampler, space: dict[str, dict[str, Any]], trials: int) -> list[dict[str, Any]]:
    study = optuna.create_study(sampler=sampler)
    suggested: list[dict[str, Any]] = []

    def run(trial: optuna.Trial) -> float:
        p: dict[str, Any] = {}
        for name, spec in space.items():
            if spec["type"] == "float":
                p[name] = trial.suggest_float(name, spec["low"], spec["high"], log=spec.get("log", False))
            elif spec["type"] == "int":
                p[name] = trial.suggest_int(name, spec["low"], spec["high"], step=spec.get("step", 1))
            else:
                p[name] = trial.suggest_categorical(name, spec["choices"])
        suggested.append(p)
        return objective(p)

    study.optimize(run, n_trials=trials)
    return suggested


def request(kind: str, space: dict[str, dict[str, Any]], done: list[dict[str, Any]], count: int = 1) -> AskRequest:
    trials = [
        {"trial": i, "parameters": p, "suggested": True, "asked": i, "told": i, "state": "complete", "values": [objective(p)]}
        for i, p in enumerate(done)
    ]
    return AskRequest.parse(
        {
            "study": f"s-{kind}",
            "space": space,
            "sampler": {"kind": kind, "seed": 7},
            "objectives": [{"metric": "loss", "goal": "minimize"}],
            "plannedTrials": 40,
            "trials": trials,
            "warm": [],
            "count": count,
        }
    )


def through_activity(kind: str, space: dict[str, dict[str, Any]], trials: int, fresh_every: int) -> list[dict[str, Any]]:
    studies = Studies()
    done: list[dict[str, Any]] = []
    for i in range(trials):
        if i % fresh_every == 0:
            studies = Studies()
        done.append(studies.ask(request(kind, space, done))["suggestions"][0])
    return done


SAMPLERS: dict[str, Any] = {
    "random": lambda: optuna.samplers.RandomSampler(seed=7),
    "tpe": lambda: optuna.samplers.TPESampler(seed=7, multivariate=True, constant_liar=True),
    "cmaes": lambda: optuna.samplers.CmaEsSampler(seed=7, n_startup_trials=1),
    "sobol": lambda: optuna.samplers.QMCSampler(qmc_type="sobol", scramble=True, seed=7),
    "gp": lambda: optuna.samplers.GPSampler(seed=7),
}
#: PyTorch is 5 GB: `pip install torch` into the environment, and the test runs.
GP = pytest.param("gp", marks=pytest.mark.skipif(not torch_available(), reason="gp needs PyTorch, which this environment does not have"))


@pytest.mark.parametrize("kind", [GP if kind == "gp" else kind for kind in SAMPLERS])
@pytest.mark.parametrize("fresh_every", [1, 1000], ids=["every ask in a new process", "one process"])
def test_the_sequence_equals_optuna(kind: str, fresh_every: int) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert through_activity(kind, SPACE, 30, fresh_every) == direct(SAMPLERS[kind](), SPACE, 30)


def test_the_grid_equals_optuna_and_ends() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    expected = direct(optuna.samplers.GridSampler({"depth": [1, 2, 3, 4], "shape": ["deep", "wide", "flat"]}, seed=7), GRID, 12)
    assert through_activity("grid", GRID, 12, 5) == expected
    answer = Studies().ask(request("grid", GRID, expected))
    assert answer["suggestions"] == [] and answer["exhausted"]
