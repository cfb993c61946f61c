"""The bytes of one part, compared with what the manifest promises."""

from __future__ import annotations

import base64

from ..errors import BadPart, NoInputError
from ..store import Store
from ..store.base import Chunk
from .cache import PartCache
from .manifest import Part

SLICE_BYTES = 1 << 20


def fetch(store: Store, part: Part, cache: PartCache | None = None) -> Chunk:
    """From the cache, or by one request for the whole part; columns that nobody asks for are never decoded."""
    cached = None if cache is None else cache.get(part)
    if cached is not None:
        return cached
    data = store.read_data(part.uri)
    if data is None:
        raise NoInputError(f"{part.uri}: there is no such object, though the manifest lists it; export the data again")
    size = len(data)
    if part.bytes >= 0 and size != part.bytes:
        raise BadPart(part.name, f"has {size} bytes, the manifest says {part.bytes}; it is truncated or was replaced")
    if part.crc32c is not None:
        checksum = _crc32c(data)
        if checksum != part.crc32c:
            raise BadPart(part.name, f"has CRC-32C {checksum}, the manifest says {part.crc32c}; it is corrupt or was replaced")
    if cache is not None:
        cache.put(part, data)
    return data


def _crc32c(data: Chunk) -> str:
    """In slices: the library takes `bytes` only, and a part need not be twice in memory for that."""
    import google_crc32c

    checksum = google_crc32c.Checksum()
    view = memoryview(data)
    for start in range(0, len(view), SLICE_BYTES):
        checksum.update(bytes(view[start : start + SLICE_BYTES]))
    return base64.b64encode(checksum.digest()).decode()
