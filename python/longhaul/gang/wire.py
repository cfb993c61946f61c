"""Messages between the processes of one attempt: JSON with its length before it, over TCP, by those who know the trial."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import socket
import struct
import threading
import weakref
from typing import Any

Message = dict[str, Any]

LENGTH = struct.Struct(">I")
#: Of a message: digests of all files of all ranks.
MOST_BYTES = 64 << 20
#: A peer whose machine does not answer for so long is gone; its kernel answers while its processes are busy.
GONE_SECONDS = 25
PROBE_SECONDS = 5
GREETING_SECONDS = 10.0
#: Of a message of who has not proved yet that it belongs here.
GREETING_BYTES = 4096


class Refused(Exception):
    """Thrown when the other side is not of this attempt."""


class Wire:
    """A connection. Several threads may send, one receives."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._sending = threading.Lock()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (
            ("TCP_KEEPIDLE", PROBE_SECONDS),
            ("TCP_KEEPINTVL", PROBE_SECONDS),
            ("TCP_KEEPCNT", GONE_SECONDS // PROBE_SECONDS - 1),
            ("TCP_USER_TIMEOUT", GONE_SECONDS * 1000),
        ):
            if hasattr(socket, option):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        forget_in_children(connection)

    def send(self, message: Message) -> bool:
        """False where nobody is there any more; the thread that receives hears of it too."""
        data = json.dumps(message).encode()
        try:
            with self._sending:
                self._connection.sendall(LENGTH.pack(len(data)) + data)
        except OSError:
            return False
        return True

    def receive(self, most: int = MOST_BYTES) -> Message | None:
        """None at the end of the connection, however it came; also at a message of more than `most` bytes."""
        try:
            head = self._read(LENGTH.size)
            if head is None:
                return None
            (size,) = LENGTH.unpack(head)
            data = self._read(size) if size <= most else None
            found = None if data is None else json.loads(data)
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def _read(self, size: int) -> bytes | None:
        parts = []
        while size:
            part = self._connection.recv(min(size, 1 << 20))
            if not part:
                return None
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def patience(self, seconds: float | None) -> None:
        self._connection.settimeout(seconds)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()


def key_of(trial: bytes, output: str, attempt: int) -> bytes:
    """What the processes of one attempt know, and those of another attempt do not."""
    return hashlib.sha256(b"longhaul\0%d\0%s\0%s" % (attempt, output.encode(), trial)).digest()


def greet(wire: Wire, key: bytes, rank: int, world: int) -> None:
    """A member's side.

    Raises:
        Refused: by whoever listens there; an attempt before this one, perhaps.
    """
    wire.patience(GREETING_SECONDS)
    challenge = (wire.receive(GREETING_BYTES) or {}).get("challenge")
    own = secrets.token_hex(16)
    wire.send({"rank": rank, "world": world, "challenge": own, "proof": _proof(key, "member", challenge, rank, world)})
    answer = wire.receive(GREETING_BYTES) or {}
    if not _is_proof(answer, _proof(key, "coordinator", own)):
        raise Refused(str(answer.get("refused", "nobody of this attempt")))
    wire.patience(None)


def greeted(wire: Wire, key: bytes, world: int) -> int:
    """The coordinator's side: the rank of who has come.

    Raises:
        Refused: it is not of this attempt, or counts the ranks otherwise.
    """
    wire.patience(GREETING_SECONDS)
    challenge = secrets.token_hex(16)
    wire.send({"challenge": challenge})
    found = wire.receive(GREETING_BYTES) or {}
    rank, theirs = found.get("rank"), found.get("world")
    if not _is_proof(found, _proof(key, "member", challenge, rank, theirs)):
        raise Refused("another attempt, or no member at all")
    if not isinstance(rank, int) or not 0 <= rank < world or theirs != world:
        raise Refused(f"rank {rank} of {theirs} in a training of {world}")
    wire.send({"proof": _proof(key, "coordinator", found.get("challenge"))})
    wire.patience(None)
    return rank


def _is_proof(message: Message, expected: str) -> bool:
    """Of bytes: `compare_digest` refuses texts of other alphabets."""
    return hmac.compare_digest(str(message.get("proof", "")).encode("utf-8", "surrogatepass"), expected.encode())


def _proof(key: bytes, *parts: object) -> str:
    return hmac.new(key, json.dumps(parts).encode(), hashlib.sha256).hexdigest()


_open: weakref.WeakSet[socket.socket] = weakref.WeakSet()


def forget_in_children(connection: socket.socket) -> None:
    """A worker that loads data outlives its killed parent by seconds; the others must hear of the death at once."""
    _open.add(connection)


def _forget() -> None:
    for connection in list(_open):
        connection.close()
    _open.clear()


os.register_at_fork(after_in_child=_forget)
