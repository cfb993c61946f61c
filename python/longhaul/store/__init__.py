"""Objects under `file:///…` and `gs://…`, with generations and preconditions alike."""

from __future__ import annotations

from ..errors import UsageError
from .base import Found, PreconditionFailed, Store, join

__all__ = ["Found", "PreconditionFailed", "Store", "join", "open_store"]


def open_store(uri: str) -> Store:
    """The store that serves `uri`.

    Example:
        >>> open_store("file:///tmp/x").read("file:///tmp/x/none") is None
        True
    """
    if uri.startswith("file:///"):
        from .directory import DirectoryStore

        return DirectoryStore()
    if uri.startswith("gs://"):
        from .gcs import GcsStore

        return GcsStore()
    raise UsageError(f"{uri!r} is not a place this trainer can reach; expected gs://bucket/path or file:///path")
