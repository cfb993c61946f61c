"""`npm run bench -- input`: training from the object store beside training from memory, on two cores.

From memory means batches that lie ready; the same network takes the same batches from parquet parts in a local
directory, and from a store in which each request takes 50 ms. Row by row is the generator that one writes first.
Memory is the peak of a process of its own. PyTorch trains a network of the same size through `trial.data(…).torch()`: from
memory, from local parts, and in a second epoch over the slow store. Where this machine has no PyTorch, `torch` says why.
`--torch` measures nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from support.data import WORDS, features, trial, write_parts

CORES = 2
#: Sessions in a step: about 12,000 candidates.
BATCH = 128
PARTS, SESSIONS = 12, 500
#: Rounds of each way in turn; ratios are medians over the rounds, so that a busy moment of the machine touches all ways alike.
ROUNDS = 12
#: Batches of a round: those at first fill the queues, or empty what was made ahead, and do not count.
WARM, COUNTED = 24, 64
LATENCY_SECONDS = 0.05
#: Of PyTorch: all batches of a round lie within one epoch, with which the SDK's loader ends.
TORCH_ROUNDS, TORCH_WARM, TORCH_COUNTED = 5, 4, 12
#: The newest that go with Debian's python3-torch, which is built for numpy 1.
BESIDE_DEBIANS_TORCH = "numpy==1.24.4\npyarrow==17.0.0\nobstore==0.12.1\n"
ROW_BY_ROW_SESSIONS = 60
MEMORY_SESSIONS = 100


def main() -> None:
    parser = argparse.ArgumentParser(prog="npm run bench -- input")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    parser.add_argument("--torch", action="store_true", help="measure PyTorch's half only")
    only_torch = parser.parse_args().torch
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="longhaul-bench-") as temporary:
        root = Path(temporary)
        began = time.monotonic()
        uri = write_parts(root / "bucket" / "train", distinct=PARTS, parts=PARTS, sessions=SESSIONS)
        note(f"data written in {time.monotonic() - began:.0f} s")
        server = subprocess.Popen(
            [sys.executable, str(Path(__file__).parent / "support" / "slow_store.py"), str(root), str(LATENCY_SECONDS)],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert server.stdout is not None
            os.environ["STORAGE_EMULATOR_HOST"] = f"http://127.0.0.1:{server.stdout.readline().strip()}"
            os.environ["LONGHAUL_DATA_CACHE"] = "off"  # or all but the first round would read this disk
            os.sched_setaffinity(0, set(cores[:CORES]))
            found = {**({} if only_torch else measure(root, uri)), **with_torch(root)}
        finally:
            server.terminate()
            server.wait()
        for parts in () if only_torch else (20, 1000):
            name = f"peak_mb_{parts}_parts"
            found[name] = peak_mb(root, write_parts(root / name, distinct=20, parts=parts, sessions=MEMORY_SESSIONS))
            note(f"{name}: {found[name]}")
    print(json.dumps({**found, "cores": min(CORES, len(cores)), "latency_ms": LATENCY_SECONDS * 1000}))


def note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def with_torch(root: Path) -> dict[str, Any]:
    """PyTorch's figures; without it they are null."""
    python, missing = python_with_torch()
    if python is None:
        note(f"PyTorch is left out: {missing}")
        return {"torch": f"none: {missing}", "torch_ratio": None, "cached_ratio": None, "cached_memory_ratio": None}
    sizes = (str(number) for number in (BATCH, TORCH_ROUNDS, TORCH_WARM, TORCH_COUNTED))
    done = subprocess.run(
        [python, str(Path(__file__).parent / "input" / "with_torch.py"), str(root), *sizes],
        # One thread for the network, as TensorFlow has it; `torch.set_num_threads` does not reach every BLAS.
        env={**os.environ, "LONGHAUL_DATA_CACHE": str(root / "cache"), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return {**json.loads(done.stdout), "torch_python": python}


def python_with_torch() -> tuple[str | None, str]:
    """This Python, or the system's with what it lacks beside Debian's PyTorch; otherwise why there is none."""
    for python in (sys.executable, "/usr/bin/python3"):
        if not os.path.exists(python) or subprocess.run([python, "-c", "import torch"], capture_output=True, check=False).returncode:
            continue
        if subprocess.run([python, "-c", "import torch, pyarrow, obstore"], capture_output=True, check=False).returncode == 0:
            return python, ""
        ask = f"from longhaul.launch.environment import environment_for; print(environment_for({BESIDE_DEBIANS_TORCH!r}, inherit=True))"
        made = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
        if made.returncode == 0:
            return made.stdout.strip(), ""
        return None, f"its requirements cannot be installed: {(made.stderr.strip().splitlines() or ['no message'])[-1]}"
    return None, "no Python here imports torch (apt-get install python3-torch is enough)"


def make(root: Path, uri: str) -> tuple[Any, Any, Any]:
    """A learner, its data set and the trial, as `train` makes them."""
    from longhaul_trainer.model.runtime import tensorflow
    from longhaul_trainer.trial import parse_trial

    asked = parse_trial(trial(root / "out", uri), "bench")
    tensorflow(asked.threads, asked.seed)
    from longhaul.data.manifest import load_manifest
    from longhaul.store import open_store
    from longhaul_trainer.data.stream import DataSet
    from longhaul_trainer.model.learner import Learner, hash_texts
    from longhaul_trainer.model.own import find_build
    from longhaul_trainer.model.parameters import Taken, training_parameters

    taken = Taken(asked.parameters)
    learner = Learner(find_build(None), None, asked.features, taken, training_parameters(taken), asked.seed)
    store = open_store(uri)
    local = load_manifest(open_store("file:///"), f"file://{root}/{uri.removeprefix('gs://')}" if uri.startswith("gs://") else uri)
    if uri.startswith("gs://"):
        from dataclasses import replace

        local = replace(local, uri=uri, parts=tuple(replace(part, uri=f"{uri}/{part.name}") for part in local.parts))
    return learner, DataSet(store, local, asked.layout, asked.features, hash_texts, asked.parts), asked


def batches(data: Any, asked: Any, epochs: int) -> Iterator[Any]:
    """Batches from the beginning."""
    from longhaul_trainer.data.batches import Position
    from longhaul_trainer.data.stream import stream_training

    return stream_training(data, Position(0, 0, 0), epochs, seed=asked.seed, batch_size=BATCH, sample_candidates=0, bad=())


def train(learner: Any, source: Any, warm: int = 0) -> tuple[float, float]:
    """Rows per second and the share of time waiting for input, after some batches that do not count."""
    iterator = iter(source)
    for batch in islice(iterator, warm):
        learner.step(batch, 0.001)
    rows, waited, began = 0, 0.0, time.perf_counter()
    while True:
        before = time.perf_counter()
        batch = next(iterator, None)
        waited += time.perf_counter() - before
        if batch is None:
            break
        learner.step(batch, 0.001)
        rows += len(batch.numeric)
    seconds = time.perf_counter() - began
    return rows / seconds, waited / seconds


def measure(root: Path, uri: str) -> dict[str, Any]:
    from longhaul_trainer.data.stream import Ahead

    learner, local, asked = make(root, uri)
    _, slow, _ = make(root, "gs://bucket/train")
    memory = list(batches(local, asked, 1))
    train(learner, memory[:20])  # traces the step
    rates: dict[str, list[tuple[float, float]]] = {"memory": [], "local": [], "latency": []}
    for _ in range(ROUNDS):  # in turn, so that a busy moment of the machine touches all alike
        rates["memory"].append(train(learner, islice(cycle(memory), WARM + COUNTED), WARM))
        for name, data in (("local", local), ("latency", slow)):
            with Ahead(partial(batches, data, asked, 1000)) as ahead:
                rates[name].append(train(learner, islice(ahead, WARM + COUNTED), WARM))
        note(", ".join(f"{name} {values[-1][0]:,.0f} rows/s, {values[-1][1]:.1%} waiting" for name, values in rates.items()))
    rate = {name: median(rows for rows, _ in values) for name, values in rates.items()}
    wait = {name: median(share for _, share in values) for name, values in rates.items()}

    def ratio(name: str) -> float:
        return round(median(rows / memory for (rows, _), (memory, _) in zip(rates[name], rates["memory"], strict=True)), 4)

    rows = row_by_row(learner, root, asked)
    return {
        "memory_rows_per_s": round(rate["memory"]),
        "local_rows_per_s": round(rate["local"]),
        "latency_rows_per_s": round(rate["latency"]),
        "row_by_row_rows_per_s": round(rows),
        "local_ratio": ratio("local"),
        "latency_ratio": ratio("latency"),
        "row_by_row_ratio": round(rows / rate["memory"], 4),
        "wait_share": round(wait["local"], 4),
        "latency_wait_share": round(wait["latency"], 4),
        "threads": asked.threads,
    }


def row_by_row(learner: Any, root: Path, asked: Any) -> float:
    """A Python generator of rows through `tf.data`, grouped to sessions again: correct, and slow."""
    import numpy as np
    import pyarrow.parquet as pq
    import tensorflow as tf
    from longhaul_trainer.data.batches import Batch, Position
    from longhaul_trainer.model.learner import hash_texts

    numeric = [feature["name"] for feature in features() if feature["type"] == "numeric"]
    words = [feature["name"] for feature in features() if feature["type"] == "categorical"]

    bucket = dict(zip(WORDS, hash_texts(WORDS, 1000).tolist(), strict=True))

    def rows() -> Iterator[Any]:
        table = pq.read_table(root / "bucket" / "train" / "part-00000.parquet").slice(0, ROW_BY_ROW_SESSIONS)
        for session in table.to_pylist():
            for row in session["candidates"]:
                yield session["session"], [row[name] for name in numeric], [bucket[row[name]] for name in words], row["label"]

    kinds = ((), tf.int64), ((len(numeric),), tf.float32), ((len(words),), tf.int32), ((), tf.float32)
    data = tf.data.Dataset.from_generator(rows, output_signature=tuple(tf.TensorSpec(*kind) for kind in kinds))
    count, began = 0, time.perf_counter()
    held: list[Any] = []

    def flush() -> None:
        size = len(held)
        batch = Batch(
            numeric=np.stack([row[1] for row in held]),
            categorical=np.stack([row[2] for row in held]),
            slots=np.arange(size, dtype=np.int32),
            labels=np.array([[row[3] for row in held]], np.float32),
            mask=np.ones((1, size), bool),
            end=Position(0, 0, 0),
        )
        learner.step(batch, 0.001)
        held.clear()

    for row in data.prefetch(tf.data.AUTOTUNE).as_numpy_iterator():
        if held and held[-1][0] != row[0]:
            flush()
        held.append(row)
        count += 1
    flush()
    return count / (time.perf_counter() - began)


def peak_mb(root: Path, uri: str) -> int:
    """Peak resident memory of one epoch over a data set, in a process of its own."""
    done = subprocess.run([sys.executable, __file__, "--peak", str(root), uri], capture_output=True, text=True, check=True)
    return int(done.stdout)


def peak(root: Path, uri: str) -> None:
    from longhaul_trainer.data.stream import Ahead

    learner, data, asked = make(root, uri)
    with Ahead(lambda: batches(data, asked, 1)) as ahead:
        train(learner, ahead)
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    print(int(line.split()[1]) // 1024)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        peak(Path(sys.argv[2]), sys.argv[3])
    else:
        from longhaul_trainer.model.runtime import prepare_environment

        prepare_environment()
        main()
    sys.stdout.flush()
    os._exit(0)
