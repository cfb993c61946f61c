"""What decides the bits of a model may get better with a release, but never under a training that has begun.

`release-0.1.0` holds data, a trial in its middle (SIGTERM at step 11, two exports unwritten) and what its undisturbed run came to, all
written by 0.1.0.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from attempts import Trainers, records, result, run
from builders import features, layout_json, write_data

from longhaul.checked import Checked
from longhaul.data.manifest import load_manifest
from longhaul.data.randomness import FIRST_SCHEME, SCHEME, Randomness
from longhaul.store import open_store
from longhaul_trainer import identity
from longhaul_trainer.data.batches import Position
from longhaul_trainer.data.stream import DataSet, stream_training
from longhaul_trainer.features import parse_features, parse_layout
from longhaul_trainer.model.parameters import Taken, training_parameters
from longhaul_trainer.model.runtime import machine
from longhaul_trainer.trial import PartsPolicy

RELEASE = Path(__file__).with_name("release-0.1.0")
EXPECTED: dict[str, Any] = json.loads((RELEASE / "expected.json").read_text())
TRIAL: dict[str, Any] = {
    "sampleCandidates": 4,
    "validateEverySteps": 4,
    "epochs": 2,
    "parameters": {
        "hidden_units": "8",
        "batch_size": 8,
        "learning_rate": 0.02,
        "learning_rate_schedule": "linear",
        "dropout": 0.2,
        "embedding_size": 2,
        "optimizer": "adamw",
    },
}


def with_todays_libraries(output: Path) -> None:
    """What was pinned then may be pinned higher now; only the trainer's own promise is tested here."""
    latest = output / "checkpoints" / "LATEST"
    document = json.loads(latest.read_text())
    path = output / "checkpoints" / document["checkpoint"] / "state.json"
    state = json.loads(path.read_text())
    state["identity"].update({f"library.{name}": identity._version(name) for name in identity.LIBRARIES})
    path.write_text(json.dumps(state))
    document["files"]["state.json"] = {"bytes": path.stat().st_size, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    latest.write_text(json.dumps(document))


def resumed(trainers: Trainers, root: Path, **changes: Any) -> Any:
    shutil.copytree(RELEASE / "out", root / "out")
    with_todays_libraries(root / "out")
    data = {name: f"file://{RELEASE}/data/{name}" for name in ("train", "validation")}
    return run(trainers, root, data, attempt=2, **{**TRIAL, **changes})


def test_a_trial_of_0_1_0_goes_on_to_the_bits_that_it_had(tmp_path: Path, trainers: Trainers) -> None:
    found = resumed(trainers, tmp_path)
    assert found.code == 0, found.log
    assert "begins at step 11 " in found.log
    curve = [[record["step"], record["samples"], record["metrics"]] for record in records(found.output) if record["kind"] == "validation"]
    assert [point[:2] for point in curve] == [point[:2] for point in EXPECTED["curve"]]
    ready = {path.parent.name for path in (found.output / "exports").glob("*/READY")}
    assert ready == {f"{step:09d}" for step, *_ in EXPECTED["curve"]}, "the exports that the old checkpoint carried are written"
    same_machine = machine() == EXPECTED["machine"]
    for (_, _, metrics), (_, _, expected) in zip(curve, EXPECTED["curve"], strict=True):
        assert metrics == (expected if same_machine else pytest.approx(expected, rel=1e-3))
    if same_machine:
        assert result(found.output)["weightsSha256"] == EXPECTED["weightsSha256"]
    latest = json.loads((found.output / "checkpoints" / "LATEST").read_text())
    state = json.loads((found.output / "checkpoints" / latest["checkpoint"] / "state.json").read_text())
    assert state["identity"]["scheme"] == FIRST_SCHEME


def test_a_trial_of_0_1_0_with_other_inputs_is_refused_still(tmp_path: Path, trainers: Trainers) -> None:
    found = resumed(trainers, tmp_path, seed=8)
    assert found.code == 78
    assert "seed (was 7, is 8)" in found.log and "scheme" not in found.log


def digest_of_samples(scheme: int) -> str:
    """Of all batches of two epochs, as bytes."""
    uri = f"file://{RELEASE}/data/train"
    data = DataSet(
        open_store(uri),
        load_manifest(open_store(uri), uri),
        parse_layout(Checked(layout_json("nested"), "test")),
        parse_features(Checked(features(), "test")),
        lambda texts, buckets: np.array([sum(text.encode()) % buckets for text in texts]),
        PartsPolicy(ahead=1, skip_bad=False, bad_budget=0),
    )
    found = hashlib.sha256()
    for batch in stream_training(data, Position(0, 0, 0), 2, seed=7, scheme=scheme, batch_size=8, sample_candidates=4, bad=()):
        for array in (batch.numeric, batch.categorical, batch.slots, batch.labels, batch.mask):
            found.update(np.ascontiguousarray(array).tobytes())
        found.update(repr((*batch.end, round(batch.before, 9))).encode())
    return found.hexdigest()[:16]


@pytest.mark.parametrize(("scheme", "digest"), [(1, "6124911d368693a2"), (2, "308a62c38c848737")])
def test_a_scheme_gives_the_samples_that_it_always_gave(scheme: int, digest: str) -> None:
    assert digest_of_samples(scheme) == digest, "raise SCHEME and keep this one"
    assert scheme <= SCHEME


@pytest.mark.parametrize("seed", [0, 7, 2**32 + 7])
def test_no_two_draws_share_a_stream(seed: int) -> None:
    randomness = Randomness(seed)
    streams: dict[tuple[object, ...], Any] = {("order", epoch): randomness.order(epoch) for epoch in range(3)}
    streams.update({("shuffle", epoch, part): randomness.shuffle(epoch, part) for epoch in range(3) for part in range(3)})
    streams.update({("candidates", epoch, part): randomness.candidates(epoch, part) for epoch in range(3) for part in range(3)})
    first = {name: tuple(stream.integers(1 << 30, size=5)) for name, stream in streams.items()}
    assert len(set(first.values())) == len(first)


def rates(parts: int, epochs: int, schedule: str, scheme: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The factors that a real training uses, one a step."""
    from builders import Termination, trial_json

    from longhaul_trainer import training
    from longhaul_trainer.run import train
    from longhaul_trainer.trial import parse_trial

    used: list[float] = []
    real = training.learning_rate_at

    def spied(parameters: Any, done: float) -> float:
        used.append(real(parameters, done) / parameters.learning_rate)
        return real(parameters, done)

    monkeypatch.setattr(training, "learning_rate_at", spied)
    monkeypatch.setattr("longhaul_trainer.run.SCHEME", scheme)
    data = {"train": write_data(tmp_path / "train", parts=parts, sessions=24)}
    parameters = {"batch_size": 4, "hidden_units": "2", "embedding_size": 1, "learning_rate": 0.01, "learning_rate_schedule": schedule}
    document = trial_json(tmp_path / "out", data, epochs=epochs, parameters=parameters, exportEveryValidations=99)
    train(parse_trial(document, "test"), Termination())  # type: ignore[arg-type]
    return used


@pytest.mark.parametrize(("parts", "epochs"), [(1, 1), (1, 3), (4, 1)])
@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_the_learning_rate_falls_with_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: int, epochs: int, schedule: str
) -> None:
    used = rates(parts, epochs, schedule, SCHEME, tmp_path, monkeypatch)
    steps = parts * epochs * 6
    done = [step / steps for step in range(steps)]
    expected = [1 - 0.95 * share if schedule == "linear" else 0.05 + 0.95 * (1 + math.cos(math.pi * share)) / 2 for share in done]
    assert used == pytest.approx(expected)


def test_the_first_scheme_moves_it_once_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used = rates(2, 1, "linear", FIRST_SCHEME, tmp_path, monkeypatch)
    assert used == pytest.approx([1.0] * 6 + [0.525] * 6)
    assert training_parameters(Taken({})).learning_rate_schedule == "cosine"
