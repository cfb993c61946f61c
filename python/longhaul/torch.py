"""PyTorch: tensors from columns, and the model as a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from .scorer import Saved

#: The model as `evaluate` scores with it.
TRACED = "model.ts"


def tensor(array: Any) -> Any:
    """A tensor that shares the array's memory where it may; what is no number stays an array."""
    if array.dtype.kind not in "biuf":
        return array
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def save(model: Any, name: str = "model.pt", *, example: Any = None) -> Callable[[Path], None]:
    """For `trial.validation(…, model=longhaul.torch.save(model, example=x))`: the weights as `state_dict`.

    Load them with `model.load_state_dict(torch.load("model.pt"))`. With `example`, a batch of the model's input, the
    traced model (TorchScript) lies beside them, with which `evaluate` scores; a model that cannot be traced needs a
    scorer of its own, or an export to ONNX.
    """

    def fill(folder: Path) -> None:
        torch.save(model.state_dict(), folder / name)
        if example is not None:
            _traced(model, example).save(str(folder / TRACED))

    return Saved(fill, None if example is None else {"kind": "torchscript", "file": TRACED})


def _traced(model: Any, example: Any) -> Any:
    """As it predicts; the model goes on in the mode in which it was."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            return torch.jit.trace(model, example)
    finally:
        model.train(training)
