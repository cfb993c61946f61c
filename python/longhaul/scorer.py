"""`READY.scorer`: how others score with a model that a script writes."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Union

from .errors import UsageError

#: The name of a format, all of READY.scorer, or a command.
Scorer = Union[str, Mapping[str, Any], Sequence[str]]
Fill = Callable[[Path], object]

KINDS = ("saved-model", "onnx", "lightgbm", "xgboost", "scikit-learn", "torchscript", "keras", "command")


class Saved:
    """Writes a model into a folder, and says how it is scored."""

    def __init__(self, fill: Fill, scorer: Mapping[str, Any] | None) -> None:
        self._fill = fill
        self.scorer = scorer

    def __call__(self, folder: Path) -> None:
        self._fill(folder)


def describe_scorer(fill: Fill, given: Scorer | None, inputs: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is given, or what the function that writes the model says; None where neither does.

    Raises:
        UsageError: it is none that `evaluate` knows.
    """
    found: Any = getattr(fill, "scorer", None) if given is None else given
    if found is None:
        return None
    if isinstance(found, str):
        found = {"kind": found}
    elif not isinstance(found, Mapping):
        found = {"kind": "command", "command": [str(part) for part in found]}
    if found.get("kind") not in KINDS:
        raise UsageError(f"trial.validation(scorer=…): expected a command or one of {', '.join(KINDS)}, found {found.get('kind')!r}")
    return {"python": sys.executable, **inputs, **found}


def with_own_files(fill: Fill, scorer: Mapping[str, Any] | None) -> Fill:
    """Files of the command that lie beside the script go into the export, where the command runs."""
    if scorer is None or scorer["kind"] != "command":
        return fill
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    places = [Path.cwd(), *([] if main is None else [Path(main).resolve().parent])]

    def both(folder: Path) -> None:
        fill(folder)
        for part in scorer["command"][1:]:
            if Path(part).is_absolute() or ".." in Path(part).parts or (folder / part).exists():
                continue
            source = next((place / part for place in places if (place / part).is_file()), None)
            if source is not None:
                (folder / part).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, folder / part)

    return both
