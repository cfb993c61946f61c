"""In the process of rank 0: hears all ranks, gathers what they say, and finds the boundary at which all of them stop."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from ..errors import TrialError
from .link import OVER
from .wire import Message, Refused, Wire, forget_in_children, greeted

LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: An attempt before this one may be about to leave the port.
BIND_SECONDS = 30.0
#: The others are told of the end, and should have gone by then.
GONE_SECONDS = 2.0
ACCEPT_AGAIN_SECONDS = 0.5
#: The gathering after which all ranks train.
START = "start"


class Coordinator:
    """`vanished` is called, once, when a rank has gone without a word."""

    def __init__(self, world: int, key: bytes, host: str, port: int, *, hung_seconds: float, vanished: Callable[[int], None]) -> None:
        self._world = world
        self._key = key
        self._hung_seconds = hung_seconds
        self._vanished = vanished
        self._wires: dict[int, Wire] = {}
        self._lock = threading.RLock()
        self._gathered: dict[str, dict[int, Any]] = {}
        self._training = False
        self._over = False
        #: Of the agreement that is being made: why, and how far each rank has come.
        self._reason: str | None = None
        self._passed: dict[int, int] = {}
        self._sequence = 0
        self._ending = False
        #: Rank 0 is to be told to mark what is committed, once it is there.
        self._mark_waits = False
        self._arrived: set[int] = set()
        self._left = threading.Condition(self._lock)
        self._server = _listen(host, port)
        threading.Thread(target=self._accept, name="coordinator", daemon=True).start()

    def _accept(self) -> None:
        while self._server.fileno() >= 0:
            try:
                connection, _ = self._server.accept()
            except OSError:  # no descriptor is left for now, or who came has gone again
                time.sleep(ACCEPT_AGAIN_SECONDS)
                continue
            threading.Thread(target=self._meet, args=(connection,), name="rank", daemon=True).start()

    def _meet(self, connection: socket.socket) -> None:
        try:
            wire = Wire(connection)
        except OSError:
            connection.close()  # it has gone already
            return
        self._welcome(wire)

    def _welcome(self, wire: Wire) -> None:
        try:
            rank = greeted(wire, self._key, self._world)
            with self._lock:
                if rank in self._wires or self._over:
                    raise Refused(f"rank {rank} is there already")
                self._wires[rank] = wire
                if rank == 0 and self._mark_waits:
                    self._mark()
        except Refused as refused:
            wire.send({"refused": str(refused)})
            wire.close()
            return
        while (message := wire.receive()) is not None:
            with self._lock:
                self._hear(rank, message)
        with self._lock:
            del self._wires[rank]
            self._left.notify_all()
            lost = not self._over
            self._over = True
        if lost:
            self._vanished(rank)

    def _hear(self, rank: int, message: Message) -> None:
        kind = message.get("kind")
        if kind == "gather":
            self._gather(rank, str(message["name"]), message["value"])
        elif kind == "ask":
            self._ask(str(message["reason"]))
        elif kind == "passed":
            self._has_passed(rank, int(message["number"]))
        elif kind == "arrived":
            self._arrived.add(rank)
        elif kind == "leaving" and not self._over:
            self._over = True  # rank 0 ends all, and then itself
            self._tell(0, {"kind": "leaving", "rank": rank, "code": message["code"], "why": message["why"]})

    def _gather(self, rank: int, name: str, value: Any) -> None:
        values = self._gathered.setdefault(name, {})
        values[rank] = value
        if len(values) < self._world:
            return
        del self._gathered[name]
        self._training = self._training or name == START
        self._over = self._over or name == OVER
        self._tell_all({"kind": "gathered", "name": name, "values": [values[each] for each in range(self._world)]})

    # -- the agreement on a boundary

    def _ask(self, reason: str) -> None:
        if self._ending or self._over:
            return
        if reason == "sigterm":
            self._ending = True
            if not self._training:
                self._mark()
                return
        if self._reason is None:
            self._reason, self._passed = reason, {}
            self._tell_all({"kind": "freeze"})
        elif reason == "sigterm":
            self._reason = reason  # the boundary that is being found serves

    def _mark(self) -> None:
        """Rank 0 may not be there yet, while another rank hears of its end already."""
        self._mark_waits = 0 not in self._wires
        self._tell(0, {"kind": "mark"})

    def _has_passed(self, rank: int, number: int) -> None:
        self._passed[rank] = number
        if self._reason is None or len(self._passed) < self._world:
            return
        self._sequence += 1
        self._tell_all({"kind": "order", "sequence": self._sequence, "at": max(self._passed.values()) + 1, "reason": self._reason})
        hurried, self._reason = self._reason == "sigterm", None
        if hurried:
            timer = threading.Timer(self._hung_seconds, self._look_for_the_hung)
            timer.daemon = True
            timer.start()

    def _look_for_the_hung(self) -> None:
        with self._lock:
            if len(self._arrived) < self._world and not self._over:
                self._sequence += 1
                self._tell_all({"kind": "hung", "sequence": self._sequence})

    # -- the end

    def end(self, code: int, why: str) -> None:
        """Tells the others to leave with this exit code, and waits until they have, but not for long."""
        with self._lock:
            self._over = True
            for rank in list(self._wires):
                if rank != 0:
                    self._tell(rank, {"kind": "end", "code": code, "why": why})
        self.wait_until_gone()

    def wait_until_gone(self) -> None:
        """What was sent last is not lost with this process."""
        with self._lock:
            self._left.wait_for(lambda: not set(self._wires) - {0}, GONE_SECONDS)

    def _tell(self, rank: int, message: Message) -> None:
        wire = self._wires.get(rank)
        if wire is not None:
            wire.send(message)

    def _tell_all(self, message: Message) -> None:
        """Rank 0 last: what its training does next may be a call of a framework that lets no thread of this process run."""
        for rank in sorted(self._wires, reverse=True):
            self._tell(rank, message)


def _listen(host: str, port: int) -> socket.socket:
    deadline = time.monotonic() + BIND_SECONDS
    while True:
        try:
            if host in LOOPBACK:
                family = socket.AF_INET6 if ":" in host else socket.AF_INET
                server = socket.create_server((host, port), family=family, backlog=128)
            elif socket.has_dualstack_ipv6():
                server = socket.create_server(("::", port), family=socket.AF_INET6, backlog=128, dualstack_ipv6=True)
            else:
                server = socket.create_server(("", port), backlog=128)
            forget_in_children(server)
            return server
        except OSError as error:
            if time.monotonic() > deadline:
                raise TrialError(f"the coordinator of the ranks cannot listen on port {port}: {error}") from error
            time.sleep(0.1)
