"""`result.json`: what came out of a trial, written once."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from .position import Best, Metrics
from .store import PreconditionFailed, Store, join
from .store.base import ABSENT


def write_result(
    store: Store,
    output: str,
    *,
    best: Best | None,
    export: Best | None,
    last: Metrics,
    steps: int,
    samples: int,
    epochs: int,
    weights: str,
    attempt: int,
    more: Mapping[str, Any],
) -> None:
    """`best` is the point that counts, `export` that of the best model, `weights` the digest of the model; `more` is a trainer's own."""
    result = {
        "metrics": last if best is None else best.metrics,
        "objective": None if best is None else best.value,
        "bestStep": 0 if best is None else best.step,
        "steps": steps,
        "samples": samples,
        "epochs": epochs,
        "bestExport": None if export is None else export.export,
        "weightsSha256": weights,
        "lastMetrics": last,
        "bestExportMetrics": {} if export is None else export.metrics,
        "attempts": attempt,
        "time": time.time(),
        **more,
    }
    with suppress(PreconditionFailed):  # an attempt before this one came to its end, and was killed just after
        store.write(join(output, "result.json"), [json.dumps(result).encode()], if_generation=ABSENT)
