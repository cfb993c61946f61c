"""`result.json`: what came out of a trial, written once."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress

from .position import Position
from .store import PreconditionFailed, Store, join
from .store.base import ABSENT


def write_result(store: Store, output: str, position: Position, *, attempt: int, weights: str, inexact: Sequence[str]) -> None:
    """`weights` is the digest of the model at the end; `inexact` says why its bits are not those of the undisturbed training."""
    best, export = position.best, position.best_export
    result = {
        "metrics": position.last if best is None else best.metrics,
        "objective": None if best is None else best.value,
        "bestStep": 0 if best is None else best.step,
        "steps": position.step,
        "samples": position.samples,
        "epochs": position.epoch,
        "bestExport": None if export is None else export.export,
        "weightsSha256": weights,
        "lastMetrics": position.last,
        "bestExportMetrics": {} if export is None else export.metrics,
        "attempts": attempt,
        "time": time.time(),
        **({"inexact": list(inexact)} if inexact else {}),
    }
    with suppress(PreconditionFailed):  # an attempt before this one came to its end, and was killed just after
        store.write(join(output, "result.json"), [json.dumps(result).encode()], if_generation=ABSENT)
