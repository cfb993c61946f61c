"""A trial whose data, checkpoints and exports lie on GCS, through a bad network, gives the model of one on the local disk."""

from __future__ import annotations

import base64
import json
import signal
from pathlib import Path
from typing import Any

import google_crc32c
from attempts import OFTEN, Trainers, finish, result
from builders import trial_json, write_data
from fault_proxy import Fault, FaultProxy
from forking import Forker

from longhaul.store import join, open_store

#: The first attempt is slow: what the test reads of it comes through the bad network too.
STEP_SECONDS = "0.5"
#: A checkpoint is looked for so many steps after the start, of 24.
STEPS_BEFORE_THE_KILL = 3


def put_directory(directory: Path, uri: str) -> str:
    """Copies an export, with the checksums that one in a bucket has."""
    store = open_store(uri)
    manifest = json.loads((directory / "manifest.json").read_bytes())
    for part in manifest["parts"]:
        data = (directory / part["name"]).read_bytes()
        part["generation"] = store.write(join(uri, part["name"]), [data])
        part["crc32c"] = base64.b64encode(google_crc32c.Checksum(data).digest()).decode()
    store.write(join(uri, "manifest.json"), [json.dumps({**manifest, "uri": uri}).encode()])
    return uri


def read_json(uri: str) -> dict[str, Any] | None:
    found = open_store(uri).read(uri)
    return None if found is None else json.loads(found.data)


def bad_network(_method: str, _path: str, index: int) -> Fault | None:
    """Every seventh request is refused, every eleventh connection breaks, every thirteenth answer comes slowly."""
    if index % 7 == 3:
        return Fault("status", 503)
    if index % 11 == 5:
        return Fault("reset")
    return Fault("slow", 400_000) if index % 13 == 7 else None


def test_gives_the_same_model_though_killed_on_a_bad_network(proxy: FaultProxy, prefix: str, tmp_path: Path, forker: Forker) -> None:
    trainers = Trainers(forker)
    local = {
        "train": write_data(tmp_path / "train", parts=3, sessions=60, seed=1),
        "validation": write_data(tmp_path / "validation", parts=1, sessions=40, seed=2),
    }
    expected = result(finish(trainers, tmp_path / "local", local).output)

    remote = {name: put_directory(tmp_path / name, join(prefix, name)) for name in local}
    output = join(prefix, "out")
    document = {**trial_json(tmp_path, remote, checkpoint=OFTEN), "output": output}
    trial = join(prefix, "trial.json")
    open_store(trial).write(trial, [json.dumps(document).encode()])
    proxy.rule = bad_network
    environment = {"STORAGE_EMULATOR_HOST": proxy.url}

    first = trainers.start(trial, tmp_path / "first.log", 1, LONGHAUL_STEP_DELAY_SECONDS=STEP_SECONDS, **environment)
    latest = join(output, "checkpoints", "LATEST")

    def saved() -> bool:
        found = read_json(latest)
        return found is not None and int(found["step"]) >= STEPS_BEFORE_THE_KILL

    assert first.wait_until(saved), (tmp_path / "first.log").read_text()
    assert first.kill(signal.SIGKILL) != 0
    second = trainers.start(trial, tmp_path / "second.log", 2, **environment)
    assert second.wait() == 0, (tmp_path / "second.log").read_text()

    found = read_json(join(output, "result.json"))
    assert found is not None
    same = ("weightsSha256", "metrics", "objective", "bestExport", "steps", "samples")
    assert {name: found[name] for name in same} == {name: expected[name] for name in same}
    assert proxy.faults > 10
    exports = [uri for uri in open_store(output).list(join(output, "exports")) if uri.endswith("/READY")]
    assert join(output, "exports", str(found["bestExport"]), "READY") in exports
