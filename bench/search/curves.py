"""Learning curves of small models on data sets that scikit-learn ships or makes: tables of configurations that searches are played on.

Prints ``{data set: [{"parameters", "curve"}]}``; a curve is the validation score after each epoch. Rules and their defaults were chosen
on the tables of ``chosen``, and are judged by those of ``held-out``, which are of other data.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine, make_classification, make_friedman1, make_friedman2
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

DATA = {
    "digits": lambda: load_digits(return_X_y=True),
    "breast-cancer": lambda: load_breast_cancer(return_X_y=True),
    "wine": lambda: load_wine(return_X_y=True),
}


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


def linear_configuration(generator: np.random.Generator) -> dict[str, Any]:
    return {
        "learning_rate": float(10 ** generator.uniform(-5, 0)),
        "alpha": float(10 ** generator.uniform(-6, 0)),
        "l1_ratio": float(generator.uniform(0, 1)),
        "loss": str(generator.choice(["log_loss", "hinge", "modified_huber"])),
    }


def linear_curve(parameters: dict[str, Any], data: tuple[Any, ...], epochs: int) -> list[float]:
    train, validation, labels, truth = data
    model = SGDClassifier(
        loss=parameters["loss"],
        penalty="elasticnet",
        alpha=parameters["alpha"],
        l1_ratio=parameters["l1_ratio"],
        learning_rate="constant",
        eta0=parameters["learning_rate"],
        random_state=0,
    )
    values = []
    for _ in range(epochs):
        model.partial_fit(train, labels, classes=np.unique(labels))
        values.append(float(model.score(validation, truth)))
    return values


def boosted_configuration(generator: np.random.Generator) -> dict[str, Any]:
    return {
        "learning_rate": float(10 ** generator.uniform(-3, 0)),
        "max_depth": int(generator.integers(1, 7)),
        "subsample": float(generator.uniform(0.3, 1)),
        "min_samples_leaf": int(2 ** generator.integers(0, 6)),
    }


def boosted_curve(parameters: dict[str, Any], data: tuple[Any, ...], epochs: int) -> list[float]:
    """An epoch is three trees; the score is R², cut at 0 as a model that is worse than the mean is no model."""
    train, validation, target, truth = data
    model = GradientBoostingRegressor(n_estimators=3 * epochs, random_state=0, **parameters).fit(train, target)
    scores = [max(0.0, float(r2_score(truth, predicted))) for predicted in model.staged_predict(validation)]
    return scores[2::3]


def classes(seed: int) -> tuple[Any, Any]:
    return make_classification(n_samples=1500, n_features=30, n_informative=12, n_classes=5, flip_y=0.05, random_state=seed)


def net_regression_curve(parameters: dict[str, Any], data: tuple[Any, ...], epochs: int) -> list[float]:
    train, validation, target, truth = data
    scale = float(np.std(target))
    model = MLPRegressor(
        hidden_layer_sizes=(parameters["units"],),
        learning_rate_init=parameters["learning_rate"],
        alpha=parameters["alpha"],
        batch_size=parameters["batch_size"],
        random_state=0,
    )
    values = []
    for _ in range(epochs):
        model.partial_fit(train, target / scale)
        predicted = np.nan_to_num(model.predict(validation), nan=0.0, posinf=1e6, neginf=-1e6)
        values.append(max(0.0, float(r2_score(truth / scale, predicted))))
    return values


CHOSEN = {
    **{name: (load, configuration, curve, True) for name, load in DATA.items()},
    "classes": (lambda: classes(11), configuration, curve, True),
    "digits-linear": (lambda: load_digits(return_X_y=True), linear_configuration, linear_curve, True),
    "friedman-boosted": (lambda: make_friedman1(n_samples=1200, noise=1.0, random_state=5), boosted_configuration, boosted_curve, False),
}
HELD_OUT = {
    "friedman-net": (lambda: make_friedman2(n_samples=1500, noise=50.0, random_state=9), configuration, net_regression_curve, False),
    "diabetes-boosted": (lambda: load_diabetes(return_X_y=True), boosted_configuration, boosted_curve, False),
    "classes-linear": (lambda: classes(23), linear_configuration, linear_curve, True),
    "classes-net": (lambda: classes(37), configuration, curve, True),
}


def table(loaded: tuple[Any, Any], draw: Any, learn: Any, stratified: bool, count: int, epochs: int) -> list[dict[str, Any]]:
    features, labels = loaded
    train, validation, y, truth = train_test_split(features, labels, test_size=0.4, random_state=0, stratify=labels if stratified else None)
    scaler = StandardScaler().fit(train)
    data = (scaler.transform(train), scaler.transform(validation), y, truth)
    generator = np.random.default_rng(0)
    drawn = [draw(generator) for _ in range(count)]
    return [{"parameters": parameters, "curve": learn(parameters, data, epochs)} for parameters in drawn]


def main() -> None:
    warnings.simplefilter("ignore")
    count, epochs = int(sys.argv[1]), int(sys.argv[2])
    held_out = len(sys.argv) > 3 and sys.argv[3] == "held-out"
    tables = {
        name: table(load(), draw, learn, stratified, count, epochs)
        for name, (load, draw, learn, stratified) in (HELD_OUT if held_out else CHOSEN).items()
    }
    print(json.dumps(tables))


if __name__ == "__main__":
    main()
