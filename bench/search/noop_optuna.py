"""``noop_optuna.py TRIALS PARALLEL``: milliseconds that Optuna takes for a trial that does nothing, with so many threads."""

from __future__ import annotations

import sys
import time

import optuna


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    trials, parallel = int(sys.argv[1]), int(sys.argv[2])
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    began = time.perf_counter()
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=trials, n_jobs=parallel)
    print((time.perf_counter() - began) * 1000 / trials)


if __name__ == "__main__":
    main()
