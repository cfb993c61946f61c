"""Reads the parts with each client and prints seconds and processor seconds as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

AT_ONCE = 4
ROUNDS = 5


def obstore(bucket: str) -> Callable[[str], int]:
    from longhaul.store.gcs import GcsStore

    store = GcsStore()
    return lambda name: len(store.read_data(f"gs://{bucket}/{name}") or b"")


def pyarrow(bucket: str) -> Callable[[str], int]:
    from pyarrow.fs import GcsFileSystem

    files = GcsFileSystem(anonymous=True, scheme="http", endpoint_override=urlsplit(os.environ["STORAGE_EMULATOR_HOST"]).netloc)
    return lambda name: int(files.open_input_file(f"{bucket}/{name}").readall().__len__())


def google(bucket: str) -> Callable[[str], int]:
    from longhaul.store.gcs import client

    files = client().bucket(bucket)
    return lambda name: len(files.blob(name).download_as_bytes())


def main(bucket: str, parts: int, part_bytes: int) -> None:
    readers = {make.__name__: make(bucket) for make in (obstore, pyarrow, google)}
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in readers}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in range(ROUNDS):
            for name, read in readers.items():
                began, cpu = time.perf_counter(), time.process_time()
                sizes = list(pool.map(read, [f"part-{n}" for n in range(parts)]))
                taken[name].append((time.perf_counter() - began, time.process_time() - cpu))
                assert sizes == [part_bytes] * parts, f"{name}: {sizes}"
    fastest = {name: min(rounds) for name, rounds in taken.items()}
    found = {f"{name}_s": round(seconds, 3) for name, (seconds, _) in fastest.items()}
    print(json.dumps(found | {f"{name}_cpu_s": round(cpu, 3) for name, (_, cpu) in fastest.items()}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
