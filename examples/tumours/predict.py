"""Trains one model on the train split and writes a probability for each case of the test split."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

MODELS = {
    "boosting": lambda: GradientBoostingClassifier(random_state=0),
    "linear": lambda: make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=1000)),
}

inputs = json.loads(os.environ["LONGHAUL_INPUTS"])
parts = sorted(Path(inputs["parts"].removeprefix("file://")).glob("*.parquet"))
cases = pa.concat_tables([pq.read_table(part) for part in parts])
features = [name for name in cases.column_names if name not in ("id", "label", "size", "split")]
measured = np.column_stack([cases[name].to_numpy() for name in features])
train = cases["split"].to_numpy(zero_copy_only=False) == "train"
model = MODELS[inputs["model"]]().fit(measured[train], cases["label"].to_numpy()[train])
scores = pa.table({"id": cases["id"].to_numpy()[~train], "score": model.predict_proba(measured[~train])[:, 1]})
pq.write_table(scores, Path(os.environ["LONGHAUL_OUTPUT_DIR"]) / "scores.parquet")
outputs = {"scores": f"{os.environ['LONGHAUL_OUTPUT']}/scores.parquet", "trained_on": int(train.sum())}
Path(os.environ["LONGHAUL_OUTPUTS"]).write_text(json.dumps(outputs), encoding="utf-8")
print(f"{inputs['model']}: trained on {train.sum()} cases, scored {(~train).sum()}")
