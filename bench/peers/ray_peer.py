"""Ray Tune: a local Ray that runs already, actors used again, as many at once as there are cores. It has no pipelines."""

from __future__ import annotations

import os
import tempfile

import ray
from bench.peers.measure import TRIALS, report
from ray import tune


def noop(_config: dict[str, float]) -> None:
    tune.report({"score": 0.0})


if __name__ == "__main__":
    ray.init(num_cpus=os.cpu_count(), include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    with tempfile.TemporaryDirectory() as home:

        def fan_out() -> None:
            tuner = tune.Tuner(
                noop,
                param_space={"x": tune.uniform(0, 1)},
                tune_config=tune.TuneConfig(num_samples=TRIALS, reuse_actors=True),
                run_config=tune.RunConfig(storage_path=home, verbose=0),
            )
            assert tuner.fit().num_errors == 0

        report(chain=None, fan_out=fan_out, rounds=1)
    ray.shutdown()
