"""Searches whose optimum lies where a naive sampler does not get: at a constraint, beside a region that diverges, near earlier runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import optuna
import pytest

from longhaul_sampler.feasible import distance
from longhaul_sampler.request import AskRequest
from longhaul_sampler.session import Session
from longhaul_sampler.space import Space
from longhaul_sampler.studies import Studies

optuna.logging.set_verbosity(optuna.logging.ERROR)

SQUARE: dict[str, dict[str, Any]] = {
    "a": {"type": "float", "low": 0.0, "high": 1.0},
    "b": {"type": "float", "low": 0.0, "high": 1.0},
}
RATES: dict[str, dict[str, Any]] = {
    "rate": {"type": "float", "low": 1e-4, "high": 10.0, "log": True},
    "width": {"type": "float", "low": 0.0, "high": 1.0},
}


def request(kind: str, space: dict[str, Any], trials: list[dict[str, Any]], **more: Any) -> AskRequest:
    sampler = {"kind": kind, "seed": more.pop("seed", 7), "constraints": more.pop("constraints", [])}
    body = {
        "study": "s",
        "space": space,
        "sampler": sampler,
        "objectives": [{"metric": "m", "goal": "minimize"}],
        "plannedTrials": 40,
        "trials": trials,
        "warm": [],
        "count": 1,
    }
    return AskRequest.parse({**body, **more})


def searched(
    kind: str, space: dict[str, Any], end: Callable[[dict[str, Any]], dict[str, Any]], count: int, **more: Any
) -> list[dict[str, Any]]:
    """One trial after the other; ``end`` says how each set ended."""
    studies = Studies()
    trials: list[dict[str, Any]] = []
    for trial in range(count):
        [parameters] = studies.ask(request(kind, space, trials, **more))["suggestions"]
        told = {"trial": trial, "parameters": parameters, "suggested": True, "asked": trial, "told": trial, "last": None}
        trials.append({**told, **end(parameters)})
    # Another worker, after a crash, suggests the same.
    assert Studies().ask(request(kind, space, trials, **more)) == studies.ask(request(kind, space, trials, **more))
    return trials


@pytest.mark.parametrize("kind", ["auto", "tpe", "cmaes", "random", "sobol"])
@pytest.mark.parametrize("allowed", [1.0, 0.4])
def test_an_optimum_at_a_constraint_is_approached_and_never_ends_the_search(kind: str, allowed: float) -> None:
    constraints = [f"a + b - {allowed}"]
    trials = searched(kind, SQUARE, lambda p: {"state": "complete", "values": [-(p["a"] + p["b"])]}, 40, constraints=constraints)
    sums = [trial["parameters"]["a"] + trial["parameters"]["b"] for trial in trials]
    assert max(sums) <= allowed
    if kind in ("auto", "tpe"):
        # The model is followed as far as the constraint lets it.
        assert sorted(sums[20:])[10] > 0.9 * allowed


def test_a_grid_leaves_out_what_the_constraints_forbid_however_much_it_is() -> None:
    space = {name: {"type": "int", "low": 1, "high": 40} for name in ("a", "b")}
    answer = Studies().ask(request("grid", space, [], constraints=["a + b - 3"], count=10))
    assert sorted((p["a"], p["b"]) for p in answer["suggestions"]) == [(1, 1), (1, 2), (2, 1)]
    assert answer["exhausted"]


def test_rejected_sets_do_not_use_up_the_even_start() -> None:
    session = Session(request("auto", SQUARE, [], constraints=["a + b - 0.4"], plannedTrials=64))
    for _ in range(16):
        _, trial = session._suggest()
        session.study.tell(trial, 1.0)
    begun = [trial for trial in session.study.get_trials() if trial.state == optuna.trial.TrialState.COMPLETE]
    assert len(begun) == 16 and begun[-1].number > 32
    assert all(session.sampler._of(trial) is session.sampler._first for trial in begun)  # type: ignore[attr-defined]


def test_the_model_leaves_a_region_in_which_trials_diverge() -> None:
    def end(parameters: dict[str, Any]) -> dict[str, Any]:
        if parameters["rate"] > 0.1:
            return {"state": "pruned", "values": [None]}
        return {"state": "complete", "values": [(math.log10(parameters["rate"]) + 1.3) ** 2 + parameters["width"]]}

    for seed in (1, 2):
        trials = searched("tpe", RATES, end, 40, seed=seed)
        assert sum(trial["state"] == "pruned" for trial in trials[15:]) <= 12
        # CMA-ES does not hear of pruned trials; what came to nothing is told as the poorest value.
        trials = searched("cmaes", RATES, end, 40, seed=seed)
        assert sum(trial["state"] == "pruned" for trial in trials[15:]) <= 15


@pytest.mark.parametrize("count", [3, 20])
def test_cmaes_begins_where_earlier_runs_were_good(count: int) -> None:
    def near(rate: float, width: float) -> list[dict[str, Any]]:
        return [
            {"parameters": {"rate": rate * (1 + i * 0.001), "width": abs(width - 0.005 * i)}, "values": [0.001 * i]} for i in range(count)
        ]

    [low] = Studies().ask(request("cmaes", RATES, [], warm=near(3e-4, 0.05)))["suggestions"]
    [high] = Studies().ask(request("cmaes", RATES, [], warm=near(6.0, 0.95)))["suggestions"]
    assert low["rate"] < 0.01 < high["rate"] and low["width"] < 0.5 < high["width"]


def test_distances_are_of_the_ranges() -> None:
    space = Space({**RATES, "kind": {"type": "categorical", "choices": ["x", "y"]}})
    start = {"rate": 1e-4, "width": 0.0, "kind": "x"}
    assert distance(space, start, {"rate": 10.0, "width": 0.0, "kind": "x"}) == pytest.approx(1)
    assert distance(space, start, {"rate": 1e-4, "width": 0.5, "kind": "y"}) == pytest.approx(math.sqrt(1.25))


@pytest.mark.parametrize("kind", ["tpe", "auto", "cmaes"])
def test_the_sampler_hears_each_rung_and_any_worker_goes_on(kind: str) -> None:
    """Trials are held after one point; of each three the best goes on to its end. Few ends are told, yet the model finds the valley."""
    studies, told = Studies(), 0
    trials: list[dict[str, Any]] = []

    def value(parameters: dict[str, Any], points: int) -> float:
        return (math.log10(parameters["rate"]) + 1.3) ** 2 + parameters["width"] + 1 / points

    for trial in range(45):
        [parameters] = studies.ask(request(kind, RATES, trials, seed=3))["suggestions"]
        asked = {"trial": trial, "parameters": parameters, "suggested": True, "asked": told, "told": None, "values": [], "last": None}
        trials.append({**asked, "state": "running", "rungs": [[told, 1, value(parameters, 1)]]})
        told += 1
        if trial % 3 == 2:
            best = min(trials[-3:], key=lambda one: value(one["parameters"], 1))
            best.update(told=told, state="complete", values=[value(best["parameters"], 9)])
            told += 1
    assert Studies().ask(request(kind, RATES, trials, seed=3)) == studies.ask(request(kind, RATES, trials, seed=3))
    late = [value(one["parameters"], 1) for one in trials[25:]]
    early = [value(one["parameters"], 1) for one in trials[:10]]
    assert sum(late) / len(late) < sum(early) / len(early) - 0.3
