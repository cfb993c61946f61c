"""PyTorch's half of `npm run bench -- input`: a process of its own, since PyTorch may belong to another Python than the trainer.

    python with_torch.py ROOT BATCH ROUNDS WARM COUNTED

ROOT holds `bucket/train`; the same parts lie behind latency in `gs://bucket/train`. Prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import cycle, islice, pairwise
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
import torch
from longhaul.data import cache as caches
from longhaul.data.cache import PartCache, cache_of
from longhaul.data.dataset import DataSet
from longhaul.data.manifest import Manifest, load_manifest
from longhaul.policies import PartsPolicy
from longhaul.store import open_store

from support.data import CATEGORICAL, NUMERIC, features

LAYOUT = {"kind": "nested", "candidates": "candidates", "session": "session", "item": "item", "label": "label"}
#: Of an embedding of a category's thousand buckets.
WIDTH = 8


class Network(torch.nn.Module):
    """The size of the reference trainer's: 128 and 64 units over numbers and embedded categories."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = torch.nn.ModuleList(torch.nn.Embedding(1000, WIDTH) for _ in range(CATEGORICAL))
        sizes = (NUMERIC + CATEGORICAL * WIDTH, 128, 64)
        hidden = [layer for size in pairwise(sizes) for layer in (torch.nn.Linear(*size), torch.nn.ReLU())]
        self.layers = torch.nn.Sequential(*hidden, torch.nn.Linear(64, 1))

    def forward(self, x: Any) -> Any:
        codes = x[:, NUMERIC:].long()
        embedded = [embedding(codes[:, number]) for number, embedding in enumerate(self.embeddings)]
        return self.layers(torch.cat([x[:, :NUMERIC], *embedded], dim=1))[:, 0]


def main(root: Path, batch_size: int, rounds: int, warm: int, counted: int) -> dict[str, Any]:
    torch.manual_seed(1)
    torch.set_num_threads(1)
    network = Network()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)

    def step(batch: Any) -> int:
        x, y = batch
        optimizer.zero_grad()
        torch.nn.functional.binary_cross_entropy_with_logits(network(x), y).backward()
        optimizer.step()
        return len(y)

    near = load_manifest(open_store("file:///"), f"file://{root}/bucket/train")
    far = replace(near, uri="gs://bucket/train", parts=tuple(replace(part, uri=f"gs://bucket/train/{part.name}") for part in near.parts))
    caches.FREE_SHARE = 0.0  # however full this disk is
    cache = cache_of(far)
    assert cache is not None
    fill(far, cache)
    memory = list(islice(loader(near, batch_size, 0), counted))
    rate(memory[:8], step, 0)
    rates: dict[str, list[tuple[float, float]]] = {"memory": [], "local": [], "cached": []}
    for number in range(1, rounds + 1):  # in turn, so that a busy moment of the machine touches all alike
        sources: dict[str, Callable[[], Iterable[Any]]] = {
            "memory": lambda: cycle(memory),
            "local": lambda number=number: loader(near, batch_size, number),
            "cached": lambda number=number: loader(far, batch_size, number),
        }
        for name, source in sources.items():
            rates[name].append(rate(islice(source(), warm + counted), step, warm))
        print(", ".join(f"PyTorch, {name} {values[-1][0]:,.0f} rows/s" for name, values in rates.items()), file=sys.stderr, flush=True)

    def ratio(name: str, beside: str, of: int = 0) -> float:
        return round(median(one[of] / other[of] for one, other in zip(rates[name], rates[beside], strict=True)), 4)

    def usual(name: str) -> int:
        return round(median(rows for rows, _ in rates[name]))

    return {
        "torch": torch.__version__,
        "torch_memory_rows_per_s": usual("memory"),
        "torch_rows_per_s": usual("local"),
        "cached_rows_per_s": usual("cached"),
        "torch_ratio": ratio("local", "memory"),
        "cached_ratio": ratio("cached", "local"),
        "cached_memory_ratio": ratio("cached", "memory"),
        # What one processor alone would give, whatever else the machine does.
        "torch_cpu_ratio": ratio("local", "memory", 1),
        "cached_cpu_ratio": ratio("cached", "local", 1),
    }


def loader(manifest: Manifest, batch_size: int, epoch: int) -> Iterator[Any]:
    data = DataSet(
        "train", manifest, seed=1, epoch=lambda: epoch, layout=LAYOUT, features=tuple(features()), parts=PartsPolicy()
    )  # fmt: skip
    return iter(data.torch(batch_size))


def fill(manifest: Manifest, cache: PartCache) -> None:
    """A first epoch, which fetches every part."""
    data = DataSet("first", manifest, seed=1, epoch=lambda: 0, layout=LAYOUT, features=(), parts=PartsPolicy())
    began = time.perf_counter()
    data.arrow(columns=["session"])
    missing = [part.name for part in manifest.parts if cache.get(part) is None]
    if missing:
        raise SystemExit(f"{len(missing)} of {len(manifest.parts)} parts are not in the cache: is the disk full?")
    print(f"first epoch fetched in {time.perf_counter() - began:.1f} s", file=sys.stderr, flush=True)


def rate(source: Iterable[Any], step: Callable[[Any], int], warm: int) -> tuple[float, float]:
    """Rows per second, and per second of processor time of all threads, after some batches that do not count."""
    iterator = iter(source)
    for batch in islice(iterator, warm):
        step(batch)
    rows, began, used = 0, time.perf_counter(), time.process_time()
    for batch in iterator:
        rows += step(batch)
    return rows / (time.perf_counter() - began), rows / (time.process_time() - used)


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), *map(int, sys.argv[2:6]))))
