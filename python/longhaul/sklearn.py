"""scikit-learn: a whole fit as one step, and the model as a file. `partial_fit` in a loop over batches needs no helper."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import joblib

from .scorer import Saved

if TYPE_CHECKING:
    from .script import Trial

#: Seconds between two looks at whether a fit still uses the processor.
LOOK_SECONDS = 5.0
#: Share of a processor that a fit that lives uses at least.
ALIVE = 0.01


def fit(trial: Trial, model: Any, x: Any, y: Any = None, **more: Any) -> Any:
    """`model.fit(x, y)` as one step. A fit cannot be interrupted: a kill in it begins it anew, one after it does not.

    While it uses the processor it gives signs of life, so that it is not taken for one that hangs.
    """
    for _ in trial.batches((None,)):
        done = threading.Event()
        watcher = threading.Thread(target=_watch, args=(trial, done), daemon=True)
        watcher.start()
        try:
            model.fit(x, y, **more)
        finally:
            done.set()
            watcher.join()
        trial.step(samples=len(x))
    return model


def save(model: Any, name: str = "model.joblib") -> Callable[[Path], None]:
    """For `trial.validation(…, model=longhaul.sklearn.save(model))`; load it with `joblib.load`.

    `evaluate` scores with `predict_proba` (of two classes the second), or `predict`.
    """
    return Saved(lambda folder: joblib.dump(model, folder / name), {"kind": "scikit-learn", "file": name})


def _watch(trial: Trial, done: threading.Event) -> None:
    used = time.process_time()
    while not done.wait(LOOK_SECONDS):
        now = time.process_time()
        if now - used >= ALIVE * LOOK_SECONDS:
            trial._running.records.beat()
        used = now
