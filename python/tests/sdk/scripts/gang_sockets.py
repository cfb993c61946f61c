"""Several ranks without a framework: gradients are summed over sockets."""

import os
import pickle
import signal
import time

import numpy as np
from ranking import COLUMNS, ndcg
from sockets import Sockets

import longhaul
import longhaul.resume.schedule

if "GANG_SLEEPS_IN_EPOCH" in os.environ:
    longhaul.resume.schedule.SHARE_OF_ASIDE = float("inf")  # the copy for a SIGTERM is made whatever it costs: this machine may be slow


def now_and_then(trial):
    """What a test asks of this rank at a training step, in the first attempt."""
    if trial.attempt == 1 and trial.steps == int(os.environ.get("GANG_AT_STEP", "-1")):
        os.kill(os.getpid(), int(os.environ["GANG_SIGNAL"])) if "GANG_SIGNAL" in os.environ else None
        if "GANG_RAISES" in os.environ:
            raise longhaul.DataError("bad data on one rank")
        if "GANG_CRASHES" in os.environ:
            raise ValueError("a bug on one rank")


class Slices:
    """Weights of which each rank has its own, made whole again from all of them."""

    def __init__(self, rank):
        self.rank, self.values = rank, [float(rank)]

    def state_dict(self):
        return {"rank": self.rank, "values": self.values}

    def load_state_dict(self, state):
        assert state["rank"] == self.rank
        self.values = state["values"]

    def load_shards(self, states):
        self.values = [value for state in states for value in state["values"]]


with longhaul.trial(defaults={"lr": 0.05}) as trial:
    together = Sockets(trial.rank, trial.world)
    validation = trial.data("validation").numpy(columns=COLUMNS, label="label")
    model = trial.keep(
        model={"weights": np.random.default_rng(trial.seed).normal(size=len(COLUMNS)) * 0.1}, reshards="RESHARDS" in os.environ
    )
    own = trial.keep(own=Slices(trial.rank), reshards="RESHARDS" in os.environ)
    np.random.seed(trial.seed + trial.rank)
    for _ in trial.epochs():
        for x, y in trial.batches(trial.data("train").numpy(batch_size=8, columns=COLUMNS, label="label")):
            kept = np.random.random(x.shape) > 0.1
            gradient = ((1 / (1 + np.exp(-(x * kept) @ model["weights"])) - y)[:, None] * x).mean(0)
            now_and_then(trial)
            model["weights"] = model["weights"] - trial.parameters["lr"] * together.sum(gradient) / trial.world
            own.values[0] += float(gradient.sum())
            trial.step(samples=len(y), loss=lambda gradient=gradient: abs(gradient).sum())
        score = ndcg(validation.x @ model["weights"], validation)
        if os.environ.get("GANG_SLEEPS_IN_EPOCH") == str(trial.epoch) and trial.attempt == 1 and trial.rank == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(600)
        weights = pickle.dumps(model["weights"])
        trial.validation({"validation_ndcg_at_10": score}, model=lambda folder, data=weights: (folder / "model.pkl").write_bytes(data))
