"""Runs and their searches, as objects."""

from __future__ import annotations

import getpass
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from . import command
from .errors import CannotConnectError, InvalidInputError, RefusedError, RunFailedError, UnknownRunError
from .following import Changes
from .frames import frame
from .outages import retry_through_outage, retry_through_outage_sync
from .progress import Progress
from .temporal import Server, server

if TYPE_CHECKING:
    from pandas import DataFrame

#: Between two looks whether trials have committed their checkpoints.
LOOK_SECONDS = 1.0
#: A run says that a search is running a moment before its workflow is there.
BEGIN_SECONDS = 30.0
BEGIN_LOOK_SECONDS = 0.1


def _who(by: str | None, why: str | None) -> dict[str, Any]:
    return {"by": by or getpass.getuser(), **({} if why is None else {"why": why})}


class Search:
    """A hyper-parameter search of a run. What makes no sense to it is a `RefusedError`.

    Every method that changes something takes `by` and `why`, which are kept with the decision, and answers in words.
    """

    def __init__(self, run: str, step: str) -> None:
        self.run = run
        self.step = step

    def __repr__(self) -> str:
        return f"<search {self.step} of {self.run}>"

    @property
    def _workflow(self) -> str:
        return f"{self.run}/{self.step}"

    def state(self) -> dict[str, Any]:
        """With all trials, in as many questions as their size needs. One whose step has just begun is waited for.

        Raises:
            UnknownRunError: its step has not begun, or Temporal has forgotten it.
        """
        there = server()
        deadline = time.monotonic() + BEGIN_SECONDS
        while True:
            try:
                return there.wait(_search_state(there, self._workflow))
            except UnknownRunError:
                steps = there.query(self.run, "state")["steps"]
                if (self.step, "running") not in [(each["id"], each["status"]) for each in steps] or time.monotonic() > deadline:
                    raise
            time.sleep(BEGIN_LOOK_SECONDS)

    def pause(self, trial: int | None = None, *, by: str | None = None, why: str | None = None) -> str:
        """Trials commit a checkpoint and give their machines back; without `trial`, all of them, and none is started."""
        return self._update("pause", _who(by, why), trial=trial)

    def resume(self, trial: int | None = None, *, by: str | None = None, why: str | None = None) -> str:
        return self._update("resume", _who(by, why), trial=trial)

    def stop_trial(self, trial: int, *, by: str | None = None, why: str | None = None) -> str:
        """Ends it with a checkpoint; its models stay."""
        return self._update("stop-trial", _who(by, why), trial=trial)

    def keep_trial(self, trial: int, *, by: str | None = None, why: str | None = None) -> str:
        """No rule may stop it early."""
        return self._update("keep-trial", _who(by, why), trial=trial)

    def prioritise(self, trial: int, priority: int, *, by: str | None = None, why: str | None = None) -> str:
        return self._update("prioritise", _who(by, why), trial=trial, priority=priority)

    def add_trial(
        self, parameters: Mapping[str, Any], *, priority: int | None = None, by: str | None = None, why: str | None = None
    ) -> str:
        return self._update("add-trial", _who(by, why), parameters=dict(parameters), priority=priority)

    def fork_trial(
        self, trial: int, parameters: Mapping[str, Any], *, checkpoint: str | None = None, by: str | None = None, why: str | None = None
    ) -> str:
        """A new trial that goes on from a checkpoint of another with other parameters."""
        return self._update("fork-trial", _who(by, why), trial=trial, parameters=dict(parameters), checkpoint=checkpoint)

    def set_parallelism(self, parallel: int, *, by: str | None = None, why: str | None = None) -> str:
        return self._update("set-parallelism", _who(by, why), parallel=parallel)

    def set_budget(
        self,
        *,
        cost: float | str | None = None,
        hours: float | str | None = None,
        trials: int | str | None = None,
        by: str | None = None,
        why: str | None = None,
    ) -> str:
        """What is left out stays as it is; `"none"` lifts a cap."""
        given = {name: cap for name, cap in (("cost", cost), ("hours", hours), ("trials", trials)) if cap is not None}
        caps = {name: None if cap == "none" else cap for name, cap in given.items()}
        return str(server().update(self._workflow, "set-budget", {**_who(by, why), **caps})["text"])

    def set_space(self, space: Mapping[str, Any], *, by: str | None = None, why: str | None = None) -> str:
        return self._update("set-space", _who(by, why), space=dict(space))

    def set_stopping(self, stopping: Sequence[Mapping[str, Any]], *, by: str | None = None, why: str | None = None) -> str:
        return self._update("set-stopping", _who(by, why), stopping=[dict(rule) for rule in stopping])

    def approve(self, trial: int | None = None, *, by: str | None = None, why: str | None = None) -> str:
        """Answers what the search asked: a budget that is used up, a trial that early evaluation doubts."""
        return self._update("approve", _who(by, why), trial=trial)

    def reject(self, trial: int | None = None, *, by: str | None = None, why: str | None = None) -> str:
        return self._update("reject", _who(by, why), trial=trial)

    def _update(self, name: str, who: dict[str, Any], **fields: Any) -> str:
        given = {key: value for key, value in fields.items() if value is not None}
        return str(server().update(self._workflow, name, {**who, **given})["text"])


