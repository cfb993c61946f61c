"""What every store does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Union

#: `if_generation` of an object that must not exist yet.
ABSENT = "0"

Chunk = Union[bytes, bytearray, memoryview]


@dataclass(frozen=True)
class Found:
    """An object's content and its generation, which changes with every write."""

    data: bytes
    generation: str


class PreconditionFailed(Exception):
    """Thrown when the object's generation is not the expected one."""


class Store(Protocol):
    """Small on purpose: what checkpoints, progress records and parts need."""

    def read(self, uri: str) -> Found | None:
        """The object, or None where there is none."""

    def read_data(self, uri: str) -> bytes | memoryview | None:
        """The content alone, in as few requests as the store allows."""

    def write(self, uri: str, chunks: Sequence[Chunk], *, if_generation: str | None = None) -> str:
        """Replaces the object at once, and returns its generation.

        Raises:
            PreconditionFailed: the object has another generation than `if_generation`.
        """

    def upload(self, local: Path, uri: str) -> None:
        """Streams a local file into the store."""

    def list(self, prefix: str) -> Iterator[str]:
        """URIs of the objects below `prefix`, in the order of names."""

    def remove(self, uri: str) -> None:
        """Removes the object; nothing happens where there is none."""

    def sweep(self, prefix: str) -> None:
        """Removes what writers that died left unfinished below `prefix`; nobody else may be writing there."""

    def fault(self, error: BaseException) -> str | None:
        """`passing` for an outage, `lasting` for a refusal (a missing right, a wrong name); None for what is not the store's."""


def join(uri: str, *names: str) -> str:
    """`join("file:///a/", "b", "c")` is `file:///a/b/c`."""
    return "/".join((uri.rstrip("/"), *names))
