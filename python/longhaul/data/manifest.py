"""`manifest.json`: which parts a data set has; its digest is the identity of the data."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from ..checked import Checked, parse_json
from ..errors import DataError, NoInputError
from ..store import Store, join


@dataclass(frozen=True)
class Part:
    """One parquet file. `bytes` and `rows` are -1 where nobody counted them."""

    uri: str
    name: str
    rows: int = -1
    bytes: int = -1
    version: str = ""
    #: Base64, big-endian, as GCS tells it; None where the store does not know it.
    crc32c: str | None = None
    #: Of the sessions that lie here; None where parts were not made by session.
    bucket: int | None = None


@dataclass(frozen=True)
class Manifest:
    """The parts of a data set in the order of their names."""

    uri: str
    parts: tuple[Part, ...]
    table: str = ""
    table_version: str = ""
    #: Column whose equal values lie in one part, and the number of buckets; None where the export promises nothing of that kind.
    session: str | None = None
    buckets: int = 1

    @property
    def rows(self) -> int:
        return sum(max(part.rows, 0) for part in self.parts)

    @property
    def digest(self) -> str:
        """Equal for equal data: names, sizes and checksums (generations where the store has no checksum)."""
        identity = [(part.name, part.rows, part.bytes, part.version) for part in self.parts]
        return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


def load_manifest(store: Store, uri: str) -> Manifest:
    """Reads `{uri}/manifest.json`."""
    address = join(uri, "manifest.json")
    found = store.read(address)
    if found is None:
        raise NoInputError(f"{address}: there is no such object; a data set is a prefix with manifest.json and its parts")
    root = Checked(parse_json(found.data, address), address)
    parts = []
    for item in root["parts"].items():
        name = item["name"].text()
        checksum = item.optional("crc32c")
        version = checksum or item.optional("generation")
        bucket = item.optional("bucket")
        parts.append(
            Part(
                uri=join(uri, name),
                name=name,
                rows=item["rows"].integer(),
                bytes=item["bytes"].integer(),
                version="" if version is None else str(version.value),
                crc32c=None if checksum is None else checksum.text(),
                bucket=None if bucket is None else bucket.integer(),
            )
        )
    if not parts:
        raise DataError(f"{address}: the data set has no parts; the export wrote none")
    table = root.optional("table")
    table_version = root.optional("tableVersion")
    layout = root.optional("layout")
    session = None if layout is None else layout.optional("session")
    return Manifest(
        uri=uri,
        parts=tuple(sorted(parts, key=lambda part: part.name)),
        table="" if table is None else str(table.value),
        table_version="" if table_version is None else str(table_version.value),
        session=None if session is None else session.text(),
        buckets=1 if layout is None else layout["buckets"].integer(minimum=1),
    )


def find_parts(store: Store, uri: str) -> Manifest:
    """The manifest, or, where there is none, whatever parquet files lie under the prefix (or the one file named)."""
    if uri.endswith(".parquet"):
        return Manifest(uri=uri, parts=(Part(uri=uri, name=uri.rsplit("/", 1)[-1]),))
    try:
        return load_manifest(store, uri)
    except NoInputError:
        names = sorted(name for name in store.list(uri) if name.endswith(".parquet"))
        if not names:
            raise
        return Manifest(uri=uri, parts=tuple(Part(uri=name, name=name.rsplit("/", 1)[-1]) for name in names))
