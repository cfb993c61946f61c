"""A small network on the numeric features: PyTorch where this Python has it, else scikit-learn."""

import longhaul  # first, so that SIGTERM is answered while a framework is imported
import numpy as np

try:
    import torch
except ImportError:
    torch = None

BATCH = 64  # sessions
#: A number of a bucket is no quantity: this network has no embedding, so it does not see them.
CATEGORIES = ("product_category", "department", "display")


def hidden_from(trial):
    names = trial.data("train").features
    return [names.index(name) for name in CATEGORIES]


class Torch:
    """Softmax over the candidates of a session."""

    def __init__(self, trial, width):
        torch.set_num_threads(trial.threads)
        torch.manual_seed(trial.seed)
        hidden = trial.parameters["hidden"]
        layers = [torch.nn.Linear(width, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, hidden), torch.nn.ReLU()]
        self.model = torch.nn.Sequential(*layers, torch.nn.Linear(hidden, 1))
        with torch.no_grad():
            layers[0].weight[:, hidden_from(trial)] = 0
        self.optimizer = torch.optim.Adam(self.model.parameters(), trial.parameters["lr"])
        self.kept = {"model": self.model, "optimizer": self.optimizer}

    def train(self, x, y, lengths):
        scores = self.model(torch.from_numpy(x))[:, 0]
        sessions = torch.from_numpy(np.repeat(np.arange(len(lengths)), lengths))
        largest = torch.full((len(lengths),), -torch.inf).scatter_reduce(0, sessions, scores.detach(), "amax")
        total = torch.zeros(len(lengths)).index_add(0, sessions, torch.exp(scores - largest[sessions]))
        log_likelihood = scores - largest[sessions] - torch.log(total)[sessions]
        loss = -(log_likelihood * torch.from_numpy(y)).sum() / len(lengths)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss

    def predict(self, x):
        with torch.no_grad():
            return self.model(torch.from_numpy(x))[:, 0].numpy()

    def save(self, x):
        return longhaul.torch.save(self.model, example=torch.from_numpy(x[:2]))


class Sklearn:
    """Whether a candidate is bought."""

    def __init__(self, trial, width):
        from sklearn.neural_network import MLPClassifier

        hidden = trial.parameters["hidden"]
        self.model = MLPClassifier((hidden, hidden), learning_rate_init=trial.parameters["lr"], batch_size=512, random_state=trial.seed)
        self.hidden_from = hidden_from(trial)
        self.kept = {"model": self.model}

    def train(self, x, y, lengths):
        self.model.partial_fit(x, y > 0, classes=[False, True])
        self.model.coefs_[0][self.hidden_from] = 0
        return self.model.loss_

    def predict(self, x):
        return self.model.predict_proba(x)[:, 1]

    def save(self, x):
        return longhaul.sklearn.save(self.model)


with longhaul.trial(defaults={"lr": 0.003, "hidden": 64}) as trial:
    train, validation = trial.data("train"), trial.data("validation")
    whole = validation.numpy()
    network = (Torch if torch else Sklearn)(trial, whole.x.shape[1])
    trial.keep(**network.kept)
    for _ in trial.epochs():
        for x, y, lengths in trial.batches(train.numpy(batch_size=BATCH, groups=True)):
            x[:, hidden_from(trial)] = 0
            trial.step(samples=len(lengths), loss=network.train(x, y, lengths))
        trial.validation(longhaul.metrics.ranking(network.predict(whole.x), whole), model=network.save(whole.x))
