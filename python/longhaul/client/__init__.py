"""Runs from a notebook: started by the command line, followed and controlled at Temporal, read as pandas frames.

    import longhaul

    run = longhaul.run("pipeline.yaml", profile="gcp", set={"params.epochs": 3})
    run.trials().sort_values("objective")

Needs `pip install 'longhaul-sdk[client]'` and the command `longhaul`. docs/python.md has it whole.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .errors import (
    CannotConnectError,
    CommandError,
    InvalidInputError,
    LonghaulError,
    MissingPackageError,
    RefusedError,
    RunFailedError,
    UnknownRunError,
)

if TYPE_CHECKING:
    from pandas import DataFrame

    from .handles import Run, Search

__all__ = [
    "CannotConnectError",
    "CommandError",
    "InvalidInputError",
    "LonghaulError",
    "MissingPackageError",
    "RefusedError",
    "Run",
    "RunFailedError",
    "Search",
    "UnknownRunError",
    "attach",
    "run",
    "runs",
]


def run(
    file: str | os.PathLike[str],
    *,
    profile: str | None = None,
    set: Mapping[str, Any] | None = None,
    run_id: str | None = None,
    priority: int | None = None,
    follow: bool = True,
) -> Run:
    """Compiles a pipeline and starts it, as `longhaul run --detach` does.

    Args:
        set: values of the file to change: `{"params.epochs": 3, "steps.search.n_trials": 8}`
        follow: show how it gets on until it ends; Ctrl-C (a notebook's stop button) leaves the run going
    Returns:
        the run, however it ended: `run.status` says how, and `run.result()` throws where it failed
    Raises:
        InvalidInputError: the file, an option or the name makes no sense; nothing was started.
        CannotConnectError: there is no server; `longhaul dev` starts one.
    """
    from . import command
    from .handles import Run

    words = ["run", os.fspath(file), "--detach"]
    if profile is not None:
        words += ["--profile", profile]
    for path, value in (set or {}).items():
        words += ["--set", f"{path}={value if isinstance(value, str) else json.dumps(value)}"]
    if run_id is not None:
        words += ["--run-id", run_id]
    if priority is not None:
        words += ["--priority", str(priority)]
    started = Run(command.ask(*words)["run"])
    if follow:
        try:
            started.follow()
        except KeyboardInterrupt:
            print(f"{started.id} goes on; longhaul.attach({started.id!r}).follow() comes back to it", file=sys.stderr)
    return started


def attach(run: str) -> Run:
    """A run by its id, whoever started it.

    Raises:
        UnknownRunError: there is none of that id.
    """
    from .handles import Run

    found = Run(run)
    found.state()
    return found


def runs(*, pipeline: str | None = None, status: str | None = None, limit: int = 50) -> DataFrame:
    """A row a run, the newest first: `run`, `pipeline`, `status`, `bestObjective`, `startedAt`, `endedAt`."""
    from . import command
    from .frames import frame

    words = ["list", "--limit", str(limit)]
    for option, value in (("--pipeline", pipeline), ("--status", status)):
        if value is not None:
            words += [option, value]
    return frame(command.ask(*words), ("run", "pipeline", "status", "bestObjective", "startedAt", "endedAt"))


def __getattr__(name: str) -> Any:
    if name in ("Run", "Search"):  # need temporalio
        from . import handles as module

        return getattr(module, name)
    raise AttributeError(f"module 'longhaul.client' has no attribute {name!r}")
