"""The interpreter that has `wandb`: our own, or an environment that is made for it once on each machine."""

from __future__ import annotations

import importlib.util
import os
import sys

from longhaul.errors import TrialError, UsageError
from longhaul.launch.environment import environment_for

WANDB = "wandb==0.31.0"


class NoPackage(Exception):
    """It is not there and cannot be had."""


def run_where_wandb_is(module: str) -> None:
    """Returns where it is; otherwise the same module begins again where it is.

    Raises:
        NoPackage: it cannot be installed.
    """
    if importlib.util.find_spec("wandb") is not None:
        return
    try:
        python = environment_for(f"{WANDB}\n")
    except (TrialError, UsageError, OSError) as error:
        raise NoPackage(
            f"the tracker wandb needs the Python package {WANDB}, which {sys.executable} of the control worker does not have, "
            f"and it cannot be installed: {error}. "
            f"Put it into the worker's image (pip install {WANDB}), or let the worker reach a package index"
        ) from error
    os.execv(python, [python, "-P", "-m", module, *sys.argv[1:]])
