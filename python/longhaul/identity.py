"""What a checkpoint was made with. Going on with anything else would mix two trainings, so it is refused."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .data.manifest import Manifest
from .data.randomness import SCHEME
from .document import Document
from .errors import ConfigError

#: Set by the launcher of shipped code: the SHA-256 of all of it.
CODE_DIGEST = "LONGHAUL_CODE_SHA256"
#: Folders that hold what others wrote.
FOREIGN = ("site-packages", "dist-packages")
#: Their versions are told as facts of the machine.
LIBRARIES = ("numpy", "torch", "tensorflow", "keras", "sklearn", "lightgbm", "xgboost", "jax", "pyarrow")


def check_identity(found: Mapping[str, Any], wanted: Mapping[str, Any], output: str, who: str = "") -> None:
    """`who`: what differs, where it is not the checkpoints of the output.

    Raises:
        ConfigError: with everything that differs.
    """
    names = sorted({*found, *wanted})
    changes = [
        f"{name} (was {_shown(found.get(name))}, is {_shown(wanted.get(name))})" for name in names if found.get(name) != wanted.get(name)
    ]
    if changes and who:
        raise ConfigError(f"{who}: {'; '.join(changes)}. All ranks must run the same code on the same data")
    if changes:
        raise ConfigError(
            f"{output}/checkpoints was made with other inputs: {'; '.join(changes)}. Going on would mix two trainings: "
            "restore the inputs, or give the trial another output (or remove its checkpoints) to begin anew"
        )


def trial_identity(document: Document, manifests: Mapping[str, Manifest], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What a checkpoint of this trial says that it was made with."""
    return {
        **{f"data.{name}": manifest.digest for name, manifest in sorted(manifests.items())},
        "seed": document.seed,
        "epochs": document.epochs,
        **{f"parameters.{name}": value for name, value in sorted(parameters.items())},
        "randomness": SCHEME,
        "code": code_digest(),
        "fork": None if document.fork is None else vars(document.fork),
    }


def code_digest(environment: Mapping[str, str] = os.environ) -> str:
    """Of the shipped archive; without one, of the script and of what it has imported from its folder."""
    shipped = environment.get(CODE_DIGEST)
    if shipped:
        return shipped[:16]
    found = hashlib.sha256()
    for name, path in sorted(_own_files()):
        found.update(name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]


def _own_files() -> Iterator[tuple[str, Path]]:
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    if main is None:
        return
    root = Path(main).resolve().parent
    while (root / "__init__.py").exists():
        root = root.parent
    own = Path(__file__).resolve().parent
    paths = {Path(main).resolve()}
    resolved: dict[str, str] = {}
    within = os.path.join(root, "")
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and file.endswith(".py") and (real := _resolved(file, resolved)).startswith(within):
            path = Path(real)
            if own not in path.parents and not set(FOREIGN) & set(path.parts):
                paths.add(path)
    for path in paths:
        yield path.relative_to(root).as_posix(), path


def _resolved(path: str, known: dict[str, str]) -> str:
    """As os.path.realpath, looking at each folder once: a framework has thousands of modules in hundreds of them."""
    if path not in known:
        parent, name = os.path.split(path)
        if not os.path.isabs(path) or parent == path or name in ("", ".", ".."):
            known[path] = os.path.realpath(path)
        else:
            found = os.path.join(_resolved(parent, known), name)
            known[path] = os.path.realpath(found) if os.path.islink(found) else found
    return known[path]


def machine(threads: int) -> dict[str, str]:
    """What the bits of a model depend on besides its inputs."""
    found = {"architecture": platform.machine(), "processor": _processor(), "python": platform.python_version(), "threads": str(threads)}
    for name in LIBRARIES:
        version = getattr(sys.modules.get(name), "__version__", None)
        if version is not None:
            found[name] = str(version)
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "cuda") and torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name(0)
    return found


def machine_changes(found: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    return [f"{name} (was {found.get(name)}, is {value})" for name, value in wanted.items() if name in found and found[name] != value]


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()


def _shown(value: Any) -> str:
    return "absent" if value is None else json.dumps(value)
