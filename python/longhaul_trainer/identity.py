"""What a checkpoint was made with. Going on with anything else would mix two trainings, so it is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from longhaul.data.manifest import Manifest

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
