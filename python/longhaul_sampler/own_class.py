"""``module:Class`` of a sampler, found and made."""

from __future__ import annotations

import importlib
import inspect
import traceback
from collections.abc import Callable
from typing import Any

from optuna.samplers import BaseSampler

from .errors import InvalidRequest
from .request import OwnSampler

SEED = "seed"


def build_own(own: OwnSampler, seed: int) -> BaseSampler:
    """Of a class, or a function that returns a sampler; it gets `seed` where it takes one and `options` give none.

    Raises:
        InvalidRequest: there is no such thing, it does not take the options, or what it makes is no sampler.
    """
    make = _found(own.name)
    options = dict(own.options)
    if SEED not in options and _takes_seed(make):
        options[SEED] = seed
    try:
        made = make(**options)
    except Exception as error:
        raise InvalidRequest(f"sampler.options: {own.name} cannot be made with {_shown(options)}: {_place(error)}") from error
    if not isinstance(made, BaseSampler):
        raise InvalidRequest(f"sampler.class: expected a sampler of Optuna (optuna.samplers.BaseSampler), found {type(made).__name__}")
    return made


def _found(name: str) -> Callable[..., Any]:
    module, _, attribute = name.partition(":")
    try:
        inside: Any = importlib.import_module(module)
    except Exception as error:
        raise InvalidRequest(f"sampler.class: {module} cannot be imported: {_place(error)}") from error
    for part in attribute.split("."):
        if not hasattr(inside, part):
            named = [each for each, value in vars(inside).items() if inspect.isclass(value) and issubclass(value, BaseSampler)]
            known = f"; its samplers are {', '.join(sorted(named))}" if named else ""
            raise InvalidRequest(f"sampler.class: there is no {attribute} in {module}{known}")
        inside = getattr(inside, part)
    if not callable(inside):
        raise InvalidRequest(f"sampler.class: expected a class or a function that makes a sampler, found {name}, a {type(inside).__name__}")
    made: Callable[..., Any] = inside
    return made


def _takes_seed(make: Callable[..., Any]) -> bool:
    try:
        return SEED in inspect.signature(make).parameters
    except (TypeError, ValueError):
        return False


def _place(error: Exception) -> str:
    """The error, and the line that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    at = f" ({frames[-1].filename.rsplit('/', 1)[-1]}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{at}"


def _shown(options: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in options.items()) or "no options"
