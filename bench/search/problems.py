"""Standard test functions of optimisation, to be minimised, with the spaces that a search is given.

Functions and bounds: Surjanovic, Bingham, Virtual Library of Simulation Experiments (sfu.ca/~ssurjano), except the two mixed
ones, which are Branin and Rosenbrock with a categorical and an integer parameter.

``spaces`` prints them; ``serve`` answers lines of ``{"problem", "parameters"}`` with values; ``direct SAMPLER SEEDS
TRIALS`` runs Optuna itself.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna

Vector = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Problem:
    space: dict[str, dict[str, Any]]
    value: Callable[[dict[str, Any]], float]


def _continuous(dimensions: int, low: float, high: float, value: Callable[[Vector], Any]) -> Problem:
    space = {f"x{i}": {"type": "float", "low": low, "high": high} for i in range(dimensions)}
    return Problem(space, lambda p: float(value(np.array([p[name] for name in space]))))


def _branin(x: float, y: float) -> float:
    return float((y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6) ** 2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10)


def _ackley(x: Vector) -> Any:
    return -20 * np.exp(-0.2 * np.sqrt(np.mean(x**2))) - np.exp(np.mean(np.cos(2 * np.pi * x))) + 20 + np.e


def _rastrigin(x: Vector) -> Any:
    return 10 * len(x) + np.sum(x**2 - 10 * np.cos(2 * np.pi * x))


def _rosenbrock(x: Vector) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def _levy(x: Vector) -> Any:
    w = 1 + (x - 1) / 4
    middle = np.sum((w[:-1] - 1) ** 2 * (1 + 10 * np.sin(np.pi * w[:-1] + 1) ** 2))
    return np.sin(np.pi * w[0]) ** 2 + middle + (w[-1] - 1) ** 2 * (1 + np.sin(2 * np.pi * w[-1]) ** 2)


def _griewank(x: Vector) -> Any:
    return 1 + np.sum(x**2) / 4000 - np.prod(np.cos(x / np.sqrt(np.arange(1, len(x) + 1))))


def _styblinski_tang(x: Vector) -> Any:
    return np.sum(x**4 - 16 * x**2 + 5 * x) / 2


_A = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]])
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def _hartmann6(x: Vector) -> Any:
    return -np.sum(np.array([1.0, 1.2, 3.0, 3.2]) * np.exp(-np.sum(_A * (x - _P) ** 2, axis=1)))


PROBLEMS: dict[str, Problem] = {
    "branin": Problem(
        {"x": {"type": "float", "low": -5.0, "high": 10.0}, "y": {"type": "float", "low": 0.0, "high": 15.0}},
        lambda p: _branin(p["x"], p["y"]),
    ),
    "ackley": _continuous(5, -32.768, 32.768, _ackley),
    "rastrigin": _continuous(4, -5.12, 5.12, _rastrigin),
    "rosenbrock": _continuous(4, -5.0, 10.0, _rosenbrock),
    "levy": _continuous(5, -10.0, 10.0, _levy),
    "griewank": _continuous(4, -600.0, 600.0, _griewank),
    "styblinski-tang": _continuous(4, -5.0, 5.0, _styblinski_tang),
    "hartmann6": _continuous(6, 0.0, 1.0, _hartmann6),
    "mixed-branin": Problem(
        {
            "x": {"type": "float", "low": -5.0, "high": 10.0},
            "y": {"type": "float", "low": 0.0, "high": 15.0},
            "shift": {"type": "categorical", "choices": ["none", "small", "large"]},
        },
        lambda p: _branin(p["x"], p["y"]) + {"none": 0.0, "small": 5.0, "large": 50.0}[p["shift"]],
    ),
    "integer-rosenbrock": Problem(
        {"n": {"type": "int", "low": -5, "high": 10}, "scale": {"type": "float", "low": 1e-3, "high": 10.0, "log": True}},
        lambda p: float(_rosenbrock(np.array([np.log10(p["scale"]) + 2, float(p["n"])]))),
    ),
}


def direct(problem: Problem, sampler: optuna.samplers.BaseSampler, trials: int) -> list[dict[str, Any]]:
    """Optuna as its own users call it: a study in memory, one trial at a time."""
    told: list[dict[str, Any]] = []

    def objective(trial: optuna.Trial) -> float:
        parameters = {name: _suggest(trial, name, spec) for name, spec in problem.space.items()}
        told.append({"parameters": parameters, "value": problem.value(parameters)})
        return float(told[-1]["value"])

    optuna.create_study(sampler=sampler).optimize(objective, n_trials=trials)
    return told


def _suggest(trial: optuna.Trial, name: str, spec: dict[str, Any]) -> Any:
    if spec["type"] == "float":
        return trial.suggest_float(name, spec["low"], spec["high"], log=spec.get("log", False))
    if spec["type"] == "int":
        return trial.suggest_int(name, spec["low"], spec["high"])
    return trial.suggest_categorical(name, spec["choices"])


def _sampler(kind: str, seed: int) -> optuna.samplers.BaseSampler:
    if kind == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    command, *arguments = sys.argv[1:]
    if command == "spaces":
        print(json.dumps({name: problem.space for name, problem in PROBLEMS.items()}))
    elif command == "serve":
        for line in sys.stdin:
            question = json.loads(line)
            print(json.dumps(PROBLEMS[question["problem"]].value(question["parameters"])), flush=True)
    elif command == "direct":
        kind, seeds, trials = arguments
        print(
            json.dumps(
                {
                    name: [direct(problem, _sampler(kind, int(seed)), int(trials)) for seed in seeds.split(",")]
                    for name, problem in PROBLEMS.items()
                }
            )
        )


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    main()
