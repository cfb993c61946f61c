"""trial.json for trying a trainer out, over the checker's data set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

FEATURES = [
    {"name": "price", "type": "numeric", "default": 0, "mean": 10.0, "stddev": 3.0},
    {"name": "popularity", "type": "numeric", "default": 0, "mean": 0.0, "stddev": 1.0},
    {"name": "brand", "type": "categorical", "default": "none", "buckets": 32},
]
LAYOUT = {"kind": "nested", "candidates": "candidates", "session": "session", "item": "item", "label": "label"}


def sample_trial(data: Mapping[str, str], output: Path, changes: Mapping[str, Any]) -> dict[str, Any]:
    """trial.json over the sample; `changes` come from the user, such as the trainer's own parameters. None leaves a field out."""
    document = {
        "version": 1,
        "pipeline": "contract-check",
        "run": "contract-check",
        "step": "search",
        "trial": 0,
        "seed": 7,
        "parameters": {},
        "data": dict(data),
        "layout": LAYOUT,
        "features": FEATURES,
        "epochs": 3,
        "validateEverySteps": 0,
        "sampleCandidates": 0,
        "objective": {"metric": "validation_ndcg_at_10", "goal": "maximize"},
        "checkpoint": {"minSeconds": 0.2, "maxSeconds": 1, "keep": 2, "meanSecondsBetweenPreemptions": None},
        "exportEveryValidations": 1,
        "parts": {"ahead": 2, "onBad": "fail", "badBudget": 0},
        "threads": 1,
        "commit": None,
        **changes,
        "output": output.absolute().as_uri(),
    }
    return {name: value for name, value in document.items() if name not in changes or value is not None}
