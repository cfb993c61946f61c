"""What can be kept is given back its state, and equal states have equal digests."""

from __future__ import annotations

import collections
import importlib.util
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import SGDClassifier

from longhaul.digest import digest
from longhaul.errors import UsageError
from longhaul.generators import Generators
from longhaul.kept import check_name, put, take
from longhaul.snapshot import Pickled, Snapshot, from_files

X = np.random.default_rng(1).normal(size=(40, 3))
Y = X[:, 0] > 0


class Slotless:
    def __init__(self) -> None:
        self.values = [1.0, 2.0]
        self.more: dict[str, Any] = {"a": np.arange(3)}


class Dicted:
    def __init__(self) -> None:
        self.weights = np.zeros(3)

    def state_dict(self) -> dict[str, Any]:
        return {"weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.weights = state["weights"]


def changed_object() -> Slotless:
    thing = Slotless()
    thing.values.append(3.0)
    thing.more["b"] = np.ones((2, 2))
    return thing


def changed_dicted() -> Dicted:
    thing = Dicted()
    thing.weights += 5
    return thing


def drawn(generator: Any) -> Any:
    generator.random()
    return generator


#: A thing with a history, and one as a script makes it.
THINGS = {
    "object": (changed_object, Slotless),
    "state_dict": (changed_dicted, Dicted),
    "dict": (lambda: {"a": [1, 2]}, dict),
    "list": (lambda: [1, {"b": 2}], list),
    "set": (lambda: {1, 2}, set),
    "deque in a dict": (lambda: {"q": collections.deque([1, 2], 5)}, dict),
    "array": (lambda: np.arange(6.0).reshape(2, 3), lambda: np.zeros((2, 3))),
    "numpy generator": (lambda: drawn(np.random.default_rng(1)), lambda: np.random.default_rng(1)),
    "numpy RandomState": (lambda: drawn(np.random.RandomState(1)), lambda: np.random.RandomState(2)),
    "python generator": (lambda: drawn(random.Random(1)), lambda: random.Random(2)),
    "linear model": (lambda: SGDClassifier(random_state=1).fit(X, Y), lambda: SGDClassifier(random_state=1)),
    "forest": (lambda: RandomForestClassifier(3, random_state=1).fit(X, Y), lambda: RandomForestClassifier(3, random_state=1)),
}


@pytest.mark.parametrize("name", THINGS)
def test_it_is_given_back_its_state(name: str) -> None:
    old, new = (make() for make in THINGS[name])
    state = Pickled.of(take(old))
    put(new, state.load())
    assert digest(take(new)) == digest(take(old))
    put(new, state.load())
    assert Pickled.of(take(new)).load() is not take(new)


@pytest.mark.parametrize("name", ["object", "array", "dict", "linear model"])
def test_a_copy_does_not_change_with_the_thing(name: str) -> None:
    thing = THINGS[name][0]()
    copy = Pickled.of({"thing": take(thing)})
    before = digest(copy.load())
    if isinstance(thing, np.ndarray):
        thing += 1
    elif isinstance(thing, dict):
        thing["a"].append(3)
    elif isinstance(thing, SGDClassifier):
        thing.partial_fit(X, Y)
    else:
        thing.more["a"] += 1
    assert digest(copy.load()) == before
    assert digest({"thing": take(thing)}) != before


def test_what_is_loaded_can_be_written_to() -> None:
    found = Pickled.of({"a": np.arange(3.0)}).load()["a"]
    found += 1
    assert found.tolist() == [1, 2, 3]


def test_files_hold_the_whole_snapshot() -> None:
    document = {"position": {"step": 3, "samples": 30}, "records": []}
    kept = Pickled.of({"big": np.arange(1000.0), "empty": np.zeros((0, 4)), "fortran": np.asfortranarray(X), "strided": X[::2]})
    files = {name: b"".join(chunks) for name, chunks in Snapshot(document, kept).files().items()}
    found = from_files(files)
    assert found.step == 3 and found.samples == 30
    assert digest(found.kept.load()) == digest(kept.load())


@pytest.mark.parametrize("thing", [1, 2.5, "text", None, (1, 2), len, iter([1])])
def test_what_cannot_change_in_place_is_refused(thing: Any) -> None:
    with pytest.raises(UsageError, match="in place"):
        check_name("rate", thing)


def test_equal_values_have_equal_digests_whatever_they_share() -> None:
    shared = np.arange(3.0)
    assert digest([shared, shared]) == digest([shared.copy(), shared.copy()])
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({1, 2, 3}) == digest({3, 2, 1})
    fitted = (RandomForestClassifier(3, random_state=1).fit(X, Y) for _ in range(2))
    assert len({digest(take(model)) for model in fitted}) == 1


@pytest.mark.parametrize(
    "pair", [(1, 1.0), (0.0, -0.0), (np.zeros(2), np.zeros((2, 1))), (np.zeros(2), np.zeros(2, np.float32)), (True, 1), ([1], [[1]])]
)
def test_what_differs_has_another_digest(pair: tuple[Any, Any]) -> None:
    assert digest(pair[0]) != digest(pair[1])


def test_global_generators_go_on_where_they_were() -> None:
    generators = Generators(5)
    generators.seed_new()
    random.random(), np.random.random()
    states = Pickled.of(generators.take()).load()
    expected = random.random(), np.random.random()
    random.seed(0), np.random.seed(0)
    generators.put(states)
    assert (random.random(), np.random.random()) == expected
    generators.seed_new()  # once each
    assert random.random() != random.Random(5).random()


def test_a_fork_keeps_the_parameters_of_its_own() -> None:
    old, new = SGDClassifier(alpha=0.1, random_state=1).fit(X, Y), SGDClassifier(alpha=0.5, random_state=1)
    put(new, Pickled.of(take(old)).load(), forked=True)
    assert new.alpha == 0.5 and (new.coef_ == old.coef_).all()


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
def test_modules_of_pytorch_keep_modes_and_frozen_layers(tmp_path: Path) -> None:
    import torch

    def make() -> Any:
        return torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2), torch.nn.Dropout(0.5))

    old, new = make(), make()
    old.eval()
    old[0].weight.requires_grad_(False)
    state = Pickled.of(take(old))
    put(new, state.load())
    assert digest(take(new)) == digest(take(old))
    assert not new[2].training and not new[0].weight.requires_grad
    half = {"b": torch.arange(3, dtype=torch.bfloat16), "none": torch.zeros(0, 3)}
    assert digest(Pickled.of(half).load()) == digest(half)


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_trees_of_jax_keep_leaves_keys_and_what_is_no_array() -> None:
    import jax

    from longhaul.jax import State

    def make(scale: float, seed: int) -> Any:
        params = {"dense": {"w": jax.numpy.arange(4.0) * scale, "b": jax.numpy.zeros(2)}}
        return State(params=params, optimizer=(collections.OrderedDict(mu=jax.numpy.ones(3) * scale), 7), key=jax.random.key(seed))

    old, new = make(2.0, 1), make(0.0, 2)
    old.params = jax.tree_util.tree_map(lambda leaf: leaf + 1, old.params)
    put(new, Pickled.of(take(old)).load())
    assert digest(take(new)) == digest(take(old))
    assert jax.random.uniform(new.key) == jax.random.uniform(old.key)
    assert isinstance(new.params["dense"]["w"], jax.Array)
    with pytest.raises(AttributeError, match="not weights"):
        new.weights = 1
