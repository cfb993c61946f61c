"""`python -m longhaul.check --command "python train.py"`: the report is one line of JSON on stdout, each finding one of stderr."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..arguments import Parser
from ..errors import TrialError, UsageError
from .checks import Check
from .launch import CommandLauncher, ImageLauncher, RanksLauncher
from .sample import write_sample
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
    found.add_argument(
        "--data", action="append", default=[], metavar="NAME=FOLDER", help="parquet parts of your own instead of the sample's (repeat it)"
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


def changes_of(text: str) -> dict[str, Any]:
    try:
        changes = json.loads(text)
    except ValueError as error:
        raise UsageError(f"--trial: expected JSON ({error}), found {text!r}") from None
    if not isinstance(changes, dict):
        raise UsageError(f"--trial: expected an object, found {text!r}")
    return changes


def data_of(options: Sequence[str]) -> dict[str, str]:
    found = {}
    for option in options:
        name, equals, path = option.partition("=")
        if not equals or not name or not Path(path).is_dir():
            raise UsageError(f"--data: expected NAME=FOLDER of parquet parts, for example train=parts/train, found {option!r}")
        found[name] = Path(path).absolute().as_uri()
    return found


def launcher_of(options: argparse.Namespace) -> CommandLauncher | ImageLauncher | RanksLauncher:
    if options.nodes < 1 or (options.nodes > 1 and options.image):
        raise UsageError(f"--nodes: expected at least 1, and --command where there are several, found {options.nodes}")
    if options.image:
        return ImageLauncher(options.image, options.runtime)
    command = CommandLauncher(shlex.split(options.command))
    return command if options.nodes == 1 else RanksLauncher(command, options.nodes, options.random_seed)


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        options = parser().parse_args(arguments)
        changes, data = changes_of(options.trial), data_of(options.data)
        if data:
            changes = {"layout": None, "features": None, **changes}
        launcher = launcher_of(options)
    except TrialError as error:
        print(f"longhaul: {error}", file=sys.stderr)
        return error.exit_code
    with tempfile.TemporaryDirectory(prefix="longhaul-check-") as temporary:
        directory = Path(options.keep or temporary).absolute()
        directory.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        scene = Scene(launcher, directory, data or write_sample(directory / "data"), changes, options.timeout)
        report = Check(
            scene, kills=options.kills, silence=options.silence, seed=options.random_seed, nodes=options.nodes, fail_fast=options.fail_fast
        ).run()
    print(json.dumps({"ok": report.ok, "broken": report.broken, "seconds": round(time.monotonic() - began, 1), "checks": report.checks}))
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
