"""A loop by hand: momentum, dropout from the global generator, validations inside and at the end of epochs."""

import pickle

import numpy as np
from ranking import COLUMNS, ndcg

import longhaul


class Linear:
    def __init__(self, rng):
        self.weights, self.momentum = rng.normal(size=len(COLUMNS)) * 0.1, np.zeros(len(COLUMNS))

    def state_dict(self):
        return {"weights": self.weights, "momentum": self.momentum}

    def load_state_dict(self, state):
        self.weights, self.momentum = state["weights"], state["momentum"]


with longhaul.trial(defaults={"lr": 0.05}) as trial:
    validation = trial.data("validation").numpy(columns=COLUMNS, label="label")
    model, history = trial.keep(model=Linear(np.random.default_rng(trial.seed)), history=[])
    for _ in trial.epochs():
        for x, y in trial.batches(trial.data("train").numpy(batch_size=16, columns=COLUMNS, label="label")):
            dropped = np.random.random(x.shape) > 0.1
            gradient = ((1 / (1 + np.exp(-(x * dropped) @ model.weights)) - y)[:, None] * x).mean(0)
            model.momentum = 0.9 * model.momentum + gradient
            model.weights = model.weights - trial.parameters["lr"] * model.momentum
            trial.step(samples=len(y), loss=lambda gradient=gradient: abs(gradient).sum())
            if trial.steps % 5 == 0:  # behind the step, so before the boundary
                history.append(float(model.weights.sum()))
                trial.validation({"validation_ndcg_at_10": ndcg(validation.x @ model.weights, validation)})
        score = ndcg(validation.x @ model.weights, validation)
        weights = pickle.dumps(model.weights)
        trial.validation({"validation_ndcg_at_10": score}, model=lambda folder, data=weights: (folder / "model.pkl").write_bytes(data))
