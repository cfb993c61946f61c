"""`longhaul-check --command "python train.py"`: each finding is a line of stderr, the report one of JSON on stdout.

Where stdout is a terminal, the report is a sentence.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..arguments import Parser
from ..errors import TrialError, UsageError
from ..local import data_of, objective_of, place_of
from .checks import Check
from .launch import CommandLauncher, ImageLauncher, RanksLauncher
from .report import Report
from .scene import Scene


def parser() -> Parser:
    found = Parser(prog="longhaul trial check", description="Takes a trainer through the trial contract.")
    trainer = found.add_mutually_exclusive_group(required=True)
    trainer.add_argument("--command", help='what starts the trainer, for example "python train.py"')
    trainer.add_argument("--image", help="a container image whose entry point is the trainer")
    found.add_argument("--runtime", help="what runs the image; default: docker, podman or nerdctl")
    found.add_argument(
        "--trial", metavar="JSON", default="{}", help='fields of trial.json to change, for example {"parameters": {"learning_rate": 0.1}}'
    )
    found.add_argument("--objective", metavar="METRIC", help="what the trainer reports instead of validation_ndcg_at_10")
    found.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="[NAME=]FOLDER",
        help="parquet parts of your own instead of the sample's; a folder may hold train, validation, … (repeat it)",
    )
    found.add_argument(
        "--kills", type=int, default=4, metavar="N", help="how often one long training is killed at random (0: no long training)"
    )
    found.add_argument("--random-seed", type=int, default=0, metavar="N", help="of the moments of these kills")
    found.add_argument("--silence", type=float, default=600.0, metavar="SECONDS", help="the longest time without a record")
    found.add_argument("--nodes", type=int, default=1, metavar="N", help="train with so many ranks, all of them on this machine")
    found.add_argument("--timeout", type=float, default=300.0, metavar="SECONDS", help="for each run of the trainer")
    found.add_argument("--keep", metavar="DIRECTORY", help="leave logs and outputs here")
    found.add_argument("--fail-fast", action="store_true", help="end at the first thing that is broken")
    return found


def changes_of(text: str, objective: str | None) -> dict[str, Any]:
    try:
        changes = json.loads(text)
    except ValueError as error:
        raise UsageError(f"--trial: expected JSON ({error}), found {text!r}") from None
    if not isinstance(changes, dict):
        raise UsageError(f"--trial: expected an object, found {text!r}")
    if objective is None:
        return changes
    goal = "maximize" if objective_of(objective).maximize else "minimize"
    return {"objective": {"metric": objective, "goal": goal}, **changes}


def own_data(options: Sequence[str]) -> dict[str, str]:
    found = data_of(options)
    for name, uri in found.items():
        place = place_of(uri)
        if place is not None and not place.exists():
            expected = "a folder of parquet parts or one file, for example parts/ or train=parts/train"
            raise UsageError(f"--data {name}: expected {expected}; {place} does not exist")
    return found


def sample_in(directory: Path) -> dict[str, str]:
    missing = [module for module in ("numpy", "pyarrow") if find_spec(module) is None]
    if missing:
        need = f"the checker's own data set needs {' and '.join(missing)}, which is not installed: pip install 'longhaul-sdk[data]'"
        raise UsageError(f"{need}; or give --data FOLDER")
    from .sample import write_sample

    return write_sample(directory)


def summary(report: Report, seconds: float) -> str:
    tried = f"{len(report.checks)} checks in {seconds:.0f} s"
    return f"breaks the trial contract ({tried}): {'; '.join(report.broken)}" if report.broken else f"keeps the trial contract ({tried})"


def launcher_of(options: argparse.Namespace, data: Mapping[str, str]) -> CommandLauncher | ImageLauncher | RanksLauncher:
    if options.nodes < 1 or (options.nodes > 1 and options.image):
        raise UsageError(f"--nodes: expected at least 1, and --command where there are several, found {options.nodes}")
    if options.image:
        return ImageLauncher(options.image, options.runtime, [place for uri in data.values() if (place := place_of(uri)) is not None])
    command = CommandLauncher(shlex.split(options.command))
    return command if options.nodes == 1 else RanksLauncher(command, options.nodes, options.random_seed)


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        options = parser().parse_args(arguments)
        changes, data = changes_of(options.trial, options.objective), own_data(options.data)
        if data:
            changes = {"layout": None, "features": None, **changes}
        launcher = launcher_of(options, data)
    except TrialError as error:
        print(f"longhaul: {error}", file=sys.stderr)
        return error.exit_code
    with tempfile.TemporaryDirectory(prefix="longhaul-check-") as temporary:
        directory = Path(options.keep or temporary).absolute()
        directory.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        try:
            scene = Scene(launcher, directory, data or sample_in(directory / "data"), changes, options.timeout)
        except UsageError as error:
            print(f"longhaul: {error}", file=sys.stderr)
            return error.exit_code
        report = Check(
            scene,
            kills=options.kills,
            silence=options.silence,
            seed=options.random_seed,
            nodes=options.nodes,
            fail_fast=options.fail_fast,
            own_data=bool(data),
        ).run()
    seconds = round(time.monotonic() - began, 1)
    if sys.stdout.isatty():
        print(summary(report, seconds))
    else:
        print(json.dumps({"ok": report.ok, "broken": report.broken, "seconds": seconds, "checks": report.checks}))
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
