"""What a checkpoint has of the things that a script keeps: each is given back once, when the script names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .errors import ConfigError, TrialError
from .kept import put


class Found:
    """`shards` are things by name: this rank's own, or those of all ranks where another number of them made the checkpoint.

    `refused` says why these cannot be gone on from by things that do not reshard.
    """

    def __init__(
        self, shards: Sequence[Mapping[str, Any]] = (), *, rank: int = 0, refused: ConfigError | None = None, forked: bool = False
    ) -> None:
        self._shards = shards
        self._rank = rank
        self._refused = refused
        self._forked = forked
        self._left = set(shards[0]) if shards else set()

    def give_back(self, name: str, thing: Any, reshards: bool) -> None:
        if name not in self._left:
            return
        if self._refused is not None and not reshards:
            raise self._refused
        self._left.discard(name)
        states = [shard[name] for shard in self._shards]
        try:
            if self._refused is not None and hasattr(thing, "load_shards"):
                thing.load_shards(states)
            else:  # all ranks have the same, or are as good as one another
                put(thing, states[self._rank % len(states)], forked=self._forked)
        except TrialError:
            raise
        except Exception as error:
            raise ConfigError(f"trial.keep({name}=…): what the checkpoint has does not fit: {error}") from error

    def check_all_given(self) -> None:
        """
        Raises:
            ConfigError: something is left, so the script is another one.
        """
        if self._refused is not None and (self._left or not self._shards[0]):
            raise self._refused
        if self._left:
            names = ", ".join(sorted(self._left))
            raise ConfigError(f"the checkpoint has {names}: expected trial.keep of the same names before the first epoch")
