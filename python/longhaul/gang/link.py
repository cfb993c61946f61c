"""A rank's side of the coordinator: what it says, and what it is told."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from ..errors import TrialError
from .agreement import Agreement, Order
from .ranks import Ranks
from .wire import Message, Refused, Wire, greet

#: The last node may still be pulling its image and installing requirements.
JOIN_SECONDS = 1800.0
CONNECT_SECONDS = 5.0
AGAIN_SECONDS = 0.2
#: The gathering after which nobody's end matters to another.
OVER = "over"

Heard = Callable[[Message], None]


class Link:
    """`heard` gets what is not answered here, in a thread of its own; `lost` is called when rank 0 has gone without a word."""

    def __init__(self, ranks: Ranks, key: bytes, heard: Heard, lost: Callable[[], None]) -> None:
        self._ranks = ranks
        self._heard = heard
        self._lost = lost
        self.agreement = Agreement()
        self._changed = threading.Condition()
        self._waiting: set[str] = set()
        self._values: dict[str, list[Any]] = {}
        self._over = False
        self._wire = _connect(ranks, key)
        threading.Thread(target=self._listen, name="link", daemon=True).start()

    def gather(self, name: str, value: Any, seconds: float | None = None) -> list[Any]:
        """What each rank has said by this name, once all have; blocks until then."""
        with self._changed:
            self._waiting.add(name)
        self.say(name, value)
        with self._changed:
            if not self._changed.wait_for(lambda: name in self._values, seconds):
                raise TrialError(f"not all {self._ranks.world} ranks have come within {seconds:.0f} s")
            self._waiting.discard(name)
            return self._values.pop(name)

    def say(self, name: str, value: Any) -> None:
        """The same for a rank that needs no answer."""
        self._wire.send({"kind": "gather", "name": name, "value": value})

    def ask(self, reason: str) -> None:
        self._wire.send({"kind": "ask", "reason": reason})

    def arrived(self) -> None:
        self._wire.send({"kind": "arrived"})

    def leaving(self, code: int, why: str) -> bool:
        return self._wire.send({"kind": "leaving", "code": code, "why": why})

    def _listen(self) -> None:
        while (message := self._wire.receive()) is not None:
            kind = message.get("kind")
            if kind == "freeze":
                self._wire.send({"kind": "passed", "number": self.agreement.freeze()})
            elif kind == "order":
                self.agreement.order(Order(int(message["sequence"]), int(message["at"]), str(message["reason"])))
            elif kind == "gathered":
                with self._changed:
                    self._over = self._over or message["name"] == OVER
                    if message["name"] in self._waiting:
                        self._values[message["name"]] = message["values"]
                        self._changed.notify_all()
            else:
                self._tell(message)
            if self._over:
                break
        self._wire.close()
        if not self._over:
            self._lost()

    def _tell(self, message: Message) -> None:
        threading.Thread(target=self._heard, args=(message,), name="heard", daemon=True).start()


def _connect(ranks: Ranks, key: bytes) -> Wire:
    """Until rank 0 listens, and is of this attempt: its name may not be known yet, or another attempt may still be there."""
    deadline = time.monotonic() + JOIN_SECONDS
    while True:
        try:
            wire = Wire(socket.create_connection((ranks.host, ranks.port), CONNECT_SECONDS))
            try:
                greet(wire, key, ranks.rank, ranks.world)
                return wire
            except BaseException:
                wire.close()
                raise
        except (OSError, Refused) as error:
            if time.monotonic() > deadline:
                raise TrialError(f"rank {ranks.rank} could not reach rank 0 at {ranks.host}:{ranks.port}: {error}") from error
            time.sleep(AGAIN_SECONDS)
