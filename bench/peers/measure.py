"""What the benches of all peers share: sizes, rounds, and the one line of JSON that they print."""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable

STEPS = 20
TRIALS = 100


def seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def report(
    *,
    chain: Callable[[], object] | None,
    fan_out: Callable[[], object],
    rounds: int = 3,
    warm_up: bool = True,
) -> None:
    """Milliseconds a step of a chain and a trial of a fan-out; the median of the rounds."""

    def per(run: Callable[[], object] | None, parts: int) -> float | None:
        if run is None:
            return None
        if warm_up:
            run()
        return statistics.median(seconds(run) for _ in range(rounds)) / parts * 1000

    json.dump({"step_ms": per(chain, STEPS), "trial_ms": per(fan_out, TRIALS)}, sys.stdout)
    sys.stdout.write("\n")
