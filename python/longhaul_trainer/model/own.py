"""One's own model: `--model my_package:build` (docs/trial-contract.md).

    def build(context: ModelContext) -> keras.Model | OwnModel

The function gets the features and the hyper-parameters, and returns a Keras model that maps `numeric` [rows, features]
and `categorical` [rows, features] (buckets) to one score per row. It must be built from the seed alone: give every
initialiser and dropout layer a seed.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras

from longhaul.errors import UsageError

from ..features import Feature
from .losses import Loss
from .network import build_network, normalisation
from .parameters import Taken, network_parameters


@dataclass(frozen=True)
class ModelContext:
    """What a model is built from. Parameters that nobody takes are refused, so that no misspelling goes unseen."""

    features: Sequence[Feature]
    parameters: Taken
    seed: int

    def normalisation(self) -> keras.layers.Layer:
        """A layer for the `numeric` input with the statistics of the feature table."""
        return normalisation([feature for feature in self.features if feature.numeric])


@dataclass(frozen=True)
class OwnModel:
    """A model with a loss of its own: (scores, labels, mask), each [session, slot] → one value per session."""

    model: keras.Model
    loss: Loss | None = None


Build = Callable[[ModelContext], "keras.Model | OwnModel"]


def find_build(reference: str | None) -> Build:
    """The function that `package:function` names; without a name, the reference network."""
    if reference is None:
        return _reference
    module_name, _, function = reference.partition(":")
    if not module_name or not function:
        raise UsageError(f"model: expected package:function, found {reference!r}")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise UsageError(
            f"model {reference}: cannot import {module_name} ({error}); it must be on PYTHONPATH or in the working directory"
        ) from None
    build = getattr(module, function, None)
    if not callable(build):
        raise UsageError(f"model {reference}: {module_name} has no function {function}")
    return build


def source_of(build: Build) -> str:
    """The text of the file that defines the model: part of what a checkpoint was made with."""
    module = inspect.getmodule(build)
    return inspect.getsource(module) if module is not None else ""


def build_own(build: Build, context: ModelContext, reference: str | None) -> OwnModel:
    built = build(context)
    own = OwnModel(built) if isinstance(built, keras.Model) else built
    if not isinstance(own, OwnModel) or not isinstance(own.model, keras.Model):
        raise UsageError(f"model {reference}: build must return a keras.Model or an OwnModel, found {type(built).__name__}")
    return own


def _reference(context: ModelContext) -> Any:
    return build_network(context.features, network_parameters(context.parameters), context.seed)
