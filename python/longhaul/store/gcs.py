"""Google Cloud Storage: parts and checkpoints are read with obstore, everything else is done by Google's own client.

Of obstore, pyarrow's filesystem and Google's client, obstore reads fastest (`npm run bench -- gcs-clients`). Commits need
generation preconditions, which are Google's.

`STORAGE_EMULATOR_HOST` (`http://127.0.0.1:4443`) points it at an emulator, without credentials.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from .base import Chunk, Found, PreconditionFailed

#: Seconds until a request without an answer is tried again.
TIMEOUT_SECONDS = 60.0
#: Bad request, no or wrong credentials, no right, no such bucket.
REFUSALS = (400, 401, 403, 404)


@lru_cache(maxsize=1)
def client() -> Any:
    """One client, and so one pool of connections, for all threads."""
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    if os.environ.get("STORAGE_EMULATOR_HOST"):
        return storage.Client(project="emulator", credentials=AnonymousCredentials())
    return storage.Client()


@lru_cache(maxsize=8)
def _reader(bucket: str) -> Any:
    """obstore's view of a bucket; it retries with back-off itself."""
    from obstore.store import GCSStore

    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    if emulator:
        anonymous = {"gcs_base_url": emulator, "disable_oauth": True, "client_email": "", "private_key": "", "private_key_id": ""}
        return GCSStore(bucket, service_account_key=json.dumps(anonymous), client_options={"allow_http": True})
    return GCSStore(bucket)


class GcsStore:
    """Everything is retried with back-off by the client; writes too, since the same bytes may be written twice."""

    def read(self, uri: str) -> Found | None:
        """Content and generation come with one answer: in two, somebody may write between them."""
        from google.api_core.exceptions import NotFound

        while True:
            blob = _blob(uri)
            try:
                data = blob.download_as_bytes(timeout=TIMEOUT_SECONDS)
            except NotFound:
                # A download that breaks is gone on with by generation, and 404 is also what GCS says of one that was replaced meanwhile.
                if not _blob(uri).exists(timeout=TIMEOUT_SECONDS):
                    return None
            else:
                return Found(data, str(blob.generation))

    def read_data(self, uri: str) -> bytes | memoryview | None:
        import obstore

        bucket, path = _split(uri)
        try:
            return memoryview(obstore.get(_reader(bucket), path).bytes())
        except FileNotFoundError:
            return None

    def write(self, uri: str, chunks: Sequence[Chunk], *, if_generation: str | None = None) -> str:
        from google.api_core.exceptions import PreconditionFailed as Refused
        from google.cloud.storage.retry import DEFAULT_RETRY

        blob = _blob(uri)
        condition = None if if_generation is None else int(if_generation)
        size = sum(len(chunk) for chunk in chunks)
        try:
            blob.upload_from_file(
                _Reader(chunks), size=size, if_generation_match=condition, timeout=TIMEOUT_SECONDS, retry=DEFAULT_RETRY, rewind=False
            )
        except Refused as error:
            found = self.read(uri)
            if found is not None and found.data == b"".join(chunks):
                return found.generation  # our own write, whose answer was lost
            raise PreconditionFailed(f"{uri}: {error.message}") from None
        return str(blob.generation)

    def upload(self, local: Path, uri: str) -> None:
        from google.cloud.storage.retry import DEFAULT_RETRY

        _blob(uri).upload_from_filename(str(local), timeout=TIMEOUT_SECONDS, retry=DEFAULT_RETRY)

    def list(self, prefix: str) -> Iterator[str]:
        bucket, path = _split(prefix)
        for blob in client().list_blobs(bucket, prefix=path.rstrip("/") + "/" if path else "", timeout=TIMEOUT_SECONDS):
            yield f"gs://{bucket}/{blob.name}"

    def remove(self, uri: str) -> None:
        from google.api_core.exceptions import NotFound
        from google.cloud.storage.retry import DEFAULT_RETRY

        try:
            _blob(uri).delete(timeout=TIMEOUT_SECONDS, retry=DEFAULT_RETRY)
        except NotFound:
            return

    def sweep(self, prefix: str) -> None:
        """Nothing to do: an upload that did not end is no object, and Google forgets it after a week."""

    def fault(self, error: BaseException) -> str | None:
        """Refusals are told from outages by the HTTP status; whatever else the clients or the network say may pass."""
        import requests
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError, InvalidOperation
        from google.cloud.storage.exceptions import DataCorruption
        from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

        if isinstance(error, (InvalidOperation, PermissionDeniedError, UnauthenticatedError)):
            return "lasting"
        if isinstance(error, GoogleAPIError):
            return "lasting" if getattr(error, "code", None) in REFUSALS else "passing"
        if isinstance(error, (FileNotFoundError, PermissionError, IsADirectoryError)):
            return None  # of this machine's disk
        foreign = (GoogleAuthError, DataCorruption, BaseError, requests.RequestException, OSError)
        return "passing" if isinstance(error, foreign) else None


class _Reader(io.RawIOBase):
    """Chunks as a file, so that a checkpoint is not copied once more to be uploaded."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        self._chunks = [memoryview(chunk).cast("B") for chunk in chunks if len(chunk)]
        self._size = sum(len(chunk) for chunk in self._chunks)
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        wanted = self._size - self._position if size is None or size < 0 else size
        end = min(self._position + wanted, self._size)
        found = bytearray()
        start = 0
        for chunk in self._chunks:
            found += chunk[max(self._position - start, 0) : max(end - start, 0)]
            start += len(chunk)
        self._position = end
        return bytes(found)


def _split(uri: str) -> tuple[str, str]:
    bucket, _, path = uri.removeprefix("gs://").partition("/")
    return bucket, path


def _blob(uri: str) -> Any:
    bucket, path = _split(uri)
    return client().bucket(bucket).blob(path)
