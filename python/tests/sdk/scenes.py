"""Trials of scripts that use the SDK."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forking import Forker

from longhaul.check.document import sample_trial
from longhaul.check.sample import write_sample

HERE = Path(__file__).parent
PYTHON = HERE.parents[1]
PATH = os.pathsep.join(path for path in (str(PYTHON), os.environ.get("PYTHONPATH", "")) if path)
SCRIPTS = HERE / "scripts"
#: How many times the schedules of kills; `npm test -- kills` plays more.
TIMES = int(os.environ.get("LONGHAUL_SCHEDULES", "1"))
#: Saves all the time.
OFTEN = {"minSeconds": 0.02, "maxSeconds": 0.05, "keep": 2, "meanSecondsBetweenPreemptions": 1.0}
#: Fields of a trial that saves when it is asked to end, and not before.
SELDOM: dict[str, Any] = {"checkpoint": {"minSeconds": 500, "maxSeconds": 600, "keep": 2, "meanSecondsBetweenPreemptions": None}}


@dataclass(frozen=True)
class Ended:
    code: int
    log: str


class Scene:
    """A script, a small data set, and outputs by name."""

    def __init__(self, forker: Forker, root: Path, script: Path) -> None:
        self.forker = forker
        self.root = root
        self.script = script
        self.data = write_sample(root / "data")

    def output(self, name: str) -> Path:
        return self.root / name

    def variables(self, name: str, attempt: int, **changes: Any) -> dict[str, str]:
        """Writes trial.json; the environment of an attempt."""
        output = self.output(name)
        output.mkdir(exist_ok=True)
        path = self.root / f"{name}.trial.json"
        path.write_text(json.dumps(sample_trial(self.data, output, {"checkpoint": OFTEN, **changes})), encoding="utf-8")
        return {
            "LONGHAUL_TRIAL": path.as_uri(),
            "LONGHAUL_OUTPUT": output.as_uri(),
            "LONGHAUL_ATTEMPT": str(attempt),
            "LONGHAUL_STEP_DELAY_SECONDS": "0.005",
        }

    def start(self, name: str, attempt: int, *, environment: Mapping[str, str] | None = None, **changes: Any) -> subprocess.Popen[bytes]:
        """A process of its own, from its first import on."""
        variables = {**os.environ, "PYTHONPATH": PATH, **self.variables(name, attempt, **changes), **(environment or {})}
        with (self.root / f"{name}.log").open("a", encoding="utf-8") as log:
            return subprocess.Popen([sys.executable, str(self.script)], env=variables, stdout=log, stderr=log)

    def run(self, name: str, attempt: int, *, environment: Mapping[str, str] | None = None, **changes: Any) -> Ended:
        variables = {**self.variables(name, attempt, **changes), **(environment or {})}
        return Ended(self.forker.run(self.script, self.root / f"{name}.log", variables), self.log(name))

    def log(self, name: str) -> str:
        return (self.root / f"{name}.log").read_text(encoding="utf-8")

    def finish(self, name: str, attempt: int = 1, **more: Any) -> dict[str, Any]:
        ended = self.run(name, attempt, **more)
        assert ended.code == 0, ended.log
        return self.outcome(name)

    def latest(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.output(name) / "checkpoints" / "LATEST").read_text(encoding="utf-8"))
        return found

    def records(self, name: str) -> list[dict[str, Any]]:
        paths = sorted((self.output(name) / "progress").glob("[0-9]*.json"), key=lambda path: int(path.stem))
        found = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
        assert [record["n"] for record in found] == list(range(1, len(found) + 1))
        return found

    def outcome(self, name: str) -> dict[str, Any]:
        """All that must not depend on kills."""
        result = json.loads((self.output(name) / "result.json").read_text(encoding="utf-8"))
        records = self.records(name)
        untimed = ("time", "bytes")  # the size of a pickle depends on what shares memory in it
        ready = {
            path.parent.name: json.loads(path.read_text(encoding="utf-8"))
            for path in sorted((self.output(name) / "exports").glob("*/READY"))
        }
        same = ("weightsSha256", "metrics", "objective", "bestStep", "bestExport", "steps", "samples", "epochs", "lastMetrics")
        return {
            **{key: result[key] for key in same},
            "curve": [(record["step"], record["samples"], record["metrics"]) for record in records if record["kind"] == "validation"],
            "exported": [record["name"] for record in records if record["kind"] == "export"],
            "ready": {key: {field: value for field, value in found.items() if field not in untimed} for key, found in ready.items()},
            "ends": sum(record["kind"] == "end" for record in records),
        }

    def tear_newest(self, name: str, shard: str = "") -> bool:
        """Cuts a file of the newest checkpoint (of one rank's `shard` of it) in half, if there is another to go back to."""
        try:
            latest = self.latest(name)
        except FileNotFoundError:
            return False
        folder = self.output(name) / "checkpoints" / latest["checkpoint"] / shard
        if not latest["previous"] or not folder.exists():
            return False
        path = max(folder.iterdir(), key=lambda file: file.stat().st_size)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        return True

    def play(self, name: str, seed: int, kills: int, writes: int = 14) -> tuple[dict[str, Any], list[str]]:
        """Kills attempt after attempt at a write, by SIGKILL or SIGTERM, and lets the last one train to the end."""
        rng = random.Random(seed)
        story = []
        for attempt in range(1, kills + 1):
            sign = rng.choice([signal.SIGKILL, signal.SIGTERM])
            chosen = {"DIE_AT": str(rng.randint(1, writes)), "DIE_WHEN": rng.choice(["before", "after"]), "DIE_BY": str(int(sign))}
            ended = self.run(name, attempt, environment=chosen)
            story.append(f"{chosen} {ended.code}")
            assert ended.code in (0, -9, 143), ended.log
            if rng.random() < 0.3 and self.tear_newest(name):
                story.append("torn")
        return self.finish(name, kills + 1), story
