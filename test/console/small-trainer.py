"""A trainer of the trial contract that trains nothing: a point five times a second until it is told to finish. For tests that watch."""

import json
import os
import signal
import sys
import time
from pathlib import Path

stop: list[int] = []
signal.signal(signal.SIGTERM, lambda number, _frame: stop.append(number))

output = Path(os.environ["LONGHAUL_OUTPUT"].removeprefix("file://"))
trial = json.loads(Path(os.environ["LONGHAUL_TRIAL"].removeprefix("file://")).read_text())
attempt = int(os.environ["LONGHAUL_ATTEMPT"])
control = Path(os.environ["CONTROL"])


def put(name: str, value: object) -> None:
    target = output / name
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.write_text(json.dumps(value))
    temporary.replace(target)


def record(kind: str, step: int, metrics: dict[str, float]) -> None:
    n = len(list((output / "progress").glob("[0-9]*.json"))) + 1
    where = {"epoch": 0, "part": 0, "step": step, "samples": step * 100}
    put(f"progress/{n}.json", {"n": n, "time": time.time(), "attempt": attempt, "kind": kind, "metrics": metrics, **where})


def commit(step: int, reason: str) -> None:
    name = f"{step}-{attempt}"
    put(f"checkpoints/{name}/state.json", {"step": step})
    latest = {"checkpoint": name, "attempt": attempt, "step": step, "samples": step * 100, "files": {}, "reason": reason}
    put("checkpoints/LATEST", {**latest, "previous": []})


latest = output / "checkpoints" / "LATEST"
step = json.loads(latest.read_text())["step"] if latest.exists() else 0
(control / f"pid-{trial['trial']}").write_text(str(os.getpid()))
record("start", step, {})
print(f"trial {trial['trial']} begins at step {step}", flush=True)
while not (control / "finish").exists() and step < 3000:
    if stop:
        commit(step, "sigterm")
        print("checkpoint committed", flush=True)
        sys.exit(143)
    time.sleep(0.2)
    step += 1
    value = 1 - 1 / (1 + step * float(trial["parameters"]["rate"]))
    record("validation", step, {"score": value, "loss": 1 - value})
    print(f"step {step} score {value:.4f}", flush=True)
    if step % 5 == 0:
        commit(step, "interval")
commit(step, "end")
metrics = {"score": value}
put(
    f"exports/{step}/READY",
    {
        "export": str(step),
        "step": step,
        "samples": step * 100,
        "time": time.time(),
        "metrics": metrics,
        "savedModel": "model",
        "bytes": 1,
        "best": True,
    },
)
record("end", step, metrics)
totals = {"steps": step, "samples": step * 100, "epochs": 1, "bestStep": step}
put("result.json", {**totals, "metrics": metrics, "objective": value, "bestExport": str(step), "weightsSha256": "0" * 64})
