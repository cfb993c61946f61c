"""A small trainer that keeps the trial contract (docs/trial-contract.md) in any object store: logistic regression, trained part by part."""

import hashlib
import io
import json
import os
import signal
import time
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from longhaul.store import join, open_store

stop: list[int] = []
signal.signal(signal.SIGTERM, lambda number, frame: stop.append(number))
store = open_store(os.environ["LONGHAUL_TRIAL"])


def get(uri: str) -> dict[str, Any]:
    """Empty where there is no such object."""
    found = store.read(uri)
    return {} if found is None else json.loads(found.data)


def put(name: str, value: object) -> None:
    store.write(join(output, name), [value if isinstance(value, bytes) else json.dumps(value).encode()])


output, attempt = os.environ["LONGHAUL_OUTPUT"], int(os.environ["LONGHAUL_ATTEMPT"])
trial = get(os.environ["LONGHAUL_TRIAL"])
features = [feature["name"] for feature in trial["features"] if feature["type"] == "numeric"]
rate = trial["parameters"]["alpha"]


def load(uri: str) -> list[tuple[np.ndarray, np.ndarray]]:
    table = pq.read_table(io.BytesIO(store.read_data(uri) or b""))
    sessions = table.column(trial["layout"]["candidates"]).to_pylist()
    return [
        (np.array([[row[name] for name in features] for row in rows]), np.array([row[trial["layout"]["label"]] for row in rows]))
        for rows in sessions
    ]


def ndcg(sessions: list[tuple[np.ndarray, np.ndarray]], weights: np.ndarray) -> float:
    """Of the one chosen item of each session, at 10."""
    ranks = [1 + int(np.sum(x @ weights > x[int(np.argmax(y))] @ weights)) for x, y in sessions]
    return float(np.mean([1 / np.log2(1 + rank) if rank <= 10 else 0.0 for rank in ranks]))


def record(kind: str, **more: object) -> None:
    """Numbered without gaps; what was recorded before a kill is not repeated."""
    n, again = 1, False
    while old := get(join(output, f"progress/{n}.json")):
        n, again = n + 1, again or (kind, state["step"]) == (old["kind"], old["step"])
    if kind == "start" or not again:
        line = {"n": n, "time": time.time(), "attempt": attempt, "kind": kind, **more}
        put(f"progress/{n}.json", line | {name: state[name] for name in ("step", "samples", "epoch", "part")})


parts, validation = (sorted(uri for uri in store.list(trial["data"][name]) if uri.endswith(".parquet")) for name in ("train", "validation"))
state: dict[str, Any] = {"weights": [0.0] * len(features), "step": 0, "samples": 0, "epoch": 0, "part": 0, "best": [-1.0, 0, ""]}
latest = get(join(output, "checkpoints/LATEST"))
if latest:
    state = get(join(output, f"checkpoints/{latest['checkpoint']}/state.json"))
record("start")
while True:
    latest = get(join(output, "checkpoints/LATEST"))
    if latest and latest["attempt"] > attempt:
        raise SystemExit(75)  # a later attempt has taken over
    data, name, stopping = json.dumps(state).encode(), f"{state['step']}-{attempt}", bool(stop)
    put(f"checkpoints/{name}/state.json", data)
    entry = {"checkpoint": name, "files": {"state.json": {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}}}
    counts = {"step": state["step"], "samples": state["samples"]}
    put("checkpoints/LATEST", entry | counts | {"attempt": attempt, "reason": "sigterm" if stopping else "interval", "previous": []})
    if stopping:
        raise SystemExit(143)
    if state["epoch"] == trial["epochs"]:
        break
    time.sleep(float(os.environ.get("LONGHAUL_STEP_DELAY_SECONDS", "0")))
    order = np.random.default_rng([trial["seed"], state["epoch"]]).permutation(len(parts))
    weights = np.array(state["weights"])
    sessions = load(parts[order[state["part"]]])
    for x, y in sessions:
        weights += rate * ((y > 0) - 1 / (1 + np.exp(-(x @ weights)))) @ x
    step, samples = state["step"] + 1, state["samples"] + len(sessions)
    state |= {"weights": weights.tolist(), "step": step, "samples": samples, "epoch": step // len(parts), "part": step % len(parts)}
    if state["part"] == 0:
        metrics = {"validation_ndcg_at_10": ndcg([session for part in validation for session in load(part)], weights)}
        record("validation", metrics=metrics)
        state["best"] = max(state["best"], [metrics["validation_ndcg_at_10"], -step, str(step)])
        put(f"exports/{step}/model.json", state["weights"])
        ready = {"export": str(step), "step": step, "samples": samples, "time": time.time(), "metrics": metrics, "bytes": 1}
        put(f"exports/{step}/READY", ready | {"savedModel": "model.json", "best": state["best"][2] == str(step)})
score, _, best = state["best"]
digest = hashlib.sha256(np.array(state["weights"]).tobytes()).hexdigest()
result = {"metrics": {"validation_ndcg_at_10": score}, "objective": score, "bestStep": int(best), "bestExport": best}
put("result.json", result | counts | {"steps": state["step"], "epochs": state["epoch"], "weightsSha256": digest})
record("end")
