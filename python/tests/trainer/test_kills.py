"""The promise of the trainer: kills at any moment change nothing about the model, the curve or the numbering."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from attempts import Trainers, records, result
from builders import trial_json, write_data, write_trial

#: For each layout; `npm test -- kills` plays more.
SCHEDULES = 2 if (times := int(os.environ.get("LONGHAUL_SCHEDULES", "1"))) == 1 else 5 * times
MAX_KILLS = 8
STEP_SECONDS = "0.02"


def outcome(output: Path) -> dict[str, Any]:
    """All that must not depend on kills."""
    found = result(output)
    curve = [(record["step"], record["samples"], record["metrics"]) for record in records(output) if record["kind"] == "validation"]
    exported = [record["name"] for record in records(output) if record["kind"] == "export"]
    return {
        **{
            name: found[name]
            for name in ("weightsSha256", "metrics", "objective", "bestStep", "bestExport", "steps", "samples", "lastMetrics")
        },
        "curve": curve,
        "exported": exported,
        "ready": sorted(path.parent.name for path in (output / "exports").glob("*/READY")),
        "ends": sum(record["kind"] == "end" for record in records(output)),
    }


class Scene:
    """A data set, a trial that has many things going on, and its undisturbed outcome."""

    def __init__(self, root: Path, trainers: Trainers, layout: str) -> None:
        self.root = root
        self.trainers = trainers
        self.layout = layout
        self.data = {
            "train": write_data(root / "train", parts=4, sessions=50, seed=1, layout=layout),
            "validation": write_data(root / "validation", parts=1, sessions=40, seed=2, layout=layout),
        }
        attempt = self.start("undisturbed", 1)
        assert attempt.wait() == 0, (root / "undisturbed.log").read_text()
        self.expected = outcome(root / "undisturbed")

    def start(self, name: str, number: int) -> Any:
        document = trial_json(
            self.root / name,
            self.data,
            layout=self.layout,
            sampleCandidates=5,
            validateEverySteps=6,
            checkpoint={"minSeconds": 0.03, "maxSeconds": 0.15, "keep": 2, "meanSecondsBetweenPreemptions": 1.0},
        )
        uri = write_trial(self.root / f"{name}.json", document)
        return self.trainers.start(uri, self.root / f"{name}.log", number, LONGHAUL_STEP_DELAY_SECONDS=STEP_SECONDS)


def play(scene: Scene, seed: int) -> tuple[dict[str, Any], str]:
    """One schedule of kills; returns the outcome and what was done."""
    rng = random.Random(seed)
    name = f"schedule-{seed}"
    story = []
    for number in range(1, rng.randint(1, MAX_KILLS) + 1):
        attempt = scene.start(name, number)
        sign = rng.choice([signal.SIGTERM, signal.SIGKILL])
        if rng.random() < 0.8:  # while it trains, otherwise while it starts
            attempt.wait_until(lambda number=number: any(r["attempt"] == number for r in records(scene.root / name)))
        time.sleep(rng.uniform(0, 0.9))
        code = attempt.kill(sign)
        story.append(f"{sign.name} → {code}")
        assert code in (0, 143, -signal.SIGKILL), (scene.root / f"{name}.log").read_text()
        assert sign == signal.SIGKILL or code in (0, 143)
    attempt = scene.start(name, 99)
    assert attempt.wait() == 0, (scene.root / f"{name}.log").read_text()
    found = outcome(scene.root / name)
    shutil.rmtree(scene.root / name)
    return found, f"schedule {seed}: {', '.join(story)}"


@pytest.mark.parametrize(("layout", "first"), [("nested", 0), ("flat", 1000)])
def test_any_schedule_of_kills_ends_in_the_same_bits(tmp_path: Path, trainers: Trainers, layout: str, first: int) -> None:
    scene = Scene(tmp_path, trainers, layout)
    schedules = range(first, first + SCHEDULES)
    with ThreadPoolExecutor(max(len(os.sched_getaffinity(0)), 2)) as pool:
        for found, story in pool.map(lambda seed: play(scene, seed), schedules):
            assert found == scene.expected, story
