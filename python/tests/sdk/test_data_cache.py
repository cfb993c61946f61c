"""Parts on the local disk: whole or fetched again, within their bound, shared, and never a reason to fail."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scenes import PATH

import longhaul.data.cache as caches
import longhaul.data.dataset as datasets
from longhaul.data.cache import FOLDER, HEADER, OWN, SIZE, PartCache, cache_of
from longhaul.data.dataset import DataSet
from longhaul.data.fetch import fetch  # noqa: F401  of the scripts below
from longhaul.data.manifest import Manifest, Part
from longhaul.policies import PartsPolicy

#: Whatever is free on the disk of who tests.
caches.FREE_SHARE = 0.0
ROWS = 40
PARTS = 6


class Far:
    """A store that counts what is asked for."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects
        self.asked: Counter[str] = Counter()

    def read_data(self, uri: str) -> bytes | None:
        self.asked[uri] += 1
        return self.objects.get(uri)


def part(number: int, data: bytes, uri: str = "gs://b/rows") -> Part:
    name = f"part-{number}.parquet"
    return Part(uri=f"{uri}/{name}", name=name, rows=ROWS, bytes=len(data), version="1")


def parquet(number: int) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"id": np.arange(number * ROWS, (number + 1) * ROWS)}), sink)
    return sink.getvalue().to_pybytes()


@pytest.fixture
def far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Far:
    objects = {f"gs://b/rows/part-{number}.parquet": parquet(number) for number in range(PARTS)}
    store = Far(objects)
    monkeypatch.setattr(datasets, "open_store", lambda uri: store)
    monkeypatch.setenv(FOLDER, str(tmp_path / "ssd"))
    monkeypatch.delenv(SIZE, raising=False)
    return store


def dataset(far: Far, *, epoch: int = 0, **policy: Any) -> DataSet:
    parts = tuple(part(number, far.objects[uri]) for number, uri in enumerate(sorted(far.objects)))
    manifest = Manifest("gs://b/rows", parts)
    return DataSet("train", manifest, seed=5, epoch=lambda: epoch, layout=None, features=(), parts=PartsPolicy(**policy))


def ids(data: DataSet) -> list[int]:
    return [value for batch in data.numpy(batch_size=7) for value in batch["id"].tolist()]


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"{OWN}/*/*") if not path.name.startswith("."))


def cache(folder: Path, group: str = "a", most: int = 10_000, said: list[str] | None = None) -> PartCache:
    return PartCache(folder, group, most, warn=(said if said is not None else []).append)


