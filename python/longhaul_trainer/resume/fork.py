"""Going on from another trial's checkpoint with other hyper-parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from longhaul.errors import ConfigError, NoInputError
from longhaul.identity import check_identity
from longhaul.resume.checkpoints import read_committed
from longhaul.store import Store

from ..identity import upgraded
from ..state import State
from ..trial import Fork
from .snapshot import Arrays, Snapshot, from_files

#: What a fork must share with its parent: the samples that were trained on, and how they enter the model.
SHARED = ("seed", "layout", "features", "sampleCandidates", "model")


def load_fork(store: Store, fork: Fork, identity: Mapping[str, Any], warn: Callable[[str], None]) -> Snapshot:
    """
    Raises:
        NoInputError: the parent has no such checkpoint.
        ConfigError: its data, features or seed are others.
    """
    files = read_committed(store, fork.output, fork.checkpoint, warn)
    if files is None:
        what = "a committed checkpoint" if fork.checkpoint is None else f"checkpoint {fork.checkpoint}"
        raise NoInputError(f"fork: {fork.output}/checkpoints: expected {what} of trial {fork.trial}, found none that is whole and kept")
    snapshot = from_files(files)
    found = upgraded(snapshot.identity, identity, warn)
    check_identity(_shared(found), _shared(identity), fork.output)
    return replace(snapshot, identity=found)


def state_of_fork(snapshot: Snapshot, epochs: int) -> State:
    """The parent's position, without its records: what was best there was best with other hyper-parameters."""
    parent = State.from_json(snapshot.state)
    return replace(
        parent,
        loss_sum=0.0,
        loss_steps=0,
        validations=0,
        last={},
        best=None,
        best_export=None,
        since_best=0,
        stopped_early=False,
        validation_due=parent.epoch >= epochs,
    )


def check_shapes(found: Arrays, wanted: Mapping[str, Any], fork: Fork) -> None:
    """
    Raises:
        ConfigError: the hyper-parameters make a model or an optimizer that the checkpoint does not fit.
    """
    for name, variable in wanted.items():
        array = found.get(name)
        if array is None or tuple(array.shape) != tuple(variable.shape):
            shape = "nothing" if array is None else f"shape {list(array.shape)}"
            raise ConfigError(
                f"fork: variable {name}: expected shape {list(variable.shape)}, found {shape} in trial {fork.trial}; a fork may change "
                "learning rate, dropout, L2, loss, batch size and the like, not the layers or the optimizer"
            )


def _shared(identity: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in identity.items() if name in SHARED or name.startswith("data.")}
