"""How a run stands, for people: a bar where there is a notebook, a line repainted in a terminal, and a line a change elsewhere."""

from __future__ import annotations

import html
import sys
from collections.abc import Mapping
from typing import Any, TextIO

Snapshot = Mapping[str, Any]
#: Of steps and trials.
ENDED = frozenset({"succeeded", "cached", "skipped", "stopped", "failed", "cancelled", "blocked"})
WIDTH = 24


def share(run: Snapshot, searches: Mapping[str, Snapshot]) -> float:
    """0–1: steps that have ended; of a search that runs, its trials that have."""
    steps = run["steps"]
    if run["endedAt"] is not None:
        return 1.0
    done = 0.0
    for step in steps:
        if step["status"] in ENDED:
            done += 1
        elif step["id"] in searches:
            trials = searches[step["id"]]["trials"]
            planned = max(searches[step["id"]]["plannedTrials"], len(trials), 1)
            done += sum(trial["status"] in ENDED for trial in trials) / planned
    return done / max(len(steps), 1)


def words(run: Snapshot, searches: Mapping[str, Snapshot]) -> str:
    """`grocery-… running · search: 3 of 8 trials, 2 running, best 0.71`"""
    parts = [f"{run['run']} {run['status']}"]
    for step in run["steps"]:
        if step["id"] in searches and step["status"] == "running":
            search = searches[step["id"]]
            ended = sum(trial["status"] in ENDED for trial in search["trials"])
            busy = sum(trial["status"] == "running" for trial in search["trials"])
            best = search["bestObjective"]
            more = "" if best is None else f", best {best:.6g}"
            parts.append(f"{step['id']}: {ended} of {search['plannedTrials']} trials, {busy} running{more}")
        elif step["status"] == "running":
            parts.append(step["id"])
    parts.extend(f"{approval['step']} waits for a person: {approval['message']}" for approval in run["approvals"])
    if run["status"] in ("failed", "cancelled") and run["reason"]:
        parts.append(run["reason"])
    return " · ".join(parts)


class Progress:
    """Shown to a person; the last state stays."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._notebook = _notebook() if stream is None else None
        self._handle: Any = None
        self._last = ""

    def show(self, run: Snapshot, searches: Mapping[str, Snapshot]) -> None:
        done, text = share(run, searches), words(run, searches)
        if self._notebook is not None:
            self._paint(*self._notebook, done, text)
            return
        line = f"[{'#' * round(done * WIDTH):<{WIDTH}}] {done:4.0%} {text}"
        if line == self._last:
            return
        self._last = line
        if self._stream.isatty():
            self._stream.write(f"\r\x1b[2K{line}")
            if run["endedAt"] is not None:
                self._stream.write("\n")
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()

    def _paint(self, display: Any, shown: Any, done: float, text: str) -> None:
        bar = shown(f'<progress max="1" value="{done:.4f}" style="width: 24em"></progress> {html.escape(text)}')
        if self._handle is None:
            self._handle = display(bar, display_id=True)
        else:
            self._handle.update(bar)


def _notebook() -> tuple[Any, Any] | None:
    """IPython's `display` and `HTML`, where a kernel paints them."""
    shell = sys.modules.get("IPython")
    found = shell.get_ipython() if shell is not None and hasattr(shell, "get_ipython") else None
    if found is None or type(found).__name__ == "TerminalInteractiveShell":
        return None
    from IPython.display import HTML, display

    return display, HTML