def on_disk(folder: Path) -> int:
    """Bytes of what is there, also while others write and remove."""
    total = 0
    for path in folder.glob(f"{OWN}/*/*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def test_a_second_epoch_fetches_nothing(far: Far, tmp_path: Path) -> None:
    first = ids(dataset(far))
    assert set(far.asked.values()) == {1} and len(far.asked) == PARTS
    second = ids(dataset(far, epoch=1))
    assert set(far.asked.values()) == {1}
    assert sorted(first) == sorted(second) == list(range(PARTS * ROWS)) and first != second
    assert len(files(tmp_path / "ssd")) == PARTS


@pytest.mark.parametrize("decoders", [0, 1, 4])
def test_neither_decoders_nor_a_cache_change_the_order(far: Far, decoders: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as uncached:
        uncached.setenv(FOLDER, "off")
        expected = ids(dataset(far, decoders=1))
        assert ids(dataset(far, decoders=decoders)) == expected
    loader = dataset(far, decoders=decoders).numpy(batch_size=7)
    for number in range(len(loader) + 1):
        assert [value for batch in loader.from_batch(number) for value in batch["id"].tolist()] == expected[number * 7 :]


@pytest.mark.parametrize("harm", ["a bit", "cut", "empty", "zeros", "longer"])
def test_what_is_torn_is_fetched_again_and_mended(far: Far, tmp_path: Path, harm: str, capfd: Any) -> None:
    expected = ids(dataset(far))
    path = files(tmp_path / "ssd")[2]
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 4
    path.write_bytes({"a bit": bytes(flipped), "cut": whole[:-9], "empty": b"", "zeros": bytes(len(whole)), "longer": whole + b"x"}[harm])
    assert ids(dataset(far)) == expected
    assert sorted(far.asked.values()) == [1] * (PARTS - 1) + [2]
    assert "is torn or corrupt" in capfd.readouterr().err
    assert ids(dataset(far)) == expected and sum(far.asked.values()) == PARTS + 1
    assert path.read_bytes() == whole


def test_the_bound_holds_and_what_lies_there_stays(tmp_path: Path) -> None:
    one = 100 + HEADER.size
    found = cache(tmp_path, most=3 * one)
    parts = [part(number, b"x" * 100) for number in range(5)]
    assert [found.put(each, b"x" * 100) for each in parts] == [True, True, True, False, False]
    assert on_disk(tmp_path) == 3 * one
    assert [found.get(each) is not None for each in parts] == [True, True, True, False, False]
    assert found.put(parts[0], b"x" * 100), "it lies there"


def test_a_data_set_that_nobody_uses_makes_room_the_longest_unused_first(tmp_path: Path) -> None:
    one = 100 + HEADER.size
    for age, group in ((300, "old"), (100, "older-than-none"), (200, "middle")):
        script = f"""
from test_data_cache import *
assert cache(Path({str(tmp_path)!r}), {group!r}).put(part(0, b"x" * 100), b"x" * 100)
"""
        subprocess.run([sys.executable, "-c", script], check=True, env=here())
        used = tmp_path / OWN / group / ".used"
        os.utime(used, (used.stat().st_mtime - age,) * 2)
    other = tmp_path / OWN / "somebody-elses"
    other.mkdir()
    (other / "file").write_bytes(b"x" * 10_000)
    found = cache(tmp_path, "mine", most=3 * one)
    assert found.put(part(0, b"x" * 100), b"x" * 100) and found.put(part(1, b"x" * 100), b"x" * 100)
    left = {path.name for path in (tmp_path / OWN).iterdir() if path.is_dir()}
    assert left == {"older-than-none", "mine", "somebody-elses"}


def test_a_data_set_that_somebody_trains_on_is_not_thrown_out(tmp_path: Path) -> None:
    mine, theirs = cache(tmp_path, "mine", most=150), cache(tmp_path, "theirs", most=150)
    assert theirs.put(part(0, b"x" * 100), b"x" * 100)
    assert not mine.put(part(0, b"y" * 100), b"y" * 100)
    assert theirs.get(part(0, b"x" * 100)) == b"x" * 100


def test_a_data_set_that_an_attempt_only_reads_is_not_thrown_out(tmp_path: Path) -> None:
    """A second trial finds every part and puts none."""
    script = f"""
from test_data_cache import *
assert cache(Path({str(tmp_path)!r}), "theirs", most=150).put(part(0, b"x" * 100), b"x" * 100)
"""
    subprocess.run([sys.executable, "-c", script], check=True, env=here())
    mine, theirs = cache(tmp_path, "mine", most=150), cache(tmp_path, "theirs", most=150)
    assert theirs.get(part(0, b"x" * 100)) == b"x" * 100
    assert not mine.put(part(0, b"y" * 100), b"y" * 100)
    assert theirs.get(part(0, b"x" * 100)) == b"x" * 100


class Sorted:
    """The entries of a folder in the order of their names, as a disk may list them."""

    def __init__(self, folder: Any, scan: Any = os.scandir) -> None:
        with scan(folder) as found:
            self.entries = sorted(found, key=lambda entry: entry.name)

    def __enter__(self) -> Iterator[Any]:
        return iter(self)

    def __exit__(self, *_: object) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        return iter(self.entries)


def test_what_is_left_of_a_removal_that_breaks_off_is_still_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What makes it a data set goes last."""
    script = f"""
from test_data_cache import *
found = cache(Path({str(tmp_path)!r}), "theirs", most=1_000)
assert all(found.put(part(number, b"x" * 100), b"x" * 100) for number in range(3))
"""
    subprocess.run([sys.executable, "-c", script], check=True, env=here())
    removed: list[str] = []
    real = os.unlink

    def noted(path: Any, **more: Any) -> None:
        real(path, **more)
        removed.append(Path(path).name)

    with monkeypatch.context() as watched:
        watched.setattr(os, "unlink", noted)
        watched.setattr(os, "scandir", Sorted)
        assert cache(tmp_path, "mine", most=150).put(part(0, b"y" * 100), b"y" * 100)
    assert len(removed) == 4 and removed[-1] == ".used"


def test_a_full_cache_does_not_stop_an_epoch(far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ids(dataset(far))
    parts = dataset(far).manifest.parts
    small = cache(tmp_path / "small", most=2 * (parts[0].bytes + HEADER.size) + 1)
    monkeypatch.setattr(datasets, "cache_of", lambda manifest: small)
    assert ids(dataset(far)) == expected and ids(dataset(far)) == expected
    assert 0 < on_disk(tmp_path / "small") <= 2 * (parts[0].bytes + HEADER.size) + 1


#: A disk that takes only so many bytes of a file: what is written breaks off in the middle.
FULL = """
import resource, signal
from test_data_cache import *
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
said = []
found = cache(Path({folder!r}), most=10**9, said=said)
assert found.put(part(0, b"x" * 50), b"x" * 50)
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
far = Far({{"gs://b/rows/part-1.parquet": b"y" * 9_000}})
for _ in range(3):
    assert fetch(far, part(1, b"y" * 9_000), found) == b"y" * 9_000
assert found.get(part(0, b"")) == b"x" * 50
assert len(said) == 1 and "cannot be written" in said[0] and "training goes on" in said[0], said
"""


def test_a_full_disk_is_told_once_and_leaves_nothing_behind(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", FULL.format(folder=str(tmp_path))], check=True, env=here())
    assert len(list(tmp_path.glob(f"{OWN}/*/*.tmp"))) == 0 and len(files(tmp_path)) == 1


def test_a_disk_that_is_nearly_full_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "FREE_SHARE", 1.0)
    said: list[str] = []
    found = cache(tmp_path, said=said)
    assert [found.put(part(number, b"x"), b"x") for number in range(3)] == [False] * 3 and files(tmp_path) == []
    assert len(said) == 1 and "leaves 100% of its disk free" in said[0]


@pytest.mark.parametrize("broken", ["a file", "dangling"])
def test_a_folder_that_cannot_be_used_is_told_once(far: Far, tmp_path: Path, broken: str, capfd: Any) -> None:
    path = tmp_path / "ssd"
    if broken == "a file":
        path.write_text("no folder")
    else:
        path.symlink_to(tmp_path / "none" / "there")
        (tmp_path / "none").write_text("")
    assert sorted(ids(dataset(far))) == sorted(ids(dataset(far)))
    assert capfd.readouterr().err.count("training goes on") == 1


@contextlib.contextmanager
def attempt(folder: Path, number: int) -> Iterator[subprocess.Popen[str]]:
    """Fills the cache over and over, as attempts do; each line is a round that was right."""
    script = f"""
from test_data_cache import *
import random
rng, found = random.Random({number}), cache(Path({str(folder)!r}), "shared", most=6_000)
while True:
    for number in rng.sample(range(12), 12):
        data = bytes([number]) * (700 + 10 * number)
        assert found.get(part(number, data)) in (None, data)
        assert fetch(Far({{part(number, data).uri: data}}), part(number, data), found) == data
        found._paused_until = 0.0
        if rng.random() < 0.3:
            found._path(part(number, data)).unlink(missing_ok=True)
    print("round", flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=here())
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_two_attempts_at_once_of_which_one_is_killed(tmp_path: Path) -> None:
    with attempt(tmp_path, 1) as first, attempt(tmp_path, 2) as second:
        assert first.stdout is not None and second.stdout is not None
        for _ in range(3):
            assert first.stdout.readline() == second.stdout.readline() == "round\n"
            assert on_disk(tmp_path) <= 6_000
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        for _ in range(3):
            assert second.stdout.readline() == "round\n"
            assert on_disk(tmp_path) <= 6_000


def test_only_what_is_far_and_known_by_a_version_is_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    known = (part(0, b"x"),)
    assert cache_of(Manifest("gs://b/rows", known)) is not None
    assert cache_of(Manifest("file:///rows", known)) is None
    assert cache_of(Manifest("gs://b/rows", (Part("gs://b/rows/a.parquet", "a.parquet"),))) is None
    monkeypatch.setenv(FOLDER, "off")
    assert cache_of(Manifest("gs://b/rows", known)) is None
    monkeypatch.delenv(FOLDER)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert cache_of(Manifest("gs://b/rows", known)) is None, "a pod has no disk of its own unless it is named"


def test_data_that_were_exported_anew_are_others(far: Far) -> None:
    before = Manifest("gs://b/rows", (Part("gs://b/rows/p", "p", version="1"),))
    after = Manifest("gs://b/rows", (Part("gs://b/rows/p", "p", version="2"),))
    first, second = cache_of(before), cache_of(after)
    assert first is not None and second is not None and first is cache_of(before)
    first.put(before.parts[0], b"old")
    assert first.get(before.parts[0]) == b"old" and second.get(after.parts[0]) is None


def here() -> dict[str, str]:
    path = os.pathsep.join([PATH, str(Path(__file__).parent)])
    return {**os.environ, "PYTHONPATH": path}


def test_the_header_is_what_it_was() -> None:
    """Caches outlive versions: another layout needs another magic word."""
    assert json.dumps([HEADER.size, HEADER.format]) == '[20, "<8sIQ"]'
