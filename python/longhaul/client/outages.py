"""What follows a run for days outlasts a server, or workers, that are away for hours."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable
from typing import Callable, TypeVar

from .errors import CannotConnectError

T = TypeVar("T")

FIRST_SECONDS = 1.0
MOST_SECONDS = 60.0
#: After so long it is no outage any more.
OUTAGE_SECONDS = 24 * 3600.0


class Outage:
    """Pauses between questions that nobody answers, each twice as long as the one before."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._pause = FIRST_SECONDS

    def pause(self, error: CannotConnectError) -> float:
        """Seconds until the next question.

        Raises:
            CannotConnectError: it has lasted too long.
        """
        now = time.monotonic()
        if self._began is None:
            self._began = now
            print(f"longhaul: {error}; asking again until it is answered", file=sys.stderr, flush=True)
        if now - self._began > OUTAGE_SECONDS:
            raise error
        found, self._pause = self._pause, min(2 * self._pause, MOST_SECONDS)
        return found


async def retry_through_outage(ask: Callable[[], Awaitable[T]]) -> T:
    outage = Outage()
    while True:
        try:
            return await ask()
        except CannotConnectError as error:
            await asyncio.sleep(outage.pause(error))


def retry_through_outage_sync(ask: Callable[[], T]) -> T:
    outage = Outage()
    while True:
        try:
            return ask()
        except CannotConnectError as error:
            time.sleep(outage.pause(error))
