"""Logistic regression on Longhaul's SDK, with validations and models that take as long as a soak wants."""

import os
import time
from pathlib import Path
from typing import Any

import longhaul
import numpy as np

#: A sign of life so often, inside what takes long.
BEAT_SECONDS = 0.25
SESSIONS = 3


def lasts(variable: str) -> None:
    """What a real model would compute or write meanwhile."""
    end = time.monotonic() + float(os.environ.get(variable, "0"))
    while (left := end - time.monotonic()) > 0:
        trial.beat()
        time.sleep(min(left, BEAT_SECONDS))


def probabilities(x: Any) -> Any:
    return 1 / (1 + np.exp(-(x @ weights)))


def accuracy(rows: Any) -> float:
    """Share of the sessions whose chosen item is ranked first."""
    scores, hits, at = probabilities(rows.x), 0, 0
    for length in rows.groups:
        hits += int(np.argmax(scores[at : at + length]) == np.argmax(rows.y[at : at + length]))
        at += length
    return hits / len(rows.groups)


def write_model(folder: Path) -> None:
    lasts("SOAK_EXPORT_SECONDS")
    np.save(folder / "weights.npy", weights)


with longhaul.trial(defaults={"rate": 0.1}) as trial:
    every = int(os.environ.get("SOAK_VALIDATE_EVERY_STEPS", "500"))
    rate = float(trial.parameters["rate"])
    validation = trial.data("validation").numpy(groups=True)
    weights = trial.keep(model=np.zeros(validation.x.shape[1], dtype=np.float64))
    for _epoch in trial.epochs():
        for x, y in trial.batches(trial.data("train").numpy(batch_size=SESSIONS)):
            weights += rate * x.T.astype(np.float64) @ (y - probabilities(x)) / len(y)
            trial.step(samples=SESSIONS)
            if trial.steps % every == 0:
                lasts("SOAK_VALIDATION_SECONDS")
                trial.validation({"accuracy": accuracy(validation)}, model=write_model, scorer=["python", "score.py"])
