"""The reference network: one score from one candidate's features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from ..features import Feature
from .parameters import NetworkParameters


def build_network(features: Sequence[Feature], parameters: NetworkParameters, seed: int) -> keras.Model:
    """Inputs `numeric` [rows, features] and `categorical` [rows, features] (buckets); output [rows, 1].

    Statistics come from the feature table; a feature without them enters as it is.
    """
    numeric = [feature for feature in features if feature.numeric]
    categorical = [feature for feature in features if not feature.numeric]
    inputs = {
        "numeric": keras.Input((len(numeric),), dtype="float32", name="numeric"),
        "categorical": keras.Input((len(categorical),), dtype="int32", name="categorical"),
    }
    branches = []
    if numeric:
        branches.append(normalisation(numeric)(inputs["numeric"]))
    for index, feature in enumerate(categorical):
        table = keras.layers.Embedding(
            feature.buckets,
            parameters.embedding_size,
            embeddings_initializer=keras.initializers.RandomNormal(stddev=0.05, seed=seed + 1000 + index),
            name=f"embedding_{feature.name}",
        )
        branches.append(table(inputs["categorical"][:, index]))
    x = keras.layers.Concatenate()(branches) if len(branches) > 1 else branches[0]
    for index, units in enumerate(parameters.hidden_units):
        x = _dense(units, parameters, seed + index, activation=parameters.activation)(x)
        if parameters.dropout:
            x = keras.layers.Dropout(parameters.dropout, seed=seed + 500 + index)(x)
    score = _dense(1, parameters, seed + len(parameters.hidden_units), activation=None)(x)
    return keras.Model(inputs, score, name="ranking")


def normalisation(numeric: Sequence[Feature]) -> keras.layers.Layer:
    """(x − mean) / stddev with the constants of the feature table."""
    deviations = [feature.stddev if feature.stddev and feature.mean is not None else 1.0 for feature in numeric]
    means = [feature.mean if feature.mean is not None and feature.stddev else 0.0 for feature in numeric]
    return keras.layers.Rescaling(
        scale=[1.0 / deviation for deviation in deviations],
        offset=[-mean / deviation for mean, deviation in zip(means, deviations, strict=True)],
        name="normalise",
    )


def _dense(units: int, parameters: NetworkParameters, seed: int, *, activation: str | None) -> Any:
    return keras.layers.Dense(
        units,
        activation=activation,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
        kernel_regularizer=keras.regularizers.L2(parameters.l2) if parameters.l2 else None,
    )
