"""JAX: trees of arrays that change by being replaced, held where they can be kept."""

from __future__ import annotations

import os
from typing import Any

import numpy

import jax

from .errors import ConfigError
from .gang.ranks import ranks_of, set_missing


def initialize() -> None:
    """`jax.distributed.initialize` for the ranks of this trial; without several of them nothing happens.

    JAX reads the address from the environment, but not how many processes there are and which one this is.
    """
    ranks = ranks_of(os.environ)
    if ranks.world > 1:
        set_missing(ranks, os.environ)
        jax.distributed.initialize(num_processes=ranks.world, process_id=ranks.rank)


class State:
    """`state = trial.keep(state=longhaul.jax.State(params=params, optimizer=tx.init(params), key=key))`.

    Replace what is in it, as JAX does: `state.params = optax.apply_updates(state.params, updates)`. Any pytree is kept,
    those of optax and Flax among them, and random keys.
    """

    def __init__(self, **trees: Any) -> None:
        self.__dict__.update(trees)

    def __setattr__(self, name: str, tree: Any) -> None:
        if name not in self.__dict__:
            raise AttributeError(f"longhaul.jax.State has {', '.join(self.__dict__)}, not {name}; give it when the state is made")
        self.__dict__[name] = tree

    def state_dict(self) -> dict[str, list[Any]]:
        """The leaves as arrays of numpy, in the order of the tree."""
        return {name: [_to_numpy(leaf) for leaf in jax.tree_util.tree_leaves(tree)] for name, tree in self.__dict__.items()}

    def load_state_dict(self, state: dict[str, list[Any]]) -> None:
        for name, values in state.items():
            leaves, shape = jax.tree_util.tree_flatten(self.__dict__[name])
            if len(leaves) != len(values):
                raise ConfigError(f"{name}: the tree has {len(leaves)} leaves, the checkpoint {len(values)}")
            self.__dict__[name] = jax.tree_util.tree_unflatten(shape, [_like(leaf, value) for leaf, value in zip(leaves, values)])


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _to_numpy(leaf: Any) -> Any:
    if _is_key(leaf):
        return numpy.array(jax.random.key_data(leaf))
    return numpy.array(leaf) if isinstance(leaf, jax.Array) else leaf


def _like(leaf: Any, value: Any) -> Any:
    if _is_key(leaf):
        return jax.random.wrap_key_data(jax.numpy.asarray(value), impl=jax.random.key_impl(leaf))
    return jax.device_put(value, leaf.sharding) if isinstance(leaf, jax.Array) else value
