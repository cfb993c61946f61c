"""Learning curves of small neural nets on data sets that scikit-learn ships: a table of configurations that searches are played on.

Prints ``{data set: [{"parameters", "curve"}]}``; a curve is the validation accuracy after each epoch.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

DATA = {"digits": load_digits, "breast-cancer": load_breast_cancer, "wine": load_wine}


def configuration(generator: np.random.Generator) -> dict[str, Any]:
    return {
        "learning_rate": float(10 ** generator.uniform(-5, 0)),
        "alpha": float(10 ** generator.uniform(-6, 1)),
        "units": int(2 ** generator.integers(1, 7)),
        "batch_size": int(2 ** generator.integers(4, 8)),
    }


def curve(parameters: dict[str, Any], data: tuple[Any, ...], epochs: int) -> list[float]:
    train, validation, labels, truth = data
    model = MLPClassifier(
        hidden_layer_sizes=(parameters["units"],),
        learning_rate_init=parameters["learning_rate"],
        alpha=parameters["alpha"],
        batch_size=parameters["batch_size"],
        random_state=0,
    )
    values = []
    for _ in range(epochs):
        model.partial_fit(train, labels, classes=np.unique(labels))
        values.append(float(model.score(validation, truth)))
    return values


def main() -> None:
    warnings.simplefilter("ignore")
    count, epochs = int(sys.argv[1]), int(sys.argv[2])
    tables = {}
    for name, load in DATA.items():
        features, labels = load(return_X_y=True)
        train, validation, y, truth = train_test_split(features, labels, test_size=0.4, random_state=0, stratify=labels)
        scaler = StandardScaler().fit(train)
        data = (scaler.transform(train), scaler.transform(validation), y, truth)
        generator = np.random.default_rng(0)
        drawn = [configuration(generator) for _ in range(count)]
        tables[name] = [{"parameters": parameters, "curve": curve(parameters, data, epochs)} for parameters in drawn]
    print(json.dumps(tables))


if __name__ == "__main__":
    main()
