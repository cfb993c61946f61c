"""A trial that nobody started but the person at the keyboard: `python train.py --set lr=0.1 --data parts/`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .document import Document, Objective
from .errors import NoInputError, UsageError
from .policies import CheckpointPolicy, PartsPolicy
from .store import join, open_store

#: Where trials of a laptop are written, below the folder in which they were started.
FOLDER = Path(".longhaul") / "trials"
#: Metrics of which less is better, by a part of the name.
LESS_IS_BETTER = ("loss", "error", "rank", "mse", "rmse", "mae", "perplexity")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        raise UsageError(f"{message}\n{self.format_usage().rstrip()}")


def parser() -> argparse.ArgumentParser:
    found = _Parser(prog=Path(sys.argv[0] or "train.py").name, add_help=False, allow_abbrev=False)
    found.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter; the value is JSON or a text")
    found.add_argument(
        "--data", action="append", default=[], metavar="[NAME=]FOLDER", help="parquet parts; a folder may hold train, validation, …"
    )
    found.add_argument("--epochs", type=int)
    found.add_argument("--seed", type=int)
    found.add_argument("--output", metavar="FOLDER", help="go on from what is there")
    return found


def local_document(
    defaults: Mapping[str, Any], *, data: Mapping[str, str], epochs: int, seed: int, arguments: Sequence[str] | None = None
) -> Document:
    options, _ = parser().parse_known_args(sys.argv[1:] if arguments is None else list(arguments))
    output = _output(options.output)
    found = {**{name: _uri(path) for name, path in data.items()}, **data_of(options.data)}
    for name, uri in found.items():
        place = place_of(uri)
        if place is not None and not place.exists():
            raise NoInputError(f"--data {name}: {place} does not exist; expected a folder of parquet files, or one file")
    epochs = epochs if options.epochs is None else options.epochs
    if epochs < 1:
        raise UsageError(f"--epochs: expected at least 1, found {epochs}")
    return Document(
        name=Path(_path(output)).name,
        parameters={**defaults, **parameters_of(options.set)},
        seed=seed if options.seed is None else options.seed,
        epochs=epochs,
        data=found,
        output=output,
        objective=Objective(None, True),
        checkpoint=CheckpointPolicy(),
        parts=PartsPolicy(),
        attempt=_next_attempt(output),
        local=True,
    )


def parameters_of(settings: Sequence[str]) -> dict[str, Any]:
    found = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not name or not equals:
            raise UsageError(f"--set: expected NAME=VALUE, for example --set lr=0.1, found {setting!r}")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found


def objective_of(metric: str) -> Objective:
    """On a laptop the first metric that is reported is the objective, and its name tells its goal."""
    return Objective(metric, not any(part in metric.lower() for part in LESS_IS_BETTER))


def _output(option: str | None) -> str:
    if option is not None:
        return _uri(option)
    stem = Path(sys.argv[0]).stem or "trial"
    name = f"{stem}-{time.strftime('%Y%m%d-%H%M%S')}"
    path = FOLDER / name
    number = 1
    while path.exists():
        number += 1
        path = FOLDER / f"{name}-{number}"
    return _uri(str(path))


def data_of(options: Sequence[str]) -> dict[str, str]:
    """Data sets by name. A folder may hold them: folders, or files of which one is `train.parquet`; otherwise its files are `train`."""
    found = {}
    for option in options:
        name, equals, path = option.partition("=")
        if equals and "/" not in name:
            found[name] = _uri(path)
            continue
        uri = _uri(option)
        place = place_of(uri)
        entries = sorted(place.iterdir()) if place is not None and place.is_dir() else []
        folders = {entry.name: entry.as_uri() for entry in entries if entry.is_dir() and not entry.name.startswith(".")}
        files = {entry.stem: entry.as_uri() for entry in entries if entry.is_file() and entry.suffix == ".parquet"}
        found.update(folders or (files if "train" in files else {"train": uri}))
    return found


def place_of(uri: str) -> Path | None:
    """Where it is on this machine, if it is there."""
    return Path(_path(uri)) if uri.startswith("file://") else None


def _uri(path: str) -> str:
    return path.rstrip("/") if "://" in path else Path(path).expanduser().absolute().as_uri()


def _path(uri: str) -> str:
    from .store.directory import path_of

    return str(path_of(uri))


def _next_attempt(output: str) -> int:
    address = join(output, "checkpoints", "LATEST")
    found = open_store(address).read(address)
    if found is None:
        return 1
    try:
        return int(json.loads(found.data)["attempt"]) + 1
    except (ValueError, KeyError, TypeError):
        return 1
