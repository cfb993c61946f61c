"""One's own sampler: a class of shipped code, or of Optuna, in a process of its own for each search.

That process has neither the worker's connection to Temporal nor its keys, and its memory and its crashes are its own. It is no wall
against who wants harm: so the worker's policy says whether there may be any (`ownSamplers`).
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from longhaul.store import join

from .errors import InvalidRequest, SamplerFailed
from .request import AskRequest

#: Processes kept between two questions, the least recently used one goes first. What they remember only saves time.
MAX_PROCESSES = 8
IDLE_SECONDS = 600.0
#: Less than the workflow waits for one try.
ANSWER_SECONDS = 840.0
BEAT_SECONDS = 10.0
LAST_LINES = 12
LAST_WORDS_SECONDS = 5.0
#: Exit codes of `longhaul.launch` where code or requirements are wrong.
WRONG_CODE = range(64, 79)
PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "TMPDIR",
    "TZ",
    "LONGHAUL_CACHE",
    "LONGHAUL_UV",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_CLOUD_PROJECT",
)
PASSED_ON_FROM = (
    "LC_",
    "XDG_",
    "UV_",
    "PIP_",
    "SSL_",
    "REQUESTS_",
    "CLOUDSDK_",
    "HTTP_",
    "HTTPS_",
    "NO_PROXY",
    "http_",
    "https_",
    "no_proxy",
)


def are_allowed(environment: Mapping[str, str]) -> bool:
    """Said by LONGHAUL_OWN_SAMPLERS; where that says nothing, a worker with a policy runs none."""
    said = environment.get("LONGHAUL_OWN_SAMPLERS", "")
    return said == "true" if said else not environment.get("LONGHAUL_POLICY")


@dataclass
class _Child:
    """The process of one search, and what it runs."""

    program: tuple[str, ...]
    process: subprocess.Popen[str]
    folder: tempfile.TemporaryDirectory[str]
    answers: queue.Queue[str | None] = field(default_factory=queue.Queue)
    said: list[str] = field(default_factory=list)
    #: Set once it can say no more.
    silent: threading.Event = field(default_factory=threading.Event)
    used: float = field(default_factory=time.monotonic)

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.folder.cleanup()


class OwnSamplers:
    """Asks the processes of searches with samplers of their own."""

    def __init__(self, environment: Mapping[str, str] = os.environ, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._environment = environment
        self._answer_seconds = answer_seconds
        self._children: OrderedDict[str, _Child] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, data: dict[str, Any], request: AskRequest, beat: Callable[[], None]) -> dict[str, Any]:
        """What the search's process answers.

        Raises:
            InvalidRequest: the sampler cannot work, or may not.
            SamplerFailed: it raised, ended or did not answer.
        """
        if not are_allowed(self._environment):
            raise InvalidRequest(
                "sampler.class: this sampler's worker runs no samplers of one's own; its installation allows them by the policy's rule "
                "`ownSamplers` (of a worker without the chart: LONGHAUL_OWN_SAMPLERS=true)"
            )
        child = self._take(data, request)
        try:
            answer = self._answer_of(child, data, beat)
        except BaseException:
            child.end()
            raise
        self._keep(request.study, child)
        if "refused" in answer:
            raise InvalidRequest(answer["refused"])
        if "failed" in answer:
            raise SamplerFailed(answer["failed"])
        return dict(answer["answer"])

    def _take(self, data: dict[str, Any], request: AskRequest) -> _Child:
        program = _program_of(data)
        with self._lock:
            child = self._children.pop(request.study, None)
        if child is not None and child.program == program and child.process.poll() is None:
            return child
        if child is not None:
            child.end()
        return _started(program, {**_plain(self._environment), **_emulator_of(data)})

    def _keep(self, study: str, child: _Child) -> None:
        child.used = time.monotonic()
        gone = []
        with self._lock:
            self._children[study] = child
            while len(self._children) > MAX_PROCESSES:
                gone.append(self._children.popitem(last=False)[1])
        for one in gone:
            one.end()
        timer = threading.Timer(IDLE_SECONDS, self._end_if_idle, (study, child))
        timer.daemon = True
        timer.start()

    def _end_if_idle(self, study: str, child: _Child) -> None:
        with self._lock:
            if self._children.get(study) is not child or time.monotonic() - child.used < IDLE_SECONDS:
                return
            del self._children[study]
        child.end()

    def _answer_of(self, child: _Child, data: dict[str, Any], beat: Callable[[], None]) -> dict[str, Any]:
        assert child.process.stdin is not None
        # One that has ended hears nothing, and its end is the answer.
        with contextlib.suppress(BrokenPipeError):
            child.process.stdin.write(json.dumps(data) + "\n")
            child.process.stdin.flush()
        deadline = time.monotonic() + self._answer_seconds
        while True:
            beat()
            try:
                line = child.answers.get(timeout=min(BEAT_SECONDS, max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                if time.monotonic() >= deadline:
                    raise SamplerFailed(f"the sampler did not answer for {self._answer_seconds:.0f} s") from None
                continue
            if line is not None:
                return dict(json.loads(line))
            code = child.process.wait()
            child.silent.wait(LAST_WORDS_SECONDS)  # what it said on its way out may still be on its way; its children may go on talking
            said = "\n".join(child.said[-LAST_LINES:])
            if code in WRONG_CODE:
                raise InvalidRequest(f"sampler.code: {said}")
            raise SamplerFailed(f"the process of the sampler ended with {code}{': ' if said else ''}{said}")

    def close(self) -> None:
        with self._lock:
            children = list(self._children.values())
            self._children.clear()
        for child in children:
            child.end()


def _program_of(data: dict[str, Any]) -> tuple[str, ...]:
    """The launcher fetches and verifies the code, installs its requirements, and starts what asks the sampler."""
    sampler = data["sampler"]
    root = _root_of(data["storage"]) if "storage" in data else ""
    shipped = [
        part for name in ("code", "requirements") if name in sampler for part in (f"--{name}", join(root, "code", sampler[name]["sha256"]))
    ]
    return (sys.executable, "-P", "-m", "longhaul.launch", *shipped, "--", "python", "-P", "-m", "longhaul_sampler.own_process")


def _root_of(storage: dict[str, Any]) -> str:
    """As `storageRoot` in src/compile/profile.ts."""
    if storage["kind"] == "directory":
        return Path(storage["path"]).as_uri()
    prefix = storage.get("prefix", "").strip("/")
    return f"gs://{storage['bucket']}/{prefix}" if prefix else f"gs://{storage['bucket']}"


def _emulator_of(data: dict[str, Any]) -> dict[str, str]:
    endpoint = data.get("storage", {}).get("apiEndpoint")
    return {"STORAGE_EMULATOR_HOST": endpoint} if endpoint else {}


def _plain(environment: Mapping[str, str]) -> dict[str, str]:
    """Of the worker's environment what programs need, and nothing that opens Temporal or its payloads."""
    return {name: value for name, value in environment.items() if name in PASSED_ON or name.startswith(PASSED_ON_FROM)} | {
        "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
        "PYTHONUNBUFFERED": "1",
    }


def _started(program: tuple[str, ...], environment: Mapping[str, str]) -> _Child:
    folder: tempfile.TemporaryDirectory[str] = tempfile.TemporaryDirectory(prefix="longhaul-sampler-", ignore_cleanup_errors=True)
    process = subprocess.Popen(
        program,
        cwd=folder.name,
        env={**environment, "TMPDIR": folder.name},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    child = _Child(program, process, folder)
    for read in (_read_answers, _read_words):
        threading.Thread(target=read, args=(child,), daemon=True).start()
    return child


def _read_answers(child: _Child) -> None:
    assert child.process.stdout is not None
    for line in child.process.stdout:
        child.answers.put(line)
    child.answers.put(None)


def _read_words(child: _Child) -> None:
    """What it says goes into the worker's log, and its last lines into the message where it ends."""
    assert child.process.stderr is not None
    for line in child.process.stderr:
        print(f"own sampler: {line}", end="", file=sys.stderr, flush=True)
        child.said.append(line.rstrip())
        del child.said[:-LAST_LINES]
    child.silent.set()
