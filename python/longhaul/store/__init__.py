"""Objects under `file:///…` and `gs://…`, with generations and preconditions alike."""

from __future__ import annotations

from functools import lru_cache

from ..errors import UsageError
from .base import Found, PreconditionFailed, Store, join
from .retrying import RetryingStore

__all__ = ["Found", "PreconditionFailed", "RetryingStore", "Store", "join", "open_store"]


def open_store(uri: str) -> RetryingStore:
    """The store that serves `uri`, one for all that lies in the same bucket; its outages are waited out.

    Example:
        >>> open_store("file:///tmp/x").read("file:///tmp/x/none") is None
        True
    """
    if uri.startswith("file:///"):
        return _open("file://")
    if uri.startswith("gs://"):
        return _open("/".join(uri.split("/", 3)[:3]))
    raise UsageError(f"{uri!r} is not a place this trainer can reach; expected gs://bucket/path or file:///path")


@lru_cache(maxsize=64)
def _open(place: str) -> RetryingStore:
    if place.startswith("gs://"):
        from .gcs import GcsStore

        return RetryingStore(GcsStore(), place)
    from .directory import DirectoryStore

    return RetryingStore(DirectoryStore(), place)
