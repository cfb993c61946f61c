"""Several ranks without a framework: gradients are summed over sockets, on the port that frameworks are given."""

import os
import pickle
import signal
import socket
import struct
import time

import numpy as np
from ranking import COLUMNS, ndcg

import longhaul


class Sockets:
    """All-reduce: rank 0 adds up in the order of ranks, so that the bits are the same each time."""

    def __init__(self, rank, world):
        self.rank, self.peers = rank, {}
        if world == 1:
            return
        address = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        if rank == 0:
            with socket.create_server(address) as server:
                for _ in range(world - 1):
                    peer, _ = server.accept()
                    self.peers[self.receive(peer)] = peer
        else:
            self.peers[0] = self.connect(address)
            self.send(self.peers[0], rank)

    def connect(self, address):
        while True:
            try:
                return socket.create_connection(address)
            except OSError:
                time.sleep(0.01)

    def sum(self, array):
        if self.rank == 0:
            total = array
            for rank in sorted(self.peers):
                total = total + self.receive(self.peers[rank])
            for peer in self.peers.values():
                self.send(peer, total)
            return total
        self.send(self.peers[0], array)
        return self.receive(self.peers[0])

    def send(self, peer, value):
        data = pickle.dumps(value)
        peer.sendall(struct.pack(">I", len(data)) + data)

    def receive(self, peer):
        (size,) = struct.unpack(">I", self.read(peer, 4))
        return pickle.loads(self.read(peer, size))

    def read(self, peer, size):
        data = b""
        while len(data) < size:
            part = peer.recv(size - len(data))
            if not part:
                raise RuntimeError("a rank has gone")
            data += part
        return data


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
