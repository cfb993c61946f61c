"""A script that uses the SDK, whose data, checkpoints and models lie on GCS, is killed inside commits on a bad network."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fault_proxy import FaultProxy
from forking import Forker
from test_training_on_gcs import bad_network, put_directory

SDK = Path(__file__).parents[1] / "sdk"
sys.path.insert(0, str(SDK))

from scenes import OFTEN, SCRIPTS, Scene  # noqa: E402

from longhaul.check.document import sample_trial  # noqa: E402
from longhaul.store import join, open_store  # noqa: E402

#: The write at which each attempt dies, and the signal.
DEATHS = ((4, 9), (7, 15), (9, 9), (3, 15))
SAME = ("weightsSha256", "metrics", "objective", "bestStep", "bestExport", "steps", "samples", "lastMetrics")


def test_gives_the_same_model_though_killed_inside_commits(proxy: FaultProxy, prefix: str, tmp_path: Path, forker: Forker) -> None:
    script = SCRIPTS / "plain.py"
    scene = Scene(forker, tmp_path, script)
    expected = scene.finish("undisturbed")
    data = {name: put_directory(tmp_path / "data" / name, join(prefix, name)) for name in scene.data}
    output, trial, log = join(prefix, "out"), join(prefix, "trial.json"), tmp_path / "gcs.log"
    document = {**sample_trial(data, tmp_path, {"checkpoint": OFTEN}), "output": output}
    open_store(trial).write(trial, [json.dumps(document).encode()])
    proxy.rule = bad_network
    environment = {
        "STORAGE_EMULATOR_HOST": proxy.url,
        "LONGHAUL_TRIAL": trial,
        "LONGHAUL_OUTPUT": output,
        "LONGHAUL_STEP_DELAY_SECONDS": "0.05",
    }
    codes = [
        forker.run(script, log, {**environment, "LONGHAUL_ATTEMPT": str(attempt), "DIE_AT": str(write), "DIE_BY": str(sign)})
        for attempt, (write, sign) in enumerate(DEATHS, 1)
    ]
    assert set(codes) <= {-9, 143}, log.read_text(encoding="utf-8")
    last = forker.run(script, log, {**environment, "LONGHAUL_ATTEMPT": str(len(DEATHS) + 1)})
    assert last == 0, log.read_text(encoding="utf-8")
    found = open_store(output).read(join(output, "result.json"))
    assert found is not None
    result = json.loads(found.data)
    assert {name: result[name] for name in SAME} == {name: expected[name] for name in SAME}, log.read_text(encoding="utf-8")
    ready = {uri.split("/")[-2] for uri in open_store(output).list(join(output, "exports")) if uri.endswith("/READY")}
    assert ready == set(expected["ready"])
