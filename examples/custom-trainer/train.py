"""A whole trainer that keeps the trial contract (docs/trial-contract.md): logistic regression, trained part by part."""

import fcntl
import hashlib
import json
import os
import pickle
import signal
import time
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pyarrow.parquet as pq
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import ndcg_score

stop = []
signal.signal(signal.SIGTERM, lambda number, frame: stop.append(number))  # answered between two steps
trial = json.loads(Path(unquote(os.environ["LONGHAUL_TRIAL"][7:])).read_text())  # of file:// URIs, which are percent-encoded
output, attempt = Path(unquote(os.environ["LONGHAUL_OUTPUT"][7:])), int(os.environ["LONGHAUL_ATTEMPT"])
latest, features = output / "checkpoints" / "LATEST", [feature["name"] for feature in trial["features"] if feature["type"] == "numeric"]


def put(name, value):  # all or nothing, as object stores write
    (output / name).parent.mkdir(parents=True, exist_ok=True)
    (temporary := output / f".{os.getpid()}").write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
    temporary.replace(output / name)


def record(kind, **more):  # numbered without gaps; what was recorded before a kill is not repeated
    old = [json.loads(path.read_text()) for path in (output / "progress").glob("[0-9]*.json")]
    if kind == "start" or (kind, state["step"]) not in [(other["kind"], other["step"]) for other in old]:
        line = {"n": len(old) + 1, "time": time.time(), "attempt": attempt, "kind": kind, **more}
        put(f"progress/{line['n']}.json", line | {name: state[name] for name in ("step", "samples", "epoch", "part")})


def load(part):  # [candidate, feature] and [candidate] of each session
    sessions = pq.read_table(part).column(trial["layout"]["candidates"]).to_pylist()
    return [([[row[name] for name in features] for row in rows], [row[trial["layout"]["label"]] for row in rows]) for rows in sessions]


parts, validation = (sorted(Path(unquote(trial["data"][name][7:])).glob("*.parquet")) for name in ("train", "validation"))
model = SGDClassifier(loss="log_loss", alpha=trial["parameters"].get("alpha", 1e-3), random_state=trial["seed"])
inputs = {name: trial[name] for name in ("seed", "parameters", "data", "epochs")}
state = {"model": model, "step": 0, "samples": 0, "epoch": 0, "part": 0, "best": (-1.0, 0, ""), "inputs": inputs}
if latest.exists():
    state = pickle.loads((latest.parent / json.loads(latest.read_text())["checkpoint"] / "state").read_bytes())
if not parts or state["inputs"] != inputs:
    raise SystemExit(66 if not parts else 78)  # no input, or a checkpoint of another training: trying again would not help
record("start")
while True:
    data, name, counts = pickle.dumps(state), f"{state['step']}-{attempt}", {key: state[key] for key in ("step", "samples")}
    entry = {"checkpoint": name, "files": {"state": {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}}, "attempt": attempt}
    with (output / "lock").open("w") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)  # nobody else looks at LATEST and writes it meanwhile
        if latest.exists() and json.loads(latest.read_text())["attempt"] > attempt:
            raise SystemExit(75)  # a later attempt has taken over
        put(f"checkpoints/{name}/state", data)  # the state first, LATEST last
        put("checkpoints/LATEST", {**entry, **counts, "reason": "sigterm" if (stopping := bool(stop)) else "interval", "previous": []})
    if stopping or state["epoch"] == trial["epochs"]:
        break
    time.sleep(float(os.environ.get("LONGHAUL_STEP_DELAY_SECONDS", "0")))
    sessions = load(parts[np.random.default_rng([trial["seed"], state["epoch"]]).permutation(len(parts))[state["part"]]])  # by position
    x, labels = (np.concatenate(columns) for columns in zip(*sessions, strict=True))
    state["model"].partial_fit(x, labels > 0, classes=[False, True])
    step, samples = state["step"] + 1, state["samples"] + len(sessions)
    state |= {"step": step, "samples": samples, "epoch": step // len(parts), "part": step % len(parts)}
    if state["part"] == 0:  # an epoch is over: a point of the learning curve, and an export
        scored = [ndcg_score([y], [state["model"].decision_function(x)], k=10) for part in validation for x, y in load(part)]
        metrics, data = {"validation_ndcg_at_10": float(np.mean(scored))}, pickle.dumps(state["model"])
        record("validation", metrics=metrics)
        print(f"epoch {state['epoch']}: {metrics}", flush=True)
        state["best"] = max(state["best"], (metrics["validation_ndcg_at_10"], -step, str(step)))  # the earlier one of two equal ones
        put(f"exports/{step}/model.pkl", data)
        ready = {"export": str(step), "step": step, "samples": samples, "time": time.time(), "metrics": metrics, "bytes": len(data)}
        put(f"exports/{step}/READY", {**ready, "savedModel": "model.pkl", "best": state["best"][2] == str(step)})
if stopping:
    raise SystemExit(143)
ndcg, _, best = state["best"]
weights = hashlib.sha256(state["model"].coef_.tobytes() + state["model"].intercept_.tobytes()).hexdigest()
result = {"metrics": {"validation_ndcg_at_10": ndcg}, "objective": ndcg, "bestStep": int(best), "bestExport": best}
put("result.json", {**result, **counts, "steps": state["step"], "epochs": state["epoch"], "weightsSha256": weights})
record("end")
