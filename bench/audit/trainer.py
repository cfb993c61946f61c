"""A loop with faults that can be asked for: a bit that flips once, a generator that is not kept, another order of the same sum.

The order of a sum is what another instruction set changes: wider registers add other numbers first.
"""

import os

import longhaul
import numpy as np

FLIP_AT = int(os.environ.get("FLIP_AT", "0"))
FORGETS_GENERATOR = "FORGET_GENERATOR" in os.environ
OTHER_ARITHMETIC = "OTHER_ARITHMETIC" in os.environ
STEPS = int(os.environ.get("STEPS", "40"))


def predict(x, weights):
    return (x * weights)[:, ::-1].cumsum(1)[:, -1] if OTHER_ARITHMETIC else (x * weights).cumsum(1)[:, -1]


with longhaul.trial() as trial:
    model = {"bias": np.zeros(1), "weights": np.random.default_rng(trial.seed).normal(size=8)}
    noise = np.random.default_rng(trial.seed + 1)
    trial.keep(model=model, **({} if FORGETS_GENERATOR else {"noise": noise}))
    for _ in trial.epochs():
        for x in trial.batches(np.random.default_rng(5).normal(size=(STEPS, 16, 8))):
            error = predict(x, model["weights"]) + model["bias"] - noise.normal(size=16)
            model["weights"] = model["weights"] - 0.05 * (error[:, None] * x).mean(0)
            model["bias"] = model["bias"] - 0.05 * error.mean()
            if trial.steps + 1 == FLIP_AT:
                model["weights"].view(np.uint64)[FLIP_AT % 8] ^= np.uint64(1) << np.uint64(FLIP_AT % 52)
            trial.step(samples=16)
        trial.validation({"validation_ndcg_at_10": float(model["weights"].sum())})
