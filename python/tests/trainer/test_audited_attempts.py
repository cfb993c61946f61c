"""The reference trainer keeps a window of its training, and trains it again with equal bits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attempts import OFTEN, Trainers, result
from builders import trial_json, write_data, write_trial

from longhaul.audits.points import differences


def test_a_window_is_equal_when_it_is_trained_again_also_in_two_attempts(tmp_path: Path, trainers: Trainers) -> None:
    data = {
        "train": write_data(tmp_path / "train", parts=4, sessions=50, seed=1),
        "validation": write_data(tmp_path / "validation", parts=1, sessions=40, seed=2),
    }
    log = tmp_path / "log"

    def run(name: str, **changes: Any) -> Path:
        output = tmp_path / name
        trial = write_trial(tmp_path / f"{name}.json", trial_json(output, data, checkpoint=OFTEN, validateEverySteps=7, **changes))
        attempt = trainers.start(trial, log)
        assert attempt.wait() == 0, log.read_text()
        return output

    plain, original = run("plain"), run("original", audit={"share": 0.4})
    assert result(plain)["weightsSha256"] == result(original)["weightsSha256"]
    (path,) = (original / "audits").glob("*/pair.json")
    pair = json.loads(path.read_text())
    steps = pair["to"]["step"] - pair["from"]["step"]
    assert 1 < steps <= 0.4 * result(original)["steps"]
    names = pair["names"]
    assert any(name.startswith("model/") for name in names) and any(name.startswith("optimizer/") for name in names)

    repeat = {"pair": path.parent.as_uri(), "checkpoint": pair["from"]["checkpoint"]}
    output = tmp_path / "again"
    trial = write_trial(tmp_path / "again.json", trial_json(output, data, checkpoint=OFTEN, validateEverySteps=7, repeat=repeat))
    first = trainers.start(trial, log, LONGHAUL_STEP_DELAY_SECONDS="0.3")
    assert first.wait_until((output / "checkpoints" / "LATEST").exists)
    first.kill(15)
    second = trainers.start(trial, log, attempt=2)
    assert second.wait() == 0, log.read_text()
    again = json.loads((output / "repeat.json").read_text())
    assert list(differences(pair, again)) == []
    assert again["points"][-1]["step"] == pair["to"]["step"]
    assert not (output / "exports").exists()
