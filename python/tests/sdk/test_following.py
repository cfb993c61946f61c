"""Following a run through outages of its server and its workers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

pytest.importorskip("temporalio")

from longhaul.client import handles, outages
from longhaul.client.errors import CannotConnectError, RefusedError, UnknownRunError

AWAY = CannotConnectError("nobody answers")


def state(status: str = "running") -> dict[str, Any]:
    ended = None if status == "running" else "2026-01-01"
    return {"steps": [{"id": "search", "kind": "search", "status": status}], "status": status, "endedAt": ended, "reason": None}


class Server:
    """Answers with what it was given, in turn; the last answer for good."""

    def __init__(self, runs: list[Any], searches: list[Any]) -> None:
        self.answers = {"run": runs, "run/search": searches}
        self.done: list[str] = []
        self.cancels: list[Any] = [None]

    def wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(work)

    def query(self, workflow: str, name: str, *arguments: Any) -> Any:
        return self.wait(self.ask(workflow, name, *arguments))

    async def ask(self, workflow: str, name: str, *arguments: Any) -> Any:
        left = self.answers[workflow]
        return given(left.pop(0) if len(left) > 1 else left[0])

    def update(self, workflow: str, name: str, payload: dict[str, Any]) -> dict[str, Any]:
        self.done.append(name)
        return {"text": ""}

    def cancel(self, workflow: str, second: str | None) -> None:
        given(self.cancels.pop(0) if len(self.cancels) > 1 else self.cancels[0])
        self.done.append("cancel")


def given(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


class Changes:
    def __init__(self, server: object, workflow: str) -> None:
        pass

    def follow(self, workflows: object) -> None:
        pass

    async def __aiter__(self) -> AsyncIterator[None]:
        while True:
            yield


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "FIRST_SECONDS", 0.001)
    monkeypatch.setattr(handles, "LOOK_SECONDS", 0.001)
    monkeypatch.setattr(handles, "Changes", Changes)
    monkeypatch.setattr(handles.command, "ask", lambda *words: given(RefusedError("nothing is kept of it")))


def attached(monkeypatch: pytest.MonkeyPatch, server: Server) -> handles.Run:
    monkeypatch.setattr(handles, "server", lambda: server)
    return handles.Run("run")


def test_the_result_is_waited_for_through_outages_and_before_a_search_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = UnknownRunError("there is none")
    server = Server([state(), AWAY, state(), AWAY, AWAY, state("succeeded"), AWAY], [unknown, AWAY, {"trials": []}])
    assert attached(monkeypatch, server).result()["status"] == "succeeded"


def test_what_nobody_answers_for_too_long_is_no_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outages, "OUTAGE_SECONDS", 0.0)
    with pytest.raises(CannotConnectError):
        attached(monkeypatch, Server([AWAY], [])).follow()


def test_a_stop_goes_on_after_an_outage_and_says_what_it_left_where_it_cannot(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    busy, idle = {"trials": [{"status": "running"}]}, {"trials": [{"status": "paused"}]}
    server = Server([state(), state(), AWAY, state(), state("cancelled")], [busy, AWAY, idle])
    server.cancels = [AWAY, None]
    attached(monkeypatch, server).stop()
    assert server.done == ["pause", "cancel"]
    capsys.readouterr()
    server = Server([state()], [idle])
    server.cancels = [RefusedError("no")]
    with pytest.raises(RefusedError):
        attached(monkeypatch, server).stop()
    assert "is not cancelled" in capsys.readouterr().err


def test_a_search_whose_step_has_just_begun_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handles, "BEGIN_LOOK_SECONDS", 0.001)
    absent = UnknownRunError("no such workflow yet")
    run = attached(monkeypatch, Server([state()], [absent, absent, {"trials": [{"trial": 0}]}]))
    assert run.search().state()["trials"] == [{"trial": 0}]


@pytest.mark.parametrize("status", ["pending", "succeeded"])
def test_a_search_that_has_not_begun_or_is_forgotten_is_not(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    run = attached(monkeypatch, Server([state(status)], [UnknownRunError("no such workflow")]))
    with pytest.raises(UnknownRunError):
        run.search().state()
