"""The ten lines of docs/own-code.md on several machines, without a framework."""

import longhaul
import numpy as np
from sockets import Sockets

WIDTH, STEPS = 16, 40

with longhaul.trial(defaults={"lr": 0.05}) as trial:
    together = Sockets(trial.rank, trial.world)
    model = trial.keep(model={"weights": np.random.default_rng(trial.seed).normal(size=WIDTH)})
    np.random.seed(trial.seed + trial.rank)
    for _ in trial.epochs():
        for number in trial.batches(range(STEPS)):
            x = np.random.normal(size=(32, WIDTH)) + number
            error = x @ model["weights"] - x.sum(1)
            model["weights"] = model["weights"] - trial.parameters["lr"] * together.sum((error[:, None] * x).mean(0)) / trial.world / 1000
            trial.step(samples=len(x), loss=(error**2).mean())
        trial.validation({"loss": float(((model["weights"] - 1) ** 2).mean())})
