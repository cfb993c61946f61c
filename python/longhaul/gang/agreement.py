"""How far one rank has come, counted in boundaries, and where it is to stop.

In synchronous training no rank may wait at a boundary that another one needs to pass. So nobody stops at once: each says,
under a lock, how many boundaries it has passed, and passes none until it is told where all stop: at the one after the
farthest. That takes a message forth and back, and depends on no rank's training.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass


@dataclass(frozen=True)
class Order:
    """All ranks take a checkpoint at boundary `at`, and end there where the reason is `sigterm`."""

    sequence: int
    at: int
    reason: str


class Agreement:
    """Boundaries of one rank: the training calls `arrive`, the thread that hears the coordinator the others."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._passed = 0
        self._frozen = False
        self._orders: list[Order] = []

    @property
    def passed(self) -> int:
        return self._passed

    def arrive(self) -> Order | None:
        """The next order for this boundary; None: there is none, and it is passed now."""
        with self._changed:
            self._changed.wait_for(lambda: not self._frozen)
            here = self._passed + 1
            for order in self._orders:
                if order.at == here:
                    self._orders.remove(order)
                    return order
            self._passed = here
            return None

    def freeze(self) -> int:
        """How many were passed; no other one is until an order comes."""
        with self._changed:
            self._frozen = True
            return self._passed

    def order(self, order: Order) -> None:
        with self._changed:
            self._orders.append(order)
            self._frozen = False
            self._changed.notify_all()
