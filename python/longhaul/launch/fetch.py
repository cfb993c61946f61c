"""What a run has shipped, by its digest: `{store}/code/{SHA-256}`."""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from pathlib import Path, PurePosixPath

from ..errors import DataError, NoInputError, UsageError
from ..store import open_store

#: Below `--home`: what an init container has fetched.
FETCHED = "fetched"
HEX_DIGITS = 64


def digest_of(uri: str) -> str:
    digest = uri.rsplit("/", 1)[-1]
    if len(digest) != HEX_DIGITS or not set(digest) <= set("0123456789abcdef"):
        raise UsageError(f"{uri}: expected a URI that ends with the SHA-256 of what it names")
    return digest


def fetched(uri: str, home: Path | None = None) -> bytes:
    """The content, verified.

    Raises:
        NoInputError: there is no such object.
        DataError: it is not what was shipped.
    """
    digest = digest_of(uri)
    near = home / FETCHED / digest if home else None
    if near is not None and near.exists():
        data = near.read_bytes()
    else:
        found = open_store(uri).read(uri)
        if found is None:
            raise NoInputError(f"{uri} is not there any more; compile the pipeline again, which puts it back")
        data = found.data
    actual = hashlib.sha256(data).hexdigest()
    if actual != digest:
        raise DataError(
            f"{uri} is not what was shipped: its SHA-256 is {actual}. Somebody changed it: remove it, and compile the pipeline again"
        )
    return data


def keep(uri: str, home: Path) -> None:
    """Leaves it where `fetched` finds it."""
    data = fetched(uri)
    folder = home / FETCHED
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{digest_of(uri)}.new"
    temporary.write_bytes(data)
    os.replace(temporary, folder / digest_of(uri))


def unpack(archive: bytes, folder: Path, name: str) -> None:
    """Regular files below `folder`, and nothing else."""
    folder.mkdir(parents=True)
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as packed:
            for member in packed:
                parts = PurePosixPath(member.name).parts
                if not member.isfile() or not parts or ".." in parts or member.name.startswith("/"):
                    raise DataError(f"{name}: {member.name!r} is no file inside of the code")
                content = packed.extractfile(member)
                assert content is not None  # it is a regular file
                path = folder.joinpath(*parts)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
                path.chmod(0o755 if member.mode & 0o100 else 0o644)
    except tarfile.TarError as error:
        raise DataError(f"{name} is no archive of code: {error}") from error
