"""Hides secrets in what a program prints, before anybody keeps it."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import IO, Any
from urllib.parse import quote

HIDDEN = b"***"
BLOCK_BYTES = 64 * 1024
#: A line of a secret of several, such as the brace of a JSON key, that is so short would hide too much; the whole stays hidden.
SHORTEST_LINE = 6


def tell(target: int, data: bytes) -> None:
    """All of it, or as much as can be written: a full disk or a closed pipe is no reason to hold up who prints it."""
    with suppress(OSError):
        while data:
            data = data[os.write(target, data) :]


class _Output(io.FileIO):
    def write(self, data: Any, /) -> int:
        tell(self.fileno(), data)
        return len(data)


class Redactor:
    """Replaces each secret, as it is and as programs commonly print it; a secret of several lines also line by line.

    Example:
        >>> Redactor(["hf_abc"]).text("token hf_abc")
        'token ***'
    """

    def __init__(self, values: Iterable[str]) -> None:
        forms = {form for value in values for form in _forms(value)}
        # The longest first: one may be the beginning of another.
        self._parts = sorted((form.encode() for form in forms), key=lambda part: (-len(part), part))
        self._found = re.compile(b"|".join(map(re.escape, self._parts))) if self._parts else None
        self._longest = max((len(part) for part in self._parts), default=0)

    @classmethod
    def of(cls, names: Iterable[str], environment: Mapping[str, str]) -> Redactor:
        return cls(environment[name] for name in names if environment.get(name))

    @property
    def hides(self) -> bool:
        """Whether there is anything to hide."""
        return bool(self._parts)

    def text(self, text: str) -> str:
        return self.data(text.encode("utf-8", "replace")).decode("utf-8", "replace")

    def data(self, data: bytes) -> bytes:
        return self._found.sub(HIDDEN, data) if self._found else data

    def copy(self, source: IO[bytes], target: IO[bytes]) -> None:
        """Until the end of `source`. A secret that comes in pieces is hidden too: what may be the beginning of one waits for the rest."""
        waiting = b""
        while block := source.read1(BLOCK_BYTES) if hasattr(source, "read1") else source.read(BLOCK_BYTES):
            waiting += block
            safe = self._safe(waiting)
            target.write(self.data(waiting[:safe]))
            target.flush()
            waiting = waiting[safe:]
        target.write(self.data(waiting))
        target.flush()

    def thread(self, source: IO[bytes], target: int) -> threading.Thread:
        """Begun; it ends with `source`. What `target` does not take is lost, so that the program is not held up."""

        def run() -> None:
            with suppress(OSError, ValueError), _Output(os.dup(target), "wb") as output:
                self.copy(source, output)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def _safe(self, data: bytes) -> int:
        """So many bytes can be told already: what follows them changes nothing about them."""
        if self._found is None:
            return len(data)
        safe = len(data) - self._beginning_at_end(data)
        for match in self._found.finditer(data):
            if match.start() < safe < match.end():
                return match.start()
        return safe

    def _beginning_at_end(self, data: bytes) -> int:
        for length in range(min(self._longest - 1, len(data)), 0, -1):
            end = data[-length:]
            if any(len(part) > length and part.startswith(end) for part in self._parts):
                return length
        return 0


def _forms(value: str) -> list[str]:
    lines = [line for each in value.strip().splitlines() if len(line := each.strip()) >= SHORTEST_LINE]
    plain = [part for part in [value, value.strip(), *lines] if part]
    encoded = [form for part in plain for form in (quote(part, safe=""), json.dumps(part)[1:-1], repr(part)[1:-1])]
    return [*plain, *encoded, base64.b64encode(value.encode()).decode()]
