"""Tells that a run or one of its searches has moved on: a long poll of their histories, so that they are asked only then.

Temporal Cloud bills each question to a workflow, and none of these.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from temporalio.api.enums.v1 import EventType
from temporalio.service import RPCError

from .temporal import Server

#: Between two looks, while change follows change.
PACE_SECONDS = 1.0
RETRY_SECONDS = 5.0


class Changes:
    def __init__(self, server: Server, workflow: str) -> None:
        self._server = server
        self._news = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.follow([workflow])

    def follow(self, workflows: Iterable[str]) -> None:
        """Once is enough."""
        for workflow in workflows:
            if workflow not in self._tasks:
                self._tasks[workflow] = asyncio.create_task(self._poll(workflow))
                self._news.set()

    async def __aiter__(self) -> AsyncIterator[None]:
        try:
            while True:
                await self._news.wait()
                self._news.clear()
                yield
                await asyncio.sleep(PACE_SECONDS)
        finally:
            for task in self._tasks.values():
                task.cancel()

    async def _poll(self, workflow: str) -> None:
        """Until it has ended; one that continues as new, or is run again, is the same workflow."""
        while True:
            last = EventType.EVENT_TYPE_UNSPECIFIED
            try:
                async for event in self._server.handle(workflow).fetch_history_events(wait_new_event=True):
                    last = event.event_type
                    self._news.set()
            except RPCError:
                # A server that is away. Whoever follows asks at this pace then.
                await asyncio.sleep(RETRY_SECONDS)
                self._news.set()
                continue
            if last != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
                return
