"""What it costs to be killable, with a model of 100 MB on a local store.

`npm run bench -- checkpoint [--json]`: attempts of one trial are stopped at random moments, first by SIGTERM, then by
SIGKILL. How far each had come is noted by the process itself (support/attempts.py); from where the next one goes
on is in its first progress record. Between the kills it trains undisturbed for a while, to see what saving costs.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from support.attempts import Attempt, notes_of
from support.data import features, trial, write_parts

#: Embeddings of 8 floats; with Adam's two moments a checkpoint is about 100 MB.
BUCKETS = 1_050_000
SIGTERMS, SIGKILLS = 20, 8
#: For the kills: short, so that each attempt commits some checkpoints.
INTERVAL_SECONDS = 2.0
#: For the overhead: what spot machines do, and the default bounds.
MEAN_SECONDS_BETWEEN_PREEMPTIONS = 3600.0
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Kill:
    """One attempt that was killed."""

    exit_seconds: float
    code: int
    #: Sessions trained on at the kill.
    samples: int


class Trial:
    """A trial whose attempts are started and killed."""

    def __init__(self, root: Path, data: str, checkpoint: dict[str, Any]) -> None:
        self.output = root / "out"
        self._root = root
        self._attempts = 0
        self._steps = root / "steps"
        table = [{**feature, "buckets": BUCKETS} if feature["name"] == "c0" else feature for feature in features()]
        document = trial(self.output, data, features=table, epochs=1000, checkpoint=checkpoint, parameters={"batch_size": 32})
        (root / "trial.json").write_text(json.dumps(document))

    def start(self) -> Attempt:
        self._attempts += 1
        environment = {"LONGHAUL_TRIAL": f"file://{self._root}/trial.json", "LONGHAUL_ATTEMPT": str(self._attempts)}
        return Attempt(environment, self._root / "log", self._steps)

    def steps(self) -> list[tuple[float, int]]:
        return notes_of(self._steps)

    def records(self) -> list[dict[str, Any]]:
        paths = sorted((self.output / "progress").glob("[0-9]*.json"), key=lambda path: int(path.stem))
        return [json.loads(path.read_text()) for path in paths]

    def kill(self, number: int, after_steps: int, after_seconds: float, checkpoints: int = 0) -> Kill:
        """Starts an attempt, lets it train and commit so far, and kills it."""
        known = len(self.steps())
        attempt = self.start()
        wait_for(lambda: len(self.steps()) >= known + after_steps and len(self._saved()) >= checkpoints, attempt, self._root / "log")
        time.sleep(after_seconds)
        began = time.perf_counter()
        code = attempt.kill(number)
        return Kill(time.perf_counter() - began, code, self.steps()[-1][1])

    def _saved(self) -> list[dict[str, Any]]:
        return [record for record in self.records() if record["kind"] == "checkpoint" and record["attempt"] == self._attempts]

    def samples_of_start(self) -> int:
        """Where the newest attempt went on."""
        found: int = [record for record in self.records() if record["kind"] == "start"][-1]["samples"]
        return found

    def samples_of_interval(self, seconds: float) -> int:
        """Most sessions that were trained on within so many seconds of one attempt."""
        steps = np.array(self.steps())
        ends = np.searchsorted(steps[:, 0], steps[:, 0] + seconds, side="right") - 1
        gains = steps[ends, 1] - steps[:, 1]
        return int(gains.max())


def wait_for(condition: Callable[[], bool], attempt: Attempt, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if attempt.ended() or time.monotonic() > deadline:
            raise RuntimeError(f"the trainer did not train: exit {attempt.code}\n{log.read_text()[-2000:]}")
        time.sleep(0.02)


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measure_overhead(root: Path, data: str) -> dict[str, float]:
    """Saving at the interval that the trainer chooses itself; the first checkpoints show the cost, the rest follows."""
    root.mkdir()
    tried = Trial(root, data, {"meanSecondsBetweenPreemptions": MEAN_SECONDS_BETWEEN_PREEMPTIONS})
    tried.kill(signal.SIGTERM, 1, 0.5, checkpoints=2)
    saved = [record for record in tried.records() if record["kind"] == "checkpoint"]
    cost = float(np.mean([record["checkpointCostSeconds"] for record in saved]))
    interval = float(saved[-1]["checkpointIntervalSeconds"])
    note(f"saving takes {saved[-1]['checkpointSeconds']:.2f} s, {cost:.2f} s of it from the training; chosen interval {interval:.0f} s")
    return {
        "save_s": round(float(np.median([record["checkpointSeconds"] for record in saved])), 4),
        "save_cost_s": round(cost, 4),
        "chosen_interval_s": round(interval, 2),
        "overhead_share": round(cost / interval, 5),
        "checkpoint_mb": round(checkpoint_bytes(tried.output) / 1e6, 1),
    }


def checkpoint_bytes(output: Path) -> int:
    latest = json.loads((output / "checkpoints" / "LATEST").read_text())
    return sum(file["bytes"] for file in latest["files"].values())


def measure_kills(root: Path, data: str) -> dict[str, Any]:
    """Attempts of one trial, killed at random moments; what the next one trains again."""
    root.mkdir()
    rng = random.Random(0)
    bounds = {"minSeconds": INTERVAL_SECONDS, "maxSeconds": INTERVAL_SECONDS}
    tried = Trial(root, data, bounds)
    seconds: list[float] = []
    retrained: dict[int, list[int]] = {signal.SIGTERM: [], signal.SIGKILL: []}
    before: tuple[int, int] | None = None
    for number in [signal.SIGTERM] * SIGTERMS + [signal.SIGKILL] * SIGKILLS + [signal.SIGTERM]:
        if number == signal.SIGTERM:
            kill = tried.kill(number, rng.randint(1, 10), rng.uniform(0, INTERVAL_SECONDS))
            seconds.append(kill.exit_seconds)
            if kill.code != 143:
                raise RuntimeError(f"SIGTERM: exit code {kill.code} instead of 143\n{(root / 'log').read_text()[-2000:]}")
        else:
            kill = tried.kill(number, 1, rng.uniform(0, 1.5 * INTERVAL_SECONDS), checkpoints=1)
        if before is not None:
            retrained[before[0]].append(before[1] - tried.samples_of_start())
        before = (number, kill.samples)
        note(f"{signal.Signals(number).name}: exit {kill.code} after {kill.exit_seconds:.2f} s at {kill.samples} sessions")
    return {
        "sigterm_exit_p50_s": round(float(np.percentile(seconds, 50)), 4),
        "sigterm_exit_p99_s": round(float(np.percentile(seconds, 99)), 4),
        "sigterm_samples_retrained": max(retrained[signal.SIGTERM]),
        "sigkill_samples_retrained_max": max(retrained[signal.SIGKILL]),
        "interval_samples": tried.samples_of_interval(INTERVAL_SECONDS),
        "sigterms": len(seconds),
        "sigkills": len(retrained[signal.SIGKILL]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="npm run bench -- checkpoint")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="longhaul-bench-") as temporary:
        root = Path(temporary)
        data = write_parts(root / "train", distinct=2, parts=40, sessions=400)
        found = {**measure_overhead(root / "overhead", data), **measure_kills(root / "kills", data)}
    if not options.json:
        for name, value in found.items():
            note(f"{name:30} {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
