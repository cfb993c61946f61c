"""The Breast Cancer Wisconsin (Diagnostic) data set as it comes with scikit-learn: 569 cases, 30 measurements, malignant or not."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.datasets import load_breast_cancer

data = load_breast_cancer()
columns = {name.replace(" ", "_"): data.data[:, index] for index, name in enumerate(data.feature_names)}
# scikit-learn says 0 for malignant; what is to be found is 1 here.
table = pa.table({"id": list(range(len(data.target))), "label": [int(target == 0) for target in data.target], **columns})
pq.write_table(table, Path(os.environ["LONGHAUL_OUTPUT_DIR"]) / "cases.parquet")
outputs = {"cases": f"{os.environ['LONGHAUL_OUTPUT']}/cases.parquet", "columns": len(columns)}
Path(os.environ["LONGHAUL_OUTPUTS"]).write_text(json.dumps(outputs), encoding="utf-8")
print(f"{table.num_rows} cases of {len(columns)} measurements")
