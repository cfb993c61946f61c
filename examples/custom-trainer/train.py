"""A whole trainer that keeps the trial contract (docs/trial-contract.md): logistic regression, trained part by part."""

import hashlib
import json
import os
import pickle
import signal
import sys
import time
from pathlib import Path

stop = []
signal.signal(signal.SIGTERM, lambda number, frame: stop.append(number))  # before slow imports; answered between two steps

import numpy as np
import pyarrow.parquet as pq
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import ndcg_score

trial = json.loads(Path(os.environ["LONGHAUL_TRIAL"].removeprefix("file://")).read_text())
output, attempt = (
    Path(os.environ["LONGHAUL_OUTPUT"].removeprefix("file://")),
    int(os.environ["LONGHAUL_ATTEMPT"]),
)
latest, layout = output / "checkpoints" / "LATEST", trial["layout"]
features = [feature["name"] for feature in trial["features"] if feature["type"] == "numeric"]


def put(name, data):  # all or nothing, as object stores write
    target = output / name
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    temporary.write_bytes(data)
    temporary.replace(target)


def record(kind, **more):  # numbered without gaps; what was recorded before a kill is not repeated
    old = [json.loads(path.read_text()) for path in (output / "progress").glob("[0-9]*.json")]
    if kind == "start" or not any((other["kind"], other["step"]) == (kind, state["step"]) for other in old):
        where = {name: state[name] for name in ("step", "samples", "epoch", "part")}
        line = {
            "n": len(old) + 1,
            "time": time.time(),
            "attempt": attempt,
            "kind": kind,
            **where,
            **more,
        }
        put(f"progress/{len(old) + 1}.json", json.dumps(line).encode())


def commit(
    reason,
):  # the state first, LATEST last; a later attempt is never overwritten
    if latest.exists() and json.loads(latest.read_text())["attempt"] > attempt:
        sys.exit(75)
    data, name = pickle.dumps(state), f"{state['step']}-{attempt}"
    put(f"checkpoints/{name}/state.pkl", data)
    files = {"state.pkl": {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}}
    entry = {
        "checkpoint": name,
        "step": state["step"],
        "samples": state["samples"],
        "files": files,
    }
    put(
        "checkpoints/LATEST",
        json.dumps({**entry, "attempt": attempt, "reason": reason, "previous": []}).encode(),
    )


def load(part):  # one [candidate, feature] and one [candidate] array for each session
    for session in pq.read_table(part).column(layout["candidates"]).to_pylist():
        yield (
            np.array([[row[name] for name in features] for row in session]),
            np.array([row[layout["label"]] for row in session]),
        )


def validate():
    sessions = [pair for part in sorted(Path(trial["data"]["validation"].removeprefix("file://")).glob("*.parquet")) for pair in load(part)]
    ndcg = float(np.mean([ndcg_score([labels], [state["model"].decision_function(x)], k=10) for x, labels in sessions]))
    name, metrics = str(state["step"]), {"validation_ndcg_at_10": ndcg}
    record("validation", metrics=metrics)
    state["best"] = max(state["best"], (ndcg, -state["step"], name))  # the earlier one where two are equal
    data = pickle.dumps(state["model"])
    put(f"exports/{name}/model.pkl", data)
    ready = {
        "export": name,
        "step": state["step"],
        "samples": state["samples"],
        "time": time.time(),
        "metrics": metrics,
    }
    put(
        f"exports/{name}/READY",
        json.dumps(
            {
                **ready,
                "savedModel": "model.pkl",
                "bytes": len(data),
                "best": state["best"][2] == name,
            }
        ).encode(),
    )


parts = sorted(Path(trial["data"]["train"].removeprefix("file://")).glob("*.parquet"))
if not parts:
    sys.exit(66)  # no input: trying again would not help
model = SGDClassifier(
    loss="log_loss",
    alpha=trial["parameters"].get("alpha", 1e-3),
    random_state=trial["seed"],
)
state = {
    "model": model,
    "step": 0,
    "samples": 0,
    "epoch": 0,
    "part": 0,
    "best": (-1.0, 0, ""),
}
if latest.exists():
    state = pickle.loads((latest.parent / json.loads(latest.read_text())["checkpoint"] / "state.pkl").read_bytes())
commit("interval")  # puts this attempt's number on LATEST: an older attempt ends
record("start")
while state["epoch"] < trial["epochs"]:
    if stop:
        commit("sigterm")
        sys.exit(143)
    order = np.random.default_rng([trial["seed"], state["epoch"]]).permutation(len(parts))  # of the position alone
    sessions = list(load(parts[order[state["part"]]]))
    x, labels = (np.concatenate(columns) for columns in zip(*sessions, strict=True))
    state["model"].partial_fit(x, labels > 0, classes=[False, True])
    turn = state["epoch"] * len(parts) + state["part"] + 1
    state |= {
        "step": turn,
        "samples": state["samples"] + len(sessions),
        "epoch": turn // len(parts),
        "part": turn % len(parts),
    }
    if state["part"] == 0:
        validate()
    commit("interval")
    time.sleep(float(os.environ.get("LONGHAUL_STEP_DELAY_SECONDS", "0")))
ndcg, step, best = state["best"]
weights = hashlib.sha256(state["model"].coef_.tobytes() + state["model"].intercept_.tobytes()).hexdigest()
result = {
    "metrics": {"validation_ndcg_at_10": ndcg},
    "objective": ndcg,
    "bestStep": -step,
    "steps": state["step"],
    "samples": state["samples"],
}
put(
    "result.json",
    json.dumps(
        {
            **result,
            "epochs": state["epoch"],
            "bestExport": best,
            "weightsSha256": weights,
        }
    ).encode(),
)
record("end")
