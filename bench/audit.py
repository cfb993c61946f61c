"""Whether an audit finds what it is there for: faults that were planted in trainings of 1,000 steps, and nothing where there are none.

`npm run bench -- audit [--json] [--audits 100]`: each audit trains once with the share of an audit kept, and then trains the window
again. A bit flips at a random step of the window; a generator is missing from the checkpoint; the second training adds up its sums in
another order, as another instruction set does; or nothing is wrong. All of it in processes that are forked from this one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import runpy
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import longhaul.data.dataset  # noqa: F401  imported once, before the forks
from longhaul.audits.points import differences
from longhaul.audits.windows import Window, window_at

TRAINER = Path(__file__).with_name("audit") / "trainer.py"
STEPS, SHARE = 1000, 0.02
FAULTS = ("bit", "generator", "arithmetic", "none")
#: Which of the two trainings has it.
WHERE = {"bit": ("original",), "generator": ("original", "again"), "arithmetic": ("again",), "none": ()}
#: A sum in another order may be rounded alike for some steps, of which the training then knows nothing.
LATE_STEPS = {"arithmetic": 8}


@dataclass(frozen=True)
class Audit:
    """`step` is the first training step that was seen to differ; `planted` where it had to be."""

    fault: str
    step: int | None
    planted: int | None
    tensor: str | None
    repeated_share: float

    @property
    def right(self) -> bool:
        if self.planted is None or self.step is None:
            return self.step is self.planted
        return 0 <= self.step - self.planted <= LATE_STEPS.get(self.fault, 0) and self.tensor in ("model/weights", "model/bias")


def trial_json(output: Path, seed: int, **more: Any) -> dict[str, Any]:
    return {
        "version": 1, "pipeline": "audit", "run": "audit", "step": "search", "trial": 0, "seed": seed, "parameters": {},
        "epochs": 1, "objective": {"metric": "validation_ndcg_at_10", "goal": "maximize"}, "output": output.as_uri(), **more,
    }  # fmt: skip


def kept_window(seed: int) -> Window:
    """The newest one that a training of `STEPS` steps gets to the end of."""
    found = [window_at(SHARE, seed, "audit/search/0", step) for step in range(STEPS)]
    return [window for window in found if window is not None and window.start + window.steps <= STEPS][-1]


def train(root: Path, name: str, document: dict[str, Any], environment: dict[str, str]) -> None:
    path = root / f"{name}.json"
    path.write_text(json.dumps(document))
    variables = {"LONGHAUL_TRIAL": path.as_uri(), "LONGHAUL_ATTEMPT": "1", "STEPS": str(STEPS), **environment}
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            log = os.open(root / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.environ.update(variables)
            sys.argv = [str(TRAINER)]
            runpy.run_path(str(TRAINER), run_name="__main__")
            code = 0
        finally:
            sys.stdout.flush()
            os._exit(code)
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
        raise RuntimeError(f"{name}: {(root / 'log').read_text()}")


def audit(fault: str, number: int) -> Audit:
    rng = random.Random(f"{fault}/{number}")
    seed = rng.randrange(2**31)
    window = kept_window(seed)
    at = rng.randint(window.start + 1, window.start + window.steps)
    names = {"bit": "FLIP_AT", "generator": "FORGET_GENERATOR", "arithmetic": "OTHER_ARITHMETIC"}
    environment = {} if fault == "none" else {names[fault]: str(at)}
    with tempfile.TemporaryDirectory(prefix="longhaul-audit-") as folder:
        root = Path(folder)
        for name in ("original", "again"):
            (root / name).mkdir()
        where = WHERE[fault]
        train(root, "original", trial_json(root / "original", seed, audit={"share": SHARE}), environment if "original" in where else {})
        (path,) = (root / "original" / "audits").glob("*/pair.json")
        pair = json.loads(path.read_text())
        repeat = {"pair": path.parent.as_uri(), "checkpoint": pair["from"]["checkpoint"]}
        train(root, "again", trial_json(root / "again", seed, repeat=repeat), environment if "again" in where else {})
        again = json.loads((root / "again" / "repeat.json").read_text())
        total = json.loads((root / "original" / "result.json").read_text())["samples"]
    share = (pair["to"]["samples"] - pair["from"]["samples"]) / total
    first = next(differences(pair, again), None)
    planted = {"bit": at, "none": None}.get(fault, pair["from"]["step"] + 1)
    return Audit(fault, None if first is None else first[0], planted, None if first is None else first[1][0], share)


def main() -> None:
    parser = argparse.ArgumentParser(prog="npm run bench -- audit")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--audits", type=int, default=100, help="of each kind")
    options = parser.parse_args()
    tasks = [(fault, number) for number in range(options.audits) for fault in FAULTS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = list(pool.map(lambda task: audit(*task), tasks))
    planted = [fault for fault in FAULTS if fault != "none"]
    of = {fault: [found for found in done if found.fault == fault] for fault in FAULTS}
    result = {
        "audits": options.audits,
        "steps": STEPS,
        "share": SHARE,
        "found": {fault: sum(found.step is not None for found in of[fault]) for fault in planted},
        "step_and_tensor_right": {fault: sum(found.right for found in of[fault]) for fault in planted},
        "false_alarms": sum(found.step is not None for found in of["none"]),
        "repeated_share_most": round(max(found.repeated_share for found in done), 4),
    }
    print(json.dumps(result) if options.json else "\n".join(f"{name}: {value}" for name, value in result.items()), flush=True)


if __name__ == "__main__":
    main()
