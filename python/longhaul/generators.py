"""The global random generators of Python and of the frameworks that the script has imported; none is imported here."""

from __future__ import annotations

import random
import sys
from typing import Any, Protocol

States = dict[str, Any]


class Generator(Protocol):
    """One source of random numbers, if it is in use."""

    def seed(self, seed: int) -> None: ...

    def take(self) -> Any: ...

    def put(self, state: Any) -> None: ...


class Python:
    def seed(self, seed: int) -> None:
        random.seed(seed)

    def take(self) -> Any:
        return random.getstate()

    def put(self, state: Any) -> None:
        random.setstate(state)


class Numpy:
    def __init__(self, numpy: Any) -> None:
        self._random = numpy.random

    def seed(self, seed: int) -> None:
        self._random.seed(seed % 2**32)

    def take(self) -> Any:
        return self._random.get_state()

    def put(self, state: Any) -> None:
        self._random.set_state(state)


class Torch:
    """The processor's generator, and one for each GPU once CUDA is in use."""

    def __init__(self, torch: Any) -> None:
        self._torch = torch

    def seed(self, seed: int) -> None:
        self._torch.manual_seed(seed)

    def take(self) -> Any:
        cuda = self._torch.cuda
        gpus = cuda.get_rng_state_all() if cuda.is_available() and cuda.is_initialized() else None
        return self._torch.get_rng_state(), gpus

    def put(self, state: Any) -> None:
        processor, gpus = state
        self._torch.set_rng_state(processor)
        if gpus is not None:
            self._torch.cuda.set_rng_state_all(gpus)


class TensorFlow:
    """The counter from which operations without a seed draw theirs, and the global generator where there is one."""

    def __init__(self, tensorflow: Any) -> None:
        self._tensorflow = tensorflow

    def seed(self, seed: int) -> None:
        self._tensorflow.random.set_seed(seed)

    def take(self) -> Any:
        rng, generator = self._rng(), self._global()
        return (None if rng is None else rng.getstate()), (None if generator is None else generator.state.numpy())

    def put(self, state: Any) -> None:
        operations, generator = state
        rng = self._rng()
        if operations is not None and rng is not None:
            rng.setstate(operations)
        if generator is not None:
            self._tensorflow.random.get_global_generator().state.assign(generator)

    def _rng(self) -> Any:
        context = sys.modules.get("tensorflow.python.eager.context")
        return None if context is None else getattr(context.context(), "_rng", None)

    def _global(self) -> Any:
        module = sys.modules.get("tensorflow.python.ops.stateful_random_ops")
        return getattr(module, "global_generator", None)


class Keras:
    """What layers and initialisers without a seed of their own draw from, on any backend."""

    KEY = "global_seed_generator"

    def seed(self, seed: int) -> None:
        """`keras.utils.set_random_seed` seeds the others; this one is made from Python's when it is first used."""

    def take(self) -> Any:
        found = self._found()
        return None if found is None else self._ops().convert_to_numpy(found.state.value)

    def put(self, state: Any) -> None:
        if state is not None:
            from keras.src.random.seed_generator import global_seed_generator

            global_seed_generator().state.assign(state)

    def _found(self) -> Any:
        module = sys.modules.get("keras.src.backend.common.global_state")
        return None if module is None else module.get_global_attribute(self.KEY)

    @staticmethod
    def _ops() -> Any:
        return sys.modules["keras"].ops


def generators() -> dict[str, Generator]:
    """Those of what is imported by now; a module that is half imported does not count."""
    found: dict[str, Generator] = {"python": Python()}
    for name, kind, needed in (("numpy", Numpy, "random"), ("torch", Torch, "manual_seed"), ("tensorflow", TensorFlow, "random")):
        module = sys.modules.get(name)
        if module is not None and hasattr(module, needed):
            found[name] = kind(module)
    if hasattr(sys.modules.get("keras"), "ops"):
        found["keras"] = Keras()
    return found


class Generators:
    """All of them together. Each is seeded once: when it is first seen."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._seeded: set[str] = set()

    def seed_new(self) -> None:
        for name, generator in generators().items():
            if name not in self._seeded:
                self._seeded.add(name)
                generator.seed(self._seed)

    def take(self) -> States:
        return {name: generator.take() for name, generator in generators().items()}

    def put(self, states: States) -> None:
        found = generators()
        for name, state in states.items():
            if name in found:
                self._seeded.add(name)
                found[name].put(state)
