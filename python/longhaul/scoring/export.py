"""An export on this machine, and what its READY says of how it is scored."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..checked import parse_json
from ..errors import NoInputError, UsageError
from ..scorer import KINDS
from ..store import join, open_store

#: Of exports that say nothing: what a file's name tells.
ENDINGS = {".onnx": "onnx", ".ubj": "xgboost", ".joblib": "scikit-learn", ".pkl": "scikit-learn", ".keras": "keras", ".ts": "torchscript"}


@contextmanager
def downloaded(uri: str) -> Iterator[Path]:
    """A local folder with all files of the export; the folder itself where it is on this machine."""
    store = open_store(uri)
    names = [name for name in store.list(f"{uri}/") if not name.endswith("/READY")]
    if not names:
        raise NoInputError(f"{uri}: expected a model export with READY, found no objects")
    folder = Path(tempfile.mkdtemp(prefix="longhaul-model-"))
    try:
        for name in names:
            data = store.read_data(name)
            if data is None:
                raise NoInputError(f"{name}: vanished while it was read")
            path = folder / name[len(uri) :].lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def scorer_of(uri: str, folder: Path) -> dict[str, Any]:
    """`READY.scorer`, or of an older export what its files tell.

    Raises:
        UsageError: neither says how.
    """
    found = open_store(uri).read(join(uri, "READY"))
    ready: Mapping[str, Any] = {} if found is None else parse_json(found.data, join(uri, "READY"))
    scorer = ready.get("scorer")
    if scorer is not None:
        if not isinstance(scorer, dict) or scorer.get("kind") not in KINDS:
            raise UsageError(f"{join(uri, 'READY')} scorer.kind: expected one of {', '.join(KINDS)}, found {scorer!r:.200}")
        return scorer
    saved = sorted(folder.rglob("saved_model.pb"))
    if saved:
        return {"kind": "saved-model", "file": str(saved[0].parent.relative_to(folder))}
    for path in sorted(folder.rglob("*")):
        if path.suffix in ENDINGS:
            return {"kind": ENDINGS[path.suffix], "file": str(path.relative_to(folder))}
        if path.name == "model.txt" and path.read_text(encoding="utf-8", errors="replace").startswith("tree"):
            return {"kind": "lightgbm", "file": str(path.relative_to(folder)), "normalise": False}
    names = ", ".join(sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())[:10])
    raise UsageError(
        f"{uri}: READY names no scorer, and its files ({names}) tell none; export with trial.validation(…, model=…, scorer=…), "
        f"one of {', '.join(KINDS)}"
    )
