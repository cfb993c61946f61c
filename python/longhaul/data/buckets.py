"""Which part a session lies in: the export's rule (`src/adapters/google-sql/buckets.ts`), for a reader to check."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from .manifest import Manifest, Part

#: First hexadecimal digits of the MD5 that make the number.
DIGITS = 15


def bucket_of(session: object, buckets: int) -> int:
    """The bucket of one session, given as its text or anything that `CAST(x AS STRING)` writes as Python does."""
    text = str(session).lower() if isinstance(session, bool) else str(session)
    return int(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()[:DIGITS], 16) % buckets


def misplaced(manifest: Manifest, part: Part, sessions: Iterable[object]) -> object | None:
    """The first session that does not belong into this part; None where all do, or where nothing is promised."""
    if manifest.session is None or part.bucket is None:
        return None
    return next((session for session in sessions if bucket_of(session, manifest.buckets) != part.bucket), None)
