"""Starting and stopping a trainer that is to be checked: a command here, or a container."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import UsageError

RUNTIMES = ("docker", "podman", "nerdctl")
RUNTIME_ANSWER_SECONDS = 20
#: After the end of one rank the others must not go on for longer.
OTHERS_SECONDS = 30.0
#: Exit code of several ranks of which one did so.
WENT_ON = -2
LOOK_SECONDS = 0.005


class Running:
    """A trainer that was started; its output goes to `log`."""

    def __init__(self, command: Sequence[str], log: Path, environment: Mapping[str, str], container: tuple[str, str] | None = None) -> None:
        self.log = log
        self.began = time.monotonic()
        self._container = container
        with log.open("a", encoding="utf-8") as file:
            try:
                self._process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=file, stderr=file)
            except OSError as error:
                raise UsageError(f"cannot start {command[0]}: {error.strerror}") from None

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def signal(self, number: int) -> None:
        if self._container is None:
            self._process.send_signal(number)
        else:  # what a kubelet does; a signal to the client of a container would not always arrive
            runtime, name = self._container
            subprocess.run([runtime, "kill", "--signal", str(number), name], check=False, capture_output=True)

    def wait(self, timeout: float) -> tuple[int, str]:
        """Exit code (-1: it did not end in time and was killed) and the last lines of the log."""
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.signal(9)
            self._process.wait()
            code = -1
        return code, " | ".join(self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:])


def _problem_of(runtime: str) -> str | None:
    """Why it runs no containers here: it is missing, or its server does not answer."""
    if shutil.which(runtime) is None:
        return "not on PATH"
    try:
        answer = subprocess.run([runtime, "version"], check=False, capture_output=True, text=True, timeout=RUNTIME_ANSWER_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if answer.returncode == 0:
        return None
    said = (answer.stderr or answer.stdout).strip().splitlines()
    return said[-1] if said else f"exit code {answer.returncode}"


class CommandLauncher:
    """Runs a command on this machine."""

    def __init__(self, command: Sequence[str]) -> None:
        if not command or shutil.which(command[0]) is None:
            raise UsageError(f"--command: expected a program on PATH, found {command[0] if command else 'nothing'!r}")
        self._command = list(command)

    def start(self, directory: Path, environment: Mapping[str, str], log: Path) -> Running:
        return Running(self._command, log, environment)


class RunningRanks:
    """The ranks of one attempt. A signal goes to one of them, drawn by chance."""

    def __init__(self, ranks: Sequence[Running], log: Path, rng: random.Random) -> None:
        self.log = log
        self.began = time.monotonic()
        self._ranks = ranks
        self._rng = rng

    @property
    def ended(self) -> bool:
        return all(rank.ended for rank in self._ranks)

    def signal(self, number: int) -> None:
        self._rng.choice(self._ranks).signal(number)

    def wait(self, timeout: float) -> tuple[int, str]:
        """Exit code of the rank that failed first, 0 where none did, WENT_ON where others did not end with it; and last lines."""
        deadline = time.monotonic() + timeout
        code = 0
        while not self.ended and time.monotonic() < deadline:
            failed = [rank for rank in self._ranks if rank.ended and rank.wait(0)[0] != 0]
            if failed and code == 0:
                code = failed[0].wait(0)[0]
                deadline = min(deadline, time.monotonic() + OTHERS_SECONDS)
            time.sleep(LOOK_SECONDS)
        went_on = [number for number, rank in enumerate(self._ranks) if not rank.ended]
        ends = [rank.wait(0) for rank in self._ranks]  # kills what has not ended
        lines = ends[0][1]
        if went_on:
            told = f"rank {', '.join(map(str, went_on))} went on for {OTHERS_SECONDS:g} s after another rank had ended"
            return (WENT_ON, told) if code else (-1, lines)
        return code or next((each for each, _ in ends if each), 0), lines


class RanksLauncher:
    """Runs a command once for each of several nodes, all of them on this machine."""

    def __init__(self, command: CommandLauncher, nodes: int, seed: int) -> None:
        self._command = command
        self._nodes = nodes
        self._rng = random.Random(seed)

    def start(self, directory: Path, environment: Mapping[str, str], log: Path) -> RunningRanks:
        coordinator = f"127.0.0.1:{free_port(self._nodes)}"
        shared = {**environment, "LONGHAUL_NODES": str(self._nodes), "LONGHAUL_COORDINATOR": coordinator}
        ranks = [
            self._command.start(
                directory, {**shared, "LONGHAUL_NODE_RANK": str(rank)}, log if rank == 0 else log.with_suffix(f".{rank}.log")
            )
            for rank in range(self._nodes)
        ]
        return RunningRanks(ranks, log, self._rng)


def free_port(processes: int = 1) -> int:
    """A port that is free, as are the next ones, which frameworks take, TensorFlow one for each process.

    They lie below those that Linux gives to connections.
    """
    while True:
        port = random.randint(20000, 32000)
        try:
            for each in range(port, port + 1 + processes):
                # At every address, as TensorFlow listens.
                socket.create_server(("", each)).close()
        except OSError:
            continue
        return port


class ImageLauncher:
    """Runs an image as Longhaul does: the image's own entry point, not root. It sees `directory` and the `data`, where they are here."""

    def __init__(self, image: str, runtime: str | None = None, data: Sequence[Path] = ()) -> None:
        problems: dict[str, str] = {}
        for name in (runtime,) if runtime else RUNTIMES:
            problem = _problem_of(name)
            if problem is None:
                self.runtime = name
                break
            problems[name] = problem
        else:
            found = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
            raise UsageError(
                f"--image: expected {' or '.join(problems)} that runs containers, found {found}; or use --command inside the image"
            )
        self._image = image
        self._data = data

    def start(self, directory: Path, environment: Mapping[str, str], log: Path) -> Running:
        name = f"longhaul-check-{uuid.uuid4().hex[:12]}"
        given = [part for key, value in environment.items() for part in ("--env", f"{key}={value}")]
        user = f"{os.getuid()}:{os.getgid()}"
        mounts = [f"{directory}:{directory}", *(f"{place}:{place}:ro" for place in self._data)]
        volumes = [part for mount in mounts for part in ("--volume", mount)]
        command = [self.runtime, "run", "--rm", "--name", name, "--user", user, *volumes, *given, self._image]
        return Running(command, log, {}, (self.runtime, name))
