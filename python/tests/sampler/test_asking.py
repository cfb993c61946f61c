"""What a search may rely on when it asks."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import optuna
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longhaul_sampler import samplers
from longhaul_sampler.errors import InvalidRequest
from longhaul_sampler.request import AskRequest
from longhaul_sampler.space import Space
from longhaul_sampler.studies import Studies

optuna.logging.set_verbosity(optuna.logging.ERROR)

SPACE: dict[str, dict[str, Any]] = {
    "kind": {"type": "categorical", "choices": ["linear", "net"]},
    "units": {"type": "categorical", "choices": [[64], [64, 32], [128, 64, 32]], "when": {"parameter": "kind", "in": ["net"]}},
    "rate": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True},
}


def ask(studies: Studies, trials: list[dict[str, Any]], count: int = 1, **more: Any) -> dict[str, Any]:
    body = {
        "study": "s",
        "space": SPACE,
        "sampler": {"kind": "tpe", "seed": 1},
        "objectives": [{"metric": "m", "goal": "maximize"}],
        "plannedTrials": 50,
        "trials": trials,
        "warm": [],
        "count": count,
    }
    return studies.ask(AskRequest.parse({**body, **more}))


def asked(
    trial: int,
    parameters: dict[str, Any],
    asked_after: int,
    told: int | None = None,
    value: float | None = None,
    state: str | None = None,
    suggested: bool = True,
) -> dict[str, Any]:
    return {
        "trial": trial,
        "parameters": parameters,
        "suggested": suggested,
        "asked": asked_after,
        "told": told,
        "state": state or ("running" if told is None else "complete"),
        "values": [] if value is None else [value],
        "last": None,
    }


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 5))
def test_a_search_in_parallel_is_the_same_after_any_crash(random: Any, parallel: int) -> None:
    """One search with one process, one that loses its process before each ask."""
    script = [random.random() for _ in range(60)]

    def search(crashing: bool) -> list[dict[str, Any]]:
        studies, tells = Studies(), 0
        trials: list[dict[str, Any]] = []
        rolls = iter(script)
        while len(trials) < 24:
            running = [trial for trial in trials if trial["told"] is None]
            if len(running) < parallel:
                studies = Studies() if crashing else studies
                wanted = parallel - len(running)
                for parameters in ask(studies, json.loads(json.dumps(trials)), wanted)["suggestions"]:
                    trials.append(asked(len(trials), parameters, tells))
            else:
                ended = running[int(next(rolls) * len(running))]
                outcome = next(rolls)
                ended.update(
                    told=tells,
                    state="complete" if outcome > 0.2 else "pruned" if outcome > 0.1 else "failed",
                    values=[outcome],
                    last=[3, outcome],
                )
                tells += 1
        return trials

    assert search(crashing=True) == search(crashing=False)


def test_a_retried_ask_gives_the_same_suggestions() -> None:
    studies = Studies()
    first = ask(studies, [], 3)
    assert ask(studies, [], 3) == first
    assert ask(Studies(), [], 3) == first


def test_inactive_parameters_are_left_out_and_lists_come_back_as_lists() -> None:
    suggestions = ask(Studies(), [], 40)["suggestions"]
    assert {s["kind"] for s in suggestions} == {"linear", "net"}
    assert all(("units" in s) == (s["kind"] == "net") for s in suggestions)
    assert all(isinstance(s["units"], list) for s in suggestions if "units" in s)


def test_constraints_hold_in_every_suggestion_and_replay() -> None:
    space = {"layers": {"type": "int", "low": 1, "high": 8}, "units": {"type": "int", "low": 64, "high": 1024, "step": 64}}
    more = {"space": space, "sampler": {"kind": "random", "seed": 3, "constraints": ["layers * units - 2048"]}}
    first = ask(Studies(), [], 20, **more)["suggestions"]
    assert all(s["layers"] * s["units"] <= 2048 for s in first)
    trials = [asked(i, s, 0) for i, s in enumerate(first[:10])]
    assert ask(Studies(), trials, 10, **more)["suggestions"] == first[10:]


@pytest.mark.parametrize(
    ("sampler", "space", "message"),
    [
        ({"kind": "tpe", "constraints": ["layers - "]}, SPACE, "not an expression"),
        ({"kind": "tpe", "constraints": ["nothing - 1"]}, SPACE, "found 'nothing'"),
        ({"kind": "tpe", "constraints": ["__import__('os')"]}, SPACE, "__import__"),
        ({"kind": "tpe", "constraints": ["1"]}, SPACE, "none of 20,000 random sets"),
        ({"kind": "grid"}, SPACE, "finite space"),
        ({"kind": "anneal"}, SPACE, "found 'anneal'"),
        ({"kind": "tpe"}, {"a": {"type": "float", "low": 2.0, "high": 1.0}}, "space.a"),
        ({"kind": "tpe"}, {"a": {"type": "int", "low": 1, "high": 2, "when": {"parameter": "b", "in": [1]}}}, "space.a.when"),
    ],
)
def test_what_cannot_work_is_refused_with_its_place(sampler: dict[str, Any], space: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message.replace("(", "\\(")):
        ask(Studies(), [], 1, sampler=sampler, space=space)


def test_gp_without_torch_is_refused_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samplers, "torch_available", lambda: False)
    with pytest.raises(InvalidRequest, match="gp needs PyTorch"):
        ask(Studies(), [], 1, sampler={"kind": "gp"})


def test_a_conditional_grid_visits_each_distinct_set_once() -> None:
    space = {
        "kind": {"type": "categorical", "choices": ["linear", "net"]},
        "units": {"type": "int", "low": 1, "high": 3, "when": {"parameter": "kind", "in": ["net"]}},
    }
    answer = ask(Studies(), [], 10, space=space, sampler={"kind": "grid", "seed": 1})
    texts = [json.dumps(s, sort_keys=True) for s in answer["suggestions"]]
    assert len(texts) == len(set(texts)) == 4 and answer["exhausted"]


def test_earlier_runs_teach_the_model() -> None:
    space = {"x": {"type": "float", "low": 0.0, "high": 1.0}}
    warm = [{"parameters": {"x": i / 20}, "values": [-abs(i / 20 - 0.8)]} for i in range(21)]
    suggestions = ask(Studies(), [], 12, space=space, warm=warm)["suggestions"]
    assert sum(abs(s["x"] - 0.8) < 0.25 for s in suggestions) >= 9


def test_several_objectives() -> None:
    goals = [{"metric": "a", "goal": "maximize"}, {"metric": "b", "goal": "minimize"}]
    studies = Studies()
    trials: list[dict[str, Any]] = []
    for i in range(25):
        p = ask(studies, trials, 1, objectives=goals)["suggestions"][0]
        trials.append({**asked(i, p, i, i), "values": [p["rate"], p["rate"] ** 2]})
    assert ask(Studies(), trials, 1, objectives=goals) == ask(studies, trials, 1, objectives=goals)


def test_auto_goes_by_budget_and_space() -> None:
    small = Space({"a": {"type": "int", "low": 1, "high": 3}})
    real = Space({"a": {"type": "float", "low": 0.0, "high": 1.0}})
    assert samplers.choose(small, 3, 1, torch=False) == "grid"
    assert samplers.choose(real, 8, 1, torch=False) == "sobol"
    assert samplers.choose(real, 40, 1, torch=False) == "tpe"
    assert samplers.choose(real, 40, 1, torch=True) == "gp"
    assert samplers.choose(real, 40, 2, torch=True) == "tpe"


def test_a_changed_space_keeps_what_still_fits() -> None:
    old = [{**asked(i, {"kind": "linear", "rate": 0.05}, 0, i, 0.5), "suggested": False} for i in range(3)]
    space = {"rate": {"type": "float", "low": 1e-3, "high": 1e-2}}
    answer = ask(Studies(), old, 2, space=space)
    assert all(1e-3 <= s["rate"] <= 1e-2 for s in answer["suggestions"])


def test_the_worker_loads_neither_tensorflow_nor_what_only_importances_need() -> None:
    code = "import sys, longhaul_sampler.__main__; print({'tensorflow', 'sklearn', 'scipy'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "set()\n"


@pytest.mark.parametrize("kind", ["tpe", "auto"])
def test_constraints_on_metrics_lead_away_from_where_they_are_broken(kind: str) -> None:
    """A model that is the better the slower it is, and may take at most a fifth of the time that the slowest takes."""
    space: dict[str, dict[str, Any]] = {"x": {"type": "float", "low": 0.0, "high": 1.0}}

    def kept_of_the_last(*, told: bool) -> int:
        studies = Studies()
        trials: list[dict[str, Any]] = []
        for number in range(40):
            more: dict[str, Any] = {"space": space, "plannedTrials": 200, "sampler": {"kind": kind, "seed": 3, "startupTrials": 10}}
            x = ask(studies, trials, **more)["suggestions"][0]["x"]
            trial = asked(number, {"x": x}, number, number, x)
            trials.append({**trial, "violations": {"latency_ms at most": (x - 0.2) / 0.2}} if told else trial)
        return sum(trial["parameters"]["x"] <= 0.2 for trial in trials[20:])

    deaf, hearing = kept_of_the_last(told=False), kept_of_the_last(told=True)
    assert deaf <= 2
    assert hearing >= 10


def test_a_study_that_is_rebuilt_hears_of_constraints_as_one_that_went_on() -> None:
    space: dict[str, dict[str, Any]] = {"x": {"type": "float", "low": 0.0, "high": 1.0}}
    kept = Studies()
    trials: list[dict[str, Any]] = []
    for number in range(25):
        more: dict[str, Any] = {"space": space, "sampler": {"kind": "tpe", "seed": 3, "startupTrials": 5}}
        suggestion = ask(kept, trials, **more)["suggestions"][0]
        assert ask(Studies(), trials, **more)["suggestions"][0] == suggestion
        trials.append({**asked(number, suggestion, number, number, suggestion["x"]), "violations": {"c": suggestion["x"] - 0.3}})


def test_a_condition_on_a_value_between_steps_of_decimals_holds() -> None:
    space = {
        "drop": {"type": "float", "low": 0.0, "high": 0.4, "step": 0.1},
        "rate": {"type": "float", "low": 0.0, "high": 1.0, "when": {"parameter": "drop", "in": [0.3]}},
    }
    suggestions = ask(Studies(), [], 40, space=space, sampler={"kind": "random", "seed": 1})["suggestions"]
    assert {round(s["drop"], 6) for s in suggestions if "rate" in s} == {0.3}
