"""What a checkpoint was made with. Going on with anything else would mix two trainings, so it is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from longhaul.data.manifest import Manifest
from longhaul.data.randomness import FIRST_SCHEME, SCHEME
from longhaul.errors import ConfigError

from .trial import Trial

#: What 0.1.0, which had a digest of its own files instead of a scheme, wrote for the reference network.
CODE_OF_RELEASES = {"e1820e6096cd83fe": FIRST_SCHEME}
LIBRARIES = ("tensorflow-cpu", "keras", "numpy", "pyarrow")


def identity_of(trial: Trial, manifests: Mapping[str, Manifest], model_source: str, scheme: int = SCHEME) -> dict[str, Any]:
    """`model_source` is the text of the file that defines one's own model."""
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
        "modelSource": None if trial.model is None else hashlib.sha256(model_source.encode()).hexdigest()[:16],
        "scheme": scheme,
        **{f"library.{name}": _version(name) for name in LIBRARIES},
    }


def digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def upgraded(found: Mapping[str, Any], wanted: Mapping[str, Any], warn: Callable[[str], None]) -> dict[str, Any]:
    """What a checkpoint was made with, in today's words: 0.1.0 digested its own files instead of naming a scheme."""
    if "scheme" in found or "code" not in found:
        return dict(found)
    today = {name: value for name, value in found.items() if name != "code"}
    if found.get("model") is not None:
        warn("this checkpoint is of Longhaul 0.1.0, which did not record the model's code by itself: it is taken to be the same")
        return {**today, "modelSource": wanted.get("modelSource"), "scheme": FIRST_SCHEME}
    scheme = CODE_OF_RELEASES.get(str(found["code"]))
    return dict(found) if scheme is None else {**today, "modelSource": None, "scheme": scheme}


def lengthened(found: Mapping[str, Any], wanted: Mapping[str, Any], *, ends_matter: bool) -> dict[str, Any]:
    """Of a training that goes on for more epochs than it had: the same one, where nothing that was done before depends on where it ends.

    Raises:
        ConfigError: the learning rate was that of a shorter training.
    """
    before, now = found.get("epochs"), wanted.get("epochs")
    if not isinstance(before, int) or not isinstance(now, int) or before >= now:
        return dict(found)
    if ends_matter:
        raise ConfigError(
            f"the checkpoint is of {before} epochs, and {now} are wanted: this learning_rate_schedule depends on where training ends, "
            "so that the longer training begins anew (give it another output); learning_rate_schedule: constant goes on"
        )
    return {**found, "epochs": now}


def scheme_of(found: Mapping[str, Any]) -> int:
    """The scheme to go on with.

    Raises:
        ConfigError: it is of a later version.
    """
    scheme = found.get("scheme", SCHEME)
    if scheme not in range(FIRST_SCHEME, SCHEME + 1):
        raise ConfigError(
            f"the checkpoint has scheme {scheme}, this trainer knows {FIRST_SCHEME} to {SCHEME}: use the version that wrote it"
        )
    return int(scheme)


def _version(name: str) -> str:
    for distribution in (name, name.removesuffix("-cpu")):  # the build for GPUs has another name
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return "absent"
