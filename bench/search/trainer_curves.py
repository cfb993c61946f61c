"""Learning curves of the reference trainer itself, as `curves.py` makes them of others' models.

`PYTHONPATH=python python trainer_curves.py 48 16` prints the committed `trainer-curves.json`, which the bench reads: each configuration is
an attempt of its own, of some seconds, on sessions whose purchases follow a hidden utility.
"""

from __future__ import annotations

import itertools
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

sys.path.insert(0, str(Path(__file__).parent.parent))
from support.attempts import Attempt
from support.data import trial

METRIC = "validation_ndcg_at_10"
NUMERIC = 8
BRANDS = 40
AT_ONCE = 2


def features() -> list[dict[str, Any]]:
    numeric = [{"name": f"f{index}", "type": "numeric", "default": 0, "mean": 0.0, "stddev": 1.0} for index in range(NUMERIC)]
    return [*numeric, {"name": "brand", "type": "categorical", "default": "", "buckets": 100}]


def write_sessions(directory: Path, sessions: int, seed: int) -> str:
    """One part; of each session the candidate with the highest utility and noise is bought."""
    directory.mkdir(parents=True)
    world, rng = np.random.default_rng(0), np.random.default_rng(seed)
    weights, tastes = world.normal(size=NUMERIC), world.normal(size=BRANDS)
    lengths = rng.integers(10, 40, sessions)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    total = int(offsets[-1])
    values, brands = rng.normal(size=(total, NUMERIC)), rng.integers(0, BRANDS, total)
    utility = np.tanh(values) @ weights + values[:, 0] * values[:, 1] + tastes[brands] + rng.gumbel(size=total)
    label = np.zeros(total)
    for begin, end in itertools.pairwise(offsets):
        label[begin + int(np.argmax(utility[begin:end]))] = 1.0
    columns = {f"f{index}": pa.array(values[:, index]) for index in range(NUMERIC)}
    columns |= {"brand": pa.array([f"b{brand}" for brand in brands]), "label": pa.array(label), "item": pa.array(np.arange(total))}
    structs = pa.StructArray.from_arrays(list(columns.values()), names=list(columns))
    path = directory / "part-00000.parquet"
    pq.write_table(
        pa.table({"session": pa.array(np.arange(sessions)), "candidates": pa.ListArray.from_arrays(pa.array(offsets), structs)}), path
    )
    part = {"name": path.name, "rows": sessions, "bytes": path.stat().st_size, "generation": "1", "crc32c": None}
    manifest = {"uri": f"file://{directory}", "table": "bench.t", "tableVersion": "1", "rows": sessions, "bytes": 0, "parts": [part]}
    (directory / "manifest.json").write_text(json.dumps(manifest))
    return f"file://{directory}"


def configuration(generator: np.random.Generator) -> dict[str, Any]:
    return {
        "learning_rate": float(10 ** generator.uniform(-4, -1)),
        "dropout": float(generator.uniform(0, 0.5)),
        "hidden_units": [[16], [64, 32], [128, 64]][int(generator.integers(3))],
        "loss": str(generator.choice(["softmax", "pairwise_logistic"])),
        "batch_size": int(2 ** generator.integers(3, 7)),
    }


def curve_of(output: Path) -> list[float]:
    paths = sorted((output / "progress").glob("[0-9]*.json"), key=lambda path: int(path.stem))
    records = [json.loads(path.read_text()) for path in paths]
    return [float(record["metrics"][METRIC] or 0.0) for record in records if record["kind"] == "validation"]


def main() -> None:
    count, points = int(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        data = {"train": write_sessions(root / "train", 1500, 1), "validation": write_sessions(root / "validation", 400, 2)}
        generator = np.random.default_rng(0)
        drawn = [configuration(generator) for _ in range(count)]
        running: dict[int, Attempt] = {}
        for index, parameters in enumerate([*drawn, *[None] * AT_ONCE]):
            while len(running) >= AT_ONCE or (parameters is None and running):
                running = {key: attempt for key, attempt in running.items() if not attempt.ended()}
                time.sleep(0.1)
            if parameters is None:
                continue
            document = trial(
                root / f"trial-{index}",
                data["train"],
                features=features(),
                epochs=points,
                parameters=parameters,
                exportEveryValidations=10 * points,
                objective={"metric": METRIC, "goal": "maximize"},
            )
            document["data"] = data
            path = root / f"trial-{index}.json"
            path.write_text(json.dumps(document))
            running[index] = Attempt(
                {"LONGHAUL_TRIAL": f"file://{path}", "LONGHAUL_ATTEMPT": "1"}, root / f"log-{index}", root / f"notes-{index}"
            )
            print(index, file=sys.stderr)
        table = [{"parameters": parameters, "curve": curve_of(root / f"trial-{index}")} for index, parameters in enumerate(drawn)]
        short = [index for index, entry in enumerate(table) if len(entry["curve"]) != points]
        if short:
            sys.exit((root / f"log-{short[0]}").read_text()[-3000:])
    print(json.dumps({"reference-trainer": table}))


if __name__ == "__main__":
    main()
