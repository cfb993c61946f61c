"""What a checkpoint was made with. Going on with anything else would mix two trainings, so it is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .data.manifest import Manifest
from .errors import ConfigError
from .trial import Trial

#: Files whose text decides the bits of the model.
CODE = ("data", "model", "state.py", "training.py", "features.py")
LIBRARIES = ("tensorflow-cpu", "keras", "numpy", "pyarrow")


def identity_of(trial: Trial, manifests: Mapping[str, Manifest], model_source: str) -> dict[str, Any]:
    return {
        **{f"data.{name}": manifest.digest for name, manifest in sorted(manifests.items())},
        "seed": trial.seed,
        "epochs": trial.epochs,
        **{f"parameters.{name}": value for name, value in sorted(trial.parameters.items())},
        "layout": asdict(trial.layout),
        "features": digest([asdict(feature) for feature in trial.features]),
        "sampleCandidates": trial.sample_candidates,
        "validateEverySteps": trial.validate_every_steps,
        "objective": f"{'maximize' if trial.maximize else 'minimize'} {trial.metric}",
        "model": trial.model,
        "fork": None if trial.fork is None else asdict(trial.fork),
        "code": code_digest(model_source),
        **{f"library.{name}": _version(name) for name in LIBRARIES},
    }


def check_identity(found: Mapping[str, Any], wanted: Mapping[str, Any], output: str) -> None:
    """
    Raises:
        ConfigError: with everything that differs.
    """
    names = sorted({*found, *wanted})
    changes = [
        f"{name} (was {_shown(found.get(name))}, is {_shown(wanted.get(name))})" for name in names if found.get(name) != wanted.get(name)
    ]
    if changes:
        raise ConfigError(
            f"{output}/checkpoints was made with other inputs: {'; '.join(changes)}. Going on would mix two trainings: "
            "restore the inputs, or give the trial another output (or remove its checkpoints) to begin anew"
        )


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def code_digest(model_source: str) -> str:
    found = hashlib.sha256(model_source.encode())
    root = Path(__file__).parent
    for name in CODE:
        path = root / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            found.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    return found.hexdigest()[:16]


def _version(name: str) -> str:
    try:
        return version(name)
    except ModuleNotFoundError:
        return "absent"


def _shown(value: Any) -> str:
    return "absent" if value is None else json.dumps(value)
