"""Longhaul's SDK: a training script of any framework, that survives its machine and resumes bit for bit.

    import longhaul

    with longhaul.trial() as trial:
        model = trial.keep(model=…)
        for epoch in trial.epochs():
            for x, y in trial.batches(trial.data("train").numpy(batch_size=256)):
                …
                trial.step(samples=len(y))
            trial.validation({"auc": …}, model=lambda folder: …)

docs/own-code.md has it whole. `longhaul.run("pipeline.yaml")` starts and follows a whole pipeline (docs/python.md).
Helpers for frameworks are modules of the framework's name: `longhaul.torch`, `longhaul.keras`, ….
"""

from __future__ import annotations

import importlib
from typing import Any

from .termination import answer_while_importing

answer_while_importing()

from .errors import ConfigError, DataError, NoInputError, TrialError, UsageError  # noqa: E402
from .script import Trial, trial  # noqa: E402

__version__ = "0.2.0"
__all__ = ["ConfigError", "DataError", "NoInputError", "Trial", "TrialError", "UsageError", "trial"]

#: Loaded when they are first used; each imports its framework.
HELPERS = ("boosting", "client", "jax", "keras", "lightning", "metrics", "sklearn", "torch", "transformers")
#: Of the client of runs, for notebooks.
CLIENT = ("attach", "run", "runs")


def __getattr__(name: str) -> Any:
    if name in HELPERS:
        return importlib.import_module(f"{__name__}.{name}")
    if name in CLIENT:  # needs temporalio and pandas
        return getattr(importlib.import_module(f"{__name__}.client"), name)
    if name == "score":  # needs numpy and pyarrow
        return importlib.import_module(f"{__name__}.scoring").score
    raise AttributeError(f"module 'longhaul' has no attribute {name!r}")
