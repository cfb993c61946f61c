"""A directory as an object store: atomic writes, generations and preconditions like those of GCS."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, unquote

from .base import ABSENT, Chunk, Found, PreconditionFailed

SCHEME = "file://"
#: Attempts of a trial that start while one object is written.
MAX_SWEEPS = 3

#: What a disk or a file server says on a bad day.
PASSING = {
    number
    for name in ("ENOSPC", "EDQUOT", "EIO", "ESTALE", "EROFS", "ETIMEDOUT", "EAGAIN", "ENFILE", "EMFILE", "EBUSY", "ENOTCONN", "EHOSTDOWN",
                 "EHOSTUNREACH", "ENETUNREACH", "ECONNRESET", "ECONNREFUSED", "EREMOTEIO", "ENODEV", "ENXIO")
    if (number := getattr(errno, name, None)) is not None
}  # fmt: skip

Result = TypeVar("Result")


class DirectoryStore:
    """Writers under a precondition exclude each other by a lock on the object's directory, which dies with its holder."""

    def read(self, uri: str) -> Found | None:
        try:
            with open(path_of(uri), "rb") as file:
                return Found(file.read(), _generation(os.fstat(file.fileno())))
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def read_data(self, uri: str) -> bytes | None:
        found = self.read(uri)
        return None if found is None else found.data

    def write(self, uri: str, chunks: Sequence[Chunk], *, if_generation: str | None = None) -> str:
        target = path_of(uri)

        def once() -> str:
            with _temporary(target) as temporary:
                with open(temporary, "wb", buffering=0) as file:
                    for chunk in chunks:
                        _write_all(file.fileno(), memoryview(chunk).cast("B"))
                    os.fsync(file.fileno())
                    generation = _generation(os.fstat(file.fileno()))
                self._put(temporary, target, uri, if_generation)
            return generation

        return _unless_swept(once)

    def upload(self, local: Path, uri: str) -> None:
        target = path_of(uri)

        def once() -> None:
            with _temporary(target) as temporary:
                shutil.copyfile(local, temporary)
                os.replace(temporary, target)

        _unless_swept(once)

    def list(self, prefix: str) -> Iterator[str]:
        root = path_of(prefix)
        # Below the prefix as it was written: escaped another way it would be no prefix of what it holds.
        within = prefix.rstrip("/")
        for directory, names, files in os.walk(root):
            names.sort()
            for name in sorted(files):
                if not name.startswith("."):
                    yield f"{within}/{quote(os.path.relpath(os.path.join(directory, name), root))}"

    def remove(self, uri: str) -> None:
        path = path_of(uri)
        path.unlink(missing_ok=True)
        with suppress(OSError):
            path.parent.rmdir()  # a directory without objects is nothing to an object store

    def sweep(self, prefix: str) -> None:
        for directory, _, files in os.walk(path_of(prefix)):
            for name in files:
                if name.startswith(".") and name.endswith(".tmp"):
                    Path(directory, name).unlink(missing_ok=True)

    def fault(self, error: BaseException) -> str | None:
        if isinstance(error, PermissionError):
            return "lasting"
        return "passing" if isinstance(error, OSError) and error.errno in PASSING else None

    def _put(self, temporary: Path, target: Path, uri: str, if_generation: str | None) -> None:
        if if_generation is None:
            os.replace(temporary, target)
        elif if_generation == ABSENT:
            try:
                os.link(temporary, target)
            except FileExistsError:
                raise PreconditionFailed(f"{uri} exists already") from None
        else:
            with _locked(target.parent):
                try:
                    found = _generation(os.stat(target))
                except FileNotFoundError:
                    found = ABSENT
                if found != if_generation:
                    raise PreconditionFailed(f"{uri} has generation {found}, not {if_generation}")
                os.replace(temporary, target)


def path_of(uri: str) -> Path:
    """`file:///a%20b` as a path."""
    return Path(unquote(uri.removeprefix(SCHEME)))


def _generation(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns}-{status.st_ino}"


def _write_all(descriptor: int, view: memoryview) -> None:
    while len(view):
        view = view[os.write(descriptor, view) :]


def _unless_swept(write: Callable[[], Result]) -> Result:
    """Writes again what a later attempt swept away as it began; the precondition tells whether it still may be written."""
    for _ in range(MAX_SWEEPS):
        with suppress(FileNotFoundError):
            return write()
    return write()


@contextmanager
def _temporary(target: Path) -> Iterator[Path]:
    target.parent.mkdir(parents=True, exist_ok=True)
    path = target.with_name(f".{target.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


#: Of locks that are held: a process that is forked meanwhile, such as a worker that loads data, has them too.
_descriptors: set[int] = set()


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    _descriptors.add(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        # Closing releases it only where no child has the descriptor.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        _descriptors.discard(descriptor)
        os.close(descriptor)


def _leave_locks_to_the_parent() -> None:
    """In a forked child: a lock must not outlive its holder in there."""
    while _descriptors:
        os.close(_descriptors.pop())


os.register_at_fork(after_in_child=_leave_locks_to_the_parent)