class Run:
    """A run, running or ended. `state()`, frames and controls ask for what is so now.

    Example:
        run = longhaul.attach("grocery-20261124-101500-k3f9")
        run.trials().sort_values("objective")
    """

    def __init__(self, id: str) -> None:
        self.id = id

    def __repr__(self) -> str:
        return f"<run {self.id}>"

    def state(self) -> dict[str, Any]:
        """Steps, cost, what waits for a person: `run` of `longhaul status --output json` (docs/cli.md).

        Raises:
            UnknownRunError
        """
        try:
            found = server().query(self.id, "state")
        except CannotConnectError:
            # What was kept of it when it ended; where that is not there, the command says why.
            found = command.ask("status", self.id)["run"]
        return dict(found)

    @property
    def status(self) -> str:
        """running, paused, waiting, succeeded, failed or cancelled"""
        return str(self.state()["status"])

    def search(self, step: str | None = None) -> Search:
        """
        Args:
            step: may be left out where the run has one search
        Raises:
            InvalidInputError: there is no such one
        """
        found = [each["id"] for each in self.state()["steps"] if each["kind"] == "search"]
        if step is None and len(found) == 1:
            step = found[0]
        if step not in found:
            raise InvalidInputError(
                f"{self.id}: expected the id of one of its searches ({', '.join(found) or 'it has none'}), found {step}"
            )
        return Search(self.id, str(step))

    def follow(self, *, progress: Progress | None = None) -> str:
        """Shows how it gets on until it ends, and answers how it ended; Ctrl-C leaves the run going."""
        return str(self._end(progress or Progress())["status"])

    def _end(self, shown: Progress) -> dict[str, Any]:
        """Its state, once it has ended."""
        there = server()
        return there.wait(self._follow(there, shown))

    async def _follow(self, there: Server, shown: Progress) -> dict[str, Any]:
        changes = Changes(there, self.id)
        async for _ in changes:
            run = await retry_through_outage(lambda: there.ask(self.id, "state"))
            running = [each["id"] for each in run["steps"] if each["kind"] == "search" and each["status"] == "running"]
            searches = {}
            for step in running:
                with suppress(UnknownRunError):  # the run says so a moment before its search is there
                    searches[step] = await retry_through_outage(partial(_search_state, there, f"{self.id}/{step}"))
            shown.show(run, searches)
            if run["endedAt"] is not None:
                return dict(run)
            changes.follow(f"{self.id}/{step}" for step in running)
        raise AssertionError("changes end with the run")

    def result(self) -> dict[str, Any]:
        """Waits for the end.

        Raises:
            RunFailedError: it failed or was cancelled.
        """
        state = self.state()
        if state["endedAt"] is None:
            state = self._end(_Silent())
        if state["status"] != "succeeded":
            raise RunFailedError(self.id, str(state["status"]), str(state["reason"] or ""))
        return state

    def trials(self, step: str | None = None) -> DataFrame:
        """A row a trial: `trial`, `status`, `objective`, `params.…`, `metrics.…`, `attempts`, `seconds`, `cost`, `export`, …"""
        more = () if step is None else ("--step", step)
        return frame(command.ask("trials", self.id, *more), ("run", "step", "trial", "status", "objective"))

    def curves(self, metric: str | None = None, step: str | None = None) -> DataFrame:
        """A row a point: `step`, `trial`, `samples`, and the metric (the objective when left out)."""
        options = {"--metric": metric, "--step": step}
        found = command.ask("curves", self.id, *(word for name, value in options.items() if value is not None for word in (name, value)))
        name = found["metric"]
        # Of records at the same point the last one counts.
        points = {(series["step"], series["trial"], samples): value for series in found["series"] for samples, value in series["points"]}
        rows = [{"step": of, "trial": trial, "samples": samples, name: value} for (of, trial, samples), value in points.items()]
        return frame(rows, ("step", "trial", "samples", name))

    def metrics(self) -> DataFrame:
        """A row a figure of its evaluation steps: `step`, `scorer`, `metric`, `segment`, `value`, `low`, `high`, …"""
        found = command.ask("report", self.id, "--format", "json")
        return frame(found["evaluations"], ("run", "step", "metric", "value", "low", "high"))

    def pause(self, *, by: str | None = None, why: str | None = None) -> str:
        """No new step starts, searches pause their trials: they commit checkpoints and give their machines back."""
        return self._update("pause", _who(by, why))

    def resume(self, *, by: str | None = None, why: str | None = None) -> str:
        return self._update("resume", _who(by, why))

    def approve(self, step: str | None = None, *, by: str | None = None, why: str | None = None) -> str:
        return self._update("approve", _who(by, why), step)

    def reject(self, step: str | None = None, *, by: str | None = None, why: str | None = None) -> str:
        return self._update("reject", _who(by, why), step)

    def cancel(self) -> None:
        """What runs is ended with a checkpoint and removed; exit steps still run. A second time it ends those too."""
        server().cancel(self.id, "cancel-exit")

    def stop(self, *, by: str | None = None, why: str | None = None) -> None:
        """Every trial commits a checkpoint, then the run is cancelled; returns when it has ended.

        Raises:
            RefusedError: it has ended already.
        """
        state = self.state()
        if state["endedAt"] is not None:
            raise RefusedError(f"{self.id} has already ended: {state['status']}")
        try:
            self.pause(by=by, why=why or "stop")
            while retry_through_outage_sync(self._busy):
                time.sleep(LOOK_SECONDS)
            retry_through_outage_sync(lambda: server().cancel(self.id, None))
        except BaseException:
            print(f"{self.id} may be paused, and is not cancelled: stop() it again, or resume() it", file=sys.stderr)
            raise
        self.follow(progress=_Silent())

    def _busy(self) -> bool:
        """A paused trial has committed its checkpoint."""
        steps = server().query(self.id, "state")["steps"]
        running = [Search(self.id, each["id"]) for each in steps if each["kind"] == "search" and each["status"] == "running"]
        return any(trial["status"] == "running" for search in running for trial in _trials(search))

    def _update(self, name: str, who: dict[str, Any], step: str | None = None) -> str:
        return str(server().update(self.id, name, who if step is None else {**who, "step": step})["text"])


class _Silent(Progress):
    def show(self, run: Mapping[str, Any], searches: Mapping[str, Mapping[str, Any]]) -> None:
        pass


def _trials(search: Search) -> list[dict[str, Any]]:
    there = server()
    try:
        return list(there.wait(_search_state(there, search._workflow))["trials"])
    except UnknownRunError:  # it has not begun
        return []


async def _search_state(there: Server, workflow: str) -> dict[str, Any]:
    state: dict[str, Any] = await there.ask(workflow, "state", {})
    while state.get("next") is not None:
        more = await there.ask(workflow, "state", {"from": state.pop("next")})
        state["trials"].extend(more["trials"])
        if more.get("next") is not None:
            state["next"] = more["next"]
    return state
