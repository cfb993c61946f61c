"""What a page may rely on when it shows importances."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import Any

import pytest

from longhaul_sampler import importance as module
from longhaul_sampler.importance import ImportanceRequest, importance

SPACE: dict[str, dict[str, Any]] = {
    "rate": {"type": "float", "low": 1e-4, "high": 1e-1, "log": True},
    "width": {"type": "categorical", "choices": [[64], [128, 64]]},
    "noise": {"type": "float", "low": 0, "high": 1},
    "margin": {"type": "float", "low": 0, "high": 1, "when": {"parameter": "width", "in": ["x"]}},
}


def request(count: int) -> ImportanceRequest:
    draw = random.Random(3)
    trials = []
    for _ in range(count):
        rate = 10 ** draw.uniform(-4, -1)
        wide = draw.random() < 0.5
        parameters = {"rate": rate, "width": [128, 64] if wide else [64], "noise": draw.random()}
        trials.append({"parameters": parameters, "value": -abs(rate - 0.003) * 20 + 0.05 * wide})
    trials.append({"parameters": {"rate": 0.01, "width": [64], "noise": 0.5}, "value": None})
    return ImportanceRequest.parse({"space": SPACE, "objective": {"metric": "ndcg", "goal": "maximize"}, "trials": trials})


@pytest.mark.parametrize(("count", "evaluator"), [(40, "fanova"), (module.FANOVA_TRIALS + 1, "ped-anova")])
def test_the_parameter_that_decides_comes_first(count: int, evaluator: str) -> None:
    found = importance(request(count))
    assert (found["evaluator"], found["trials"], found["metric"]) == (evaluator, count, "ndcg")
    assert found["parameters"][0]["name"] == "rate"
    assert {entry["name"] for entry in found["parameters"]} == {"rate", "width", "noise"}
    assert sum(entry["importance"] for entry in found["parameters"]) == pytest.approx(1)


def test_too_few_trials_say_nothing() -> None:
    assert importance(request(module.MIN_TRIALS - 1))["parameters"] == []


def test_the_same_trials_have_the_same_importances() -> None:
    assert importance(request(30)) == importance(request(30))


def test_a_start_of_the_sampler_does_not_wait_for_the_forests() -> None:
    loaded = "import sys, longhaul_sampler.__main__; print([name for name in ('scipy', 'sklearn') if name in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
