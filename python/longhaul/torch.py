"""PyTorch: tensors from columns, and the model as a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


def tensor(array: Any) -> Any:
    """A tensor that shares the array's memory where it may; what is no number stays an array."""
    if array.dtype.kind not in "biuf":
        return array
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def save(model: Any, name: str = "model.pt") -> Callable[[Path], None]:
    """For `trial.validation(…, model=longhaul.torch.save(model))`: the weights as `state_dict`.

    Load them with `model.load_state_dict(torch.load("model.pt"))`.
    """
    return lambda folder: torch.save(model.state_dict(), folder / name)
