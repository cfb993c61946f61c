"""The hyper-parameters of a trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import UsageError


class Parameters(dict[str, Any]):
    """A dict, whose missing names are told with what to do about them."""

    def __init__(self, values: Mapping[str, Any], *, local: bool) -> None:
        super().__init__(values)
        self._local = local

    def __missing__(self, name: str) -> Any:
        known = ", ".join(sorted(self)) or "none"
        how = f"--set {name}=VALUE" if self._local else f"`{name}` in the search's space"
        raise UsageError(f"parameter {name}: expected a value, found {known}; give {how}, or longhaul.trial(defaults={{'{name}': …}})")
