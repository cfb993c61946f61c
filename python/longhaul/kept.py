"""Taking the state of things and putting it back: whatever has a known way to do so, found by its methods."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from .errors import UsageError

#: What keeps its state under one of these pairs of methods (random generators do).
GETTERS = (("get_state", "set_state"), ("getstate", "setstate"))


def take(thing: Any) -> Any:
    """What is to be pickled. It may share memory with the thing: the caller copies it at once."""
    if _is_module(thing):
        return {"state": thing.state_dict(), "modes": _modes(thing)}
    if hasattr(thing, "state_dict") and hasattr(thing, "load_state_dict"):
        return thing.state_dict()
    if _is_array(thing) or isinstance(thing, (dict, list, set, bytearray)):
        return thing
    if hasattr(thing, "bit_generator"):
        return thing.bit_generator.state
    if _has_variables(thing):
        return [_array_of(variable) for variable in _variables(thing)]
    if hasattr(thing, "assign") and hasattr(thing, "numpy"):
        return _array_of(thing)
    for getter, setter in GETTERS:
        if hasattr(thing, getter) and hasattr(thing, setter):
            return getattr(thing, getter)()
    return _state_of_object(thing)


def put(thing: Any, state: Any, *, forked: bool = False) -> None:
    """Gives the thing that state. `forked`: what its parameters were before holds, not those of the other training."""
    with _parameters_of(thing) if forked else contextlib.nullcontext():
        _put(thing, state)


def check_name(name: str, thing: Any) -> None:
    """
    Raises:
        UsageError: nothing that changes can be kept of it.
    """
    if thing is None or isinstance(thing, (bool, int, float, complex, str, bytes, tuple, frozenset, range)) or _changes_nothing(thing):
        kind = type(thing).__name__
        raise UsageError(
            f"trial.keep({name}=…): expected something that can be changed in place, found {kind}; keep it in a dict or a list"
        )
    if _has_variables(thing) and not list(_variables(thing)):
        raise UsageError(f"trial.keep({name}=…): it has no variables yet; build it first (give it an Input, or call build)")


def _changes_nothing(thing: Any) -> bool:
    """Functions and classes; iterators change, but cannot be put back."""
    return hasattr(thing, "__next__") or type(thing).__name__ in ("function", "builtin_function_or_method", "method", "type", "module")


def _put(thing: Any, state: Any) -> None:
    if _is_module(thing):
        thing.load_state_dict(state["state"])
        _set_modes(thing, state["modes"])
    elif hasattr(thing, "state_dict") and hasattr(thing, "load_state_dict"):
        thing.load_state_dict(state)
    elif _is_array(thing):
        thing[...] = state
    elif isinstance(thing, (list, bytearray)):
        thing[:] = state
    elif isinstance(thing, (dict, set)):
        thing.clear()
        thing.update(state)
    elif hasattr(thing, "bit_generator"):
        thing.bit_generator.state = state
    elif _has_variables(thing):
        _assign_all(thing, state)
    elif hasattr(thing, "assign") and hasattr(thing, "numpy"):
        thing.assign(state)
    else:
        for getter, setter in GETTERS:
            if hasattr(thing, getter) and hasattr(thing, setter):
                getattr(thing, setter)(state)
                return
        _set_state_of_object(thing, state)


def _is_module(thing: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and hasattr(torch, "nn") and isinstance(thing, torch.nn.Module)


def _modes(module: Any) -> dict[str, list[bool]]:
    """`state_dict` leaves out what is frozen, and what trains and what only evaluates."""
    return {"training": [part.training for part in module.modules()], "learns": [value.requires_grad for value in module.parameters()]}


def _set_modes(module: Any, modes: dict[str, list[bool]]) -> None:
    for part, training in zip(module.modules(), modes["training"]):
        part.training = training
    for value, learns in zip(module.parameters(), modes["learns"]):
        value.requires_grad_(learns)


def _is_array(thing: Any) -> bool:
    """Of numpy or PyTorch: what is changed by writing into it."""
    for name, kind in (("numpy", "ndarray"), ("torch", "Tensor")):
        module = sys.modules.get(name)
        if module is not None and isinstance(thing, getattr(module, kind, ())):
            return True
    return False


def _has_variables(thing: Any) -> bool:
    return hasattr(type(thing), "variables") and not hasattr(thing, "state_dict")


def _variables(thing: Any) -> list[Any]:
    """Of a model of Keras its optimizer's too, once each; the optimizer makes its own when it is built."""
    optimizer = getattr(thing, "optimizer", None)
    if optimizer is not None and not getattr(optimizer, "built", True):
        optimizer.build(thing.trainable_variables)
    own = list(thing.variables)
    found = {id(variable) for variable in own}
    return [*own, *(variable for variable in getattr(optimizer, "variables", ()) if id(variable) not in found)]


def _array_of(variable: Any) -> Any:
    import numpy

    value = getattr(variable, "value", variable)
    if callable(value):
        value = value()
    return numpy.array(variable.numpy() if hasattr(variable, "numpy") else value)


def _assign_all(thing: Any, state: list[Any]) -> None:
    variables = _variables(thing)
    if len(variables) != len(state):
        raise UsageError(f"{type(thing).__name__} has {len(variables)} variables, the checkpoint {len(state)}: build it as it was")
    for variable, value in zip(variables, state):
        variable.assign(value)


def _state_of_object(thing: Any) -> Any:
    own = getattr(type(thing), "__getstate__", None)
    if own is not None and own is not getattr(object, "__getstate__", None):
        return thing.__getstate__()
    if not hasattr(thing, "__dict__"):
        raise UsageError(f"{type(thing).__name__} has no state_dict, no variables and no attributes: keep its state in a dict")
    return thing.__dict__


def _set_state_of_object(thing: Any, state: Any) -> None:
    if hasattr(thing, "__setstate__"):
        thing.__setstate__(state)
        return
    thing.__dict__.clear()
    thing.__dict__.update(state)


@contextlib.contextmanager
def _parameters_of(thing: Any) -> Any:
    """Learning rates and the like of an optimizer or an estimator outlast what happens inside."""
    groups = getattr(thing, "param_groups", None)
    before = [{name: value for name, value in group.items() if name != "params"} for group in groups or ()]
    optimizer = getattr(thing, "optimizer", None) or thing
    rate = _array_of(optimizer.learning_rate) if hasattr(getattr(optimizer, "learning_rate", None), "assign") else None
    parameters = thing.get_params(deep=False) if hasattr(thing, "get_params") and hasattr(thing, "set_params") else None
    yield
    for group, values in zip(getattr(thing, "param_groups", ()), before):
        group.update(values)
    if rate is not None:
        optimizer.learning_rate.assign(rate)
    if parameters:
        thing.set_params(**parameters)
