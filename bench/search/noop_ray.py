"""``noop_ray.py TRIALS PARALLEL``: milliseconds that Ray Tune takes for a trial that does nothing, so many at once.

Starting Ray is not counted.
"""

from __future__ import annotations

import sys
import tempfile
import time

import ray
from ray import tune


def noop(config: dict[str, float]) -> dict[str, float]:
    return {"score": config["x"]}


def main() -> None:
    trials, parallel = int(sys.argv[1]), int(sys.argv[2])
    # A place each, whatever the machine has: the trials of the others are not bound to processors either.
    ray.init(num_cpus=parallel, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    with tempfile.TemporaryDirectory() as folder:
        tuner = tune.Tuner(
            noop,
            param_space={"x": tune.uniform(0, 1)},
            tune_config=tune.TuneConfig(num_samples=trials, max_concurrent_trials=parallel, reuse_actors=True),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        )
        began = time.perf_counter()
        results = tuner.fit()
        seconds = time.perf_counter() - began
    if len(results) != trials or results.num_errors > 0:
        raise SystemExit(f"{len(results)} trials ended, {results.num_errors} with errors")
    print(seconds * 1000 / trials)


if __name__ == "__main__":
    main()
