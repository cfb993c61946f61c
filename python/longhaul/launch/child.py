"""The command as a child process: signals go to it, its exit code is ours."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

#: Exit code of shells for a command that cannot be started.
CANNOT_START = 127
PR_SET_PDEATHSIG = 1
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
KIB_IN_MIB = 1024


def run(command: Sequence[str], folder: Path, python: str, environment: Mapping[str, str]) -> int:
    """Runs it in `folder`; `python` and `python3` are the interpreter with its requirements, whose programs are found first."""
    environment = {**environment, "PATH": os.pathsep.join([str(Path(python).parent), environment.get("PATH", os.defpath)])}
    program = python if command[0] in ("python", "python3") else _found(command[0], folder, environment["PATH"])
    came: list[int] = []
    child: subprocess.Popen[bytes] | None = None

    def forward(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if child is not None and child.returncode is None:
            child.send_signal(number)

    # The SDK's thread in this process must hear of no signal any more: it would end this process.
    signal.set_wakeup_fd(-1)
    for number in FORWARDED:
        signal.signal(number, forward)
    begun = time.monotonic()
    try:
        child = subprocess.Popen([program, *command[1:]], cwd=folder, env=environment, preexec_fn=_end_with_parent)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"longhaul: cannot start {command[0]}: {error}", file=sys.stderr, flush=True)
        return CANNOT_START
    for missed in list(came):
        child.send_signal(missed)
    code = child.wait()
    _tell_use(time.monotonic() - begun)
    if code == -signal.SIGTERM and signal.SIGTERM in came:
        _mark_committed()
    return 128 - code if code < 0 else code


def _found(program: str, folder: Path, path: str) -> str:
    """A program with a slash lies in the code."""
    if "/" in program:
        return str(folder / program)
    return shutil.which(program, path=path) or program


def _end_with_parent() -> None:
    """Where this process is killed, nobody is left to say how the child ended."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (ImportError, OSError, AttributeError):
        return


def _mark_committed() -> None:
    """It died of the signal, so it had not come to where the SDK answers: what is committed stays."""
    if not os.environ.get("LONGHAUL_TRIAL"):
        return
    from ..document import mark_sigterm

    try:
        mark_sigterm()
    except Exception as error:
        print(f"longhaul: at SIGTERM: {error}", file=sys.stderr, flush=True)


def _tell_use(seconds: float) -> None:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    print(
        f"longhaul: ran {seconds:.1f} s, used {cpu:.1f} s of CPU and {used.ru_maxrss / KIB_IN_MIB:.0f} MiB in its largest process",
        file=sys.stderr,
        flush=True,
    )
