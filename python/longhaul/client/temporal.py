"""The connection to Temporal: one a server, on a thread of its own, so that notebooks may call as if nothing were asynchronous."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable, TypeVar

from .development import development_server
from .errors import CannotConnectError, InvalidInputError, LonghaulError, MissingPackageError, RefusedError, UnknownRunError

try:
    from temporalio.client import Client, WorkflowHandle, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
    from temporalio.envconfig import ClientConfig
    from temporalio.service import RPCError, RPCStatusCode
except ImportError as error:  # pragma: no cover
    raise MissingPackageError("longhaul's client needs temporalio and pandas: pip install 'longhaul-sdk[client]'") from error

T = TypeVar("T")

#: Workers answer within 10 s or not at all: one that is starting, or busy with a long replay, is asked again.
ANSWER = timedelta(seconds=10)
QUESTIONS = 4
#: Temporal refuses questions to a workflow whose task failed a few times, until that task has succeeded.
QUESTIONS_UNTIL_READY = 20
NOT_READY_SECONDS = 1.0
#: Updates change little and are answered at once where there is a worker.
UPDATE_SECONDS = 60.0
CONNECT_SECONDS = 10.0


def find_server() -> dict[str, Any]:
    """Arguments of `Client.connect`: TEMPORAL_ADDRESS and profiles win; then a `longhaul dev` of this project.

    Raises:
        CannotConnectError: neither is there.
        InvalidInputError: Temporal's environment configuration cannot be read.
    """
    try:
        config: dict[str, Any] = dict(ClientConfig.load_client_connect_config())
    except (RuntimeError, ValueError, OSError) as error:
        raise InvalidInputError(f"Temporal's environment configuration: {error}; `temporal config list` shows the profiles") from error
    found = config if config.get("target_host") else development_server(Path.cwd())
    if found is None:
        raise CannotConnectError(
            "no Temporal server is named and no `longhaul dev` runs in this project; start `longhaul dev`, or set TEMPORAL_ADDRESS"
        )
    return found


class Server:
    """A Temporal server. Its methods wait for their answer."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.address: str = config["target_host"]
        self._config = config
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="longhaul-client", daemon=True).start()
        self.client: Client = self.wait(self._connect())

    async def _connect(self) -> Client:
        converter: dict[str, Any] = {}
        if os.environ.get("LONGHAUL_ENCRYPTION_KEYS", "").strip():
            from .codec import data_converter

            converter = {"data_converter": data_converter(os.environ)}
        try:
            return await asyncio.wait_for(Client.connect(**self._config, **converter), CONNECT_SECONDS)
        except (RuntimeError, OSError, RPCError, asyncio.TimeoutError) as error:
            raise CannotConnectError(f"cannot reach Temporal at {self.address}; is it running?") from error

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Ctrl-C ends the waiting, and the work with it."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def handle(self, workflow: str) -> WorkflowHandle[Any, Any]:
        return self.client.get_workflow_handle(workflow)

    def query(self, workflow: str, name: str, *arguments: Any) -> Any:
        """
        Raises:
            UnknownRunError, RefusedError, CannotConnectError
        """
        return self.wait(self.ask(workflow, name, *arguments))

    async def ask(self, workflow: str, name: str, *arguments: Any) -> Any:
        """Questions change nothing, so one that no worker answered in time is repeated."""
        asked = 0
        while True:
            asked += 1
            try:
                return await self.handle(workflow).query(name, args=list(arguments), rpc_timeout=ANSWER)
            except RPCError as error:
                not_ready = error.status is RPCStatusCode.FAILED_PRECONDITION and "ready" in error.message.lower()
                late = error.status in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED)
                if not (not_ready or late) or asked >= (QUESTIONS_UNTIL_READY if not_ready else QUESTIONS):
                    raise self.translated(workflow, error) from error
                if not_ready:
                    await asyncio.sleep(NOT_READY_SECONDS)

    def update(self, workflow: str, name: str, payload: dict[str, Any]) -> dict[str, Any]:
        """
        Raises:
            RefusedError: the workflow says no, and why.
            UnknownRunError, CannotConnectError
        """
        return self.wait(self._about(workflow, lambda: self._update(workflow, name, payload)))

    async def _update(self, workflow: str, name: str, payload: dict[str, Any]) -> dict[str, Any]:
        late = f"no worker of {workflow} answered in {UPDATE_SECONDS:.0f} s; {name} is done once one is there"
        try:
            return await asyncio.wait_for(self.handle(workflow).execute_update(name, payload), UPDATE_SECONDS)
        except WorkflowUpdateFailedError as error:
            raise RefusedError(str(error.cause or error)) from error
        except (asyncio.TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError) as error:
            raise CannotConnectError(late) from error

    def cancel(self, workflow: str, second: str | None) -> None:
        """
        Args:
            second: signal for one that was cancelled before; without it nothing more happens to that
        """

        async def do() -> None:
            handle = self.handle(workflow)
            described = await handle.describe()
            await handle.cancel()
            if second is not None and described.raw_description.workflow_extended_info.cancel_requested:
                await handle.signal(second)

        self.wait(self._about(workflow, do))

    async def _about(self, workflow: str, call: Callable[[], Awaitable[T]]) -> T:
        try:
            return await call()
        except RPCError as error:
            raise self.translated(workflow, error) from error

    def translated(self, workflow: str, error: RPCError) -> LonghaulError:
        """Temporal says “not found” of both: what it never knew, and what has ended and takes no more messages."""
        if error.status is RPCStatusCode.NOT_FOUND:
            if "already completed" in error.message:
                return RefusedError(f"{workflow} has already ended")
            return UnknownRunError(f'there is no run "{workflow}"; longhaul.runs() lists them')
        if error.status in (RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.CANCELLED):
            return CannotConnectError(f"no worker of {workflow} answers; start `longhaul dev`, or the workers of the chart")
        if error.status in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.UNAUTHENTICATED):
            return CannotConnectError(f"Temporal at {self.address} does not answer: {error.message}")
        return RefusedError(f"Temporal refused: {error.message}")


_servers: dict[str, Server] = {}


def server() -> Server:
    """That of the environment or of this project; a connection that is there is used again.

    Raises:
        CannotConnectError
    """
    config = find_server()
    key = f"{config['target_host']} {config.get('namespace', 'default')}"
    if key not in _servers:
        _servers[key] = Server(config)
    return _servers[key]
