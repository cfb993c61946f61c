"""Parts on a local disk: a second epoch, another trial or the next attempt on this machine need not fetch them again.

A cache can only help: what is torn is fetched again, and whatever its disk says, the training goes on without it. Data
sets that somebody trains on are never thrown out, and once the cache is full what lies there stays: an epoch reads each
part once in an order of its own, so that replacing the oldest would throw out what comes next.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from ..document import warn
from ..launch.tools import cache_directory
from ..store.base import Chunk
from .manifest import Manifest, Part

#: A folder, such as one of a local SSD; `off` for none.
FOLDER = "LONGHAUL_DATA_CACHE"
#: Below it; nothing else of the disk is counted or removed.
OWN = "longhaul-parts"
#: Megabytes of all data sets together.
SIZE = "LONGHAUL_DATA_CACHE_MB"
DEFAULT_MB = 20_000
#: Of the disk that stays free: a kubelet evicts pods from one that is fuller.
FREE_SHARE = 0.1
#: Until a cache that is full, or whose disk failed, is asked again.
PAUSE_SECONDS = 60.0
#: A lock is held for as long as counting takes; who waits longer goes on without.
LOCK_SECONDS = 2.0
#: What a writer that died left behind.
ABANDONED_SECONDS = 3600.0

MAGIC = b"longhaul"
#: Magic, CRC-32 and length of what follows.
HEADER = struct.Struct("<8sIQ")


class PartCache:
    """The parts of one data set; several processes use it at once.

    Example:
        >>> part = Part("gs://b/p/part-0.parquet", "part-0.parquet")
        >>> cache = PartCache(Path("/tmp"), "a-data-set", 1000)
        >>> cache.put(part, b"rows"), cache.get(part)
        (True, b'rows')
    """

    def __init__(self, folder: Path, group: str, most_bytes: int, warn: Callable[[str], None] = warn) -> None:
        self._root = folder / OWN
        self._group = self._root / group
        self._most = most_bytes
        self._warn = warn
        self._warned: set[str] = set()
        self._paused_until = 0.0
        #: Held while this process lives, so that nobody throws its data set out.
        self._used: int | None = None

    def get(self, part: Part) -> bytes | None:
        """What lies here whole; None: it is to be fetched."""
        path = self._path(part)
        try:
            with path.open("rb", buffering=0) as file:  # read() of a buffered file copies all of it once more
                head, data = file.read(HEADER.size), file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            self._without(f"cannot be read: {error.strerror}")
            return None
        if head == _header(data):
            self._hold()
            return data
        self._say(f"{path} is torn or corrupt; {part.name} is fetched again")
        with suppress(OSError):
            path.unlink()
        return None

    def put(self, part: Part, data: Chunk) -> bool:
        """Whether it lies there now. Never raises for what the disk says."""
        path = self._path(part)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
        try:
            if path.exists():
                return True
            if time.monotonic() < self._paused_until:
                return False
            try:
                if not self._reserve(path, temporary, HEADER.size + len(data)):
                    return path.exists()
                with temporary.open("r+b", buffering=0) as file:
                    for chunk in (_header(data), data):
                        _write_all(file.fileno(), memoryview(chunk).cast("B"))
                os.replace(temporary, path)
            finally:
                with suppress(FileNotFoundError, NotADirectoryError):
                    temporary.unlink()
        except OSError as error:
            self._without(f"cannot be written: {error.strerror}")
            return False
        return True

    def _path(self, part: Part) -> Path:
        return self._group / hashlib.sha256(part.name.encode()).hexdigest()[:32]

    def _reserve(self, path: Path, temporary: Path, size: int) -> bool:
        """Makes room, and a file of that size to write into: so the bound holds whatever happens to the writer. False: there is no room."""
        with self._locked() as locked:
            if not locked:
                return False
            self._join()
            if path.exists():
                return False
            counted = _counted(self._root / ".bytes")
            if counted is None or counted + size > self._most:
                counted = self._make_room(size)
            usage = shutil.disk_usage(self._root)
            full = None
            if counted + size > self._most:
                full = f"holds as much as it may ({self._most // 1_000_000} MB; {SIZE} says how much)"
            elif usage.free - size < usage.total * FREE_SHARE:
                full = f"leaves {FREE_SHARE:.0%} of its disk free, and no more is"
            if full is not None:
                self._without(full)
                return False
            (self._root / ".bytes").write_text(str(counted + size), encoding="ascii")
            with temporary.open("xb") as file:
                file.truncate(size)
            return True

    def _make_room(self, size: int) -> int:
        """Counts what is there; while it is too much, throws out whole data sets that nobody uses, the longest unused first."""
        groups = sorted((found for found in self._root.iterdir() if (found / ".used").exists()), key=_used_at)
        sizes = {group: _size(group) for group in groups}
        for group in groups:
            if sum(sizes.values()) + size <= self._most:
                break
            if group != self._group and _remove_unused(group):
                del sizes[group]
        return sum(sizes.values())

    def _hold(self) -> None:
        """Who only reads uses the data set as well; where that cannot be told, it is read all the same."""
        with suppress(OSError):
            if self._used is not None:
                os.utime(self._used)
                return
            with self._locked() as locked:
                if locked:
                    self._join()

    def _join(self) -> None:
        self._group.mkdir(parents=True, exist_ok=True)
        if self._used is None:
            self._used = os.open(self._group / ".used", os.O_RDWR | os.O_CREAT, 0o666)
            fcntl.flock(self._used, fcntl.LOCK_SH | fcntl.LOCK_NB)
        os.utime(self._used)

    @contextmanager
    def _locked(self) -> Iterator[bool]:
        self._root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._root / ".lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            yield _lock(descriptor, time.monotonic() + LOCK_SECONDS)
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing does not release it where a child was forked meanwhile
            os.close(descriptor)

    def _without(self, problem: str) -> None:
        self._paused_until = time.monotonic() + PAUSE_SECONDS
        self._say(f"{self._root} {problem}; training goes on, and reads the other parts from the store")

    def _say(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self._warn(f"data cache: {text}")


def cache_of(manifest: Manifest) -> PartCache | None:
    """The cache of a data set; None where parts are local, or nothing tells whether they are still the same, or there is no folder.

    In a pod the folder must be named: a pod that writes more than its `ephemeral-storage` is evicted.
    """
    if manifest.uri.startswith("file:") or any(not part.version for part in manifest.parts):
        return None
    named = os.environ.get(FOLDER, "")
    if named == "off" or (not named and "KUBERNETES_SERVICE_HOST" in os.environ):
        return None
    folder = Path(named) if named else cache_directory()
    group = hashlib.sha256(f"{manifest.uri}\n{manifest.digest}".encode()).hexdigest()[:32]
    return _open(folder, group, _most_bytes())


@lru_cache(maxsize=64)
def _open(folder: Path, group: str, most_bytes: int) -> PartCache:
    """One for all who read the data set in this process."""
    return PartCache(folder, group, most_bytes)


def _most_bytes() -> int:
    text = os.environ.get(SIZE, "")
    if not text:
        return DEFAULT_MB * 1_000_000
    if not text.isdecimal():
        warn(f"{SIZE}: expected a number of megabytes, found {text!r}; {DEFAULT_MB} are used")
        return DEFAULT_MB * 1_000_000
    return int(text) * 1_000_000


def _header(data: Chunk) -> bytes:
    return HEADER.pack(MAGIC, zlib.crc32(data), len(data))


def _write_all(descriptor: int, view: memoryview) -> None:
    while len(view):
        view = view[os.write(descriptor, view) :]


def _lock(descriptor: int, until: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(0.01)


def _counted(path: Path) -> int | None:
    """None: nobody has counted, or who did was ended in the middle of it."""
    try:
        return int(path.read_text(encoding="ascii"))
    except (FileNotFoundError, ValueError):
        return None


def _used_at(group: Path) -> float:
    try:
        return (group / ".used").stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _size(group: Path) -> int:
    """Bytes of a data set; what a writer that died left behind goes."""
    total = 0
    for entry in os.scandir(group):
        with suppress(FileNotFoundError):
            status = entry.stat()
            if entry.name.endswith(".tmp") and status.st_mtime < time.time() - ABANDONED_SECONDS:
                os.unlink(entry.path)
            else:
                total += status.st_size
    return total


def _remove_unused(group: Path) -> bool:
    """False: somebody trains on it."""
    descriptor = os.open(group / ".used", os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        # Last of all what makes it a data set: a process that ends in the middle leaves what the next one still counts.
        for path in group.iterdir():
            if path.name != ".used":
                path.unlink()
        shutil.rmtree(group)
        return True
    finally:
        os.close(descriptor)
