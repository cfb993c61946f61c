"""The command as a child process, or several of them: signals go to all, the exit code of the first that failed is ours."""

from __future__ import annotations

import os
import queue
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from ..gang.ranks import ranks_of_node, variables_of
from .forwarding import Child, Forwarding, send
from .redact import BLOCK_BYTES, Redactor, tell

#: Exit code of shells for a command that cannot be started.
CANNOT_START = 127
PR_SET_PDEATHSIG = 1
FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
KIB_IN_MIB = 1024
#: Between two processes of one training: the others are asked to end, and then made to.
OTHERS_SECONDS = 5.0
#: For the last lines of a process that has ended; what it has started may hold its output open.
LAST_LINES_SECONDS = 2.0
LINE_END = re.compile(rb"(?<=\n)|(?<=\r)(?!\n)")


def run(command: Sequence[str], folder: Path, python: str, environment: Mapping[str, str], redactor: Redactor) -> int:
    """Runs it in `folder`; `python` and `python3` are the interpreter with its requirements, whose programs are found first.

    What it prints passes through `redactor`, where that has something to hide.
    Where LONGHAUL_NODES says so, once for each GPU of this node, with rank and world in the environment.
    """
    environment = {**environment, "PATH": os.pathsep.join([str(Path(python).parent), environment.get("PATH", os.defpath)])}
    program = python if command[0] in ("python", "python3") else _found(command[0], folder, environment["PATH"])
    ranks = ranks_of_node(environment)
    children: list[Child[bytes]] = []
    signals = Forwarding(FORWARDED)
    begun = time.monotonic()
    pumps: list[threading.Thread] = []
    try:
        if not ranks:
            child = _start([program, *command[1:]], folder, environment, subprocess.PIPE if redactor.hides else None, one=_is_one_stream())
            pumps += [redactor.thread(source, target) for source, target in _pipes(child)]
            children.append(child)
        for each in ranks:
            child = _start([program, *command[1:]], folder, {**environment, **variables_of(each)}, subprocess.PIPE)
            pumps += _tell_apart(child, f"[rank {each.rank}] ".encode(), redactor)
            children.append(child)
    except (OSError, subprocess.SubprocessError) as error:
        print(f"longhaul: cannot start {command[0]}: {error}", file=sys.stderr, flush=True)
        _end(children)
        return CANNOT_START
    signals.to(children)
    code = _first_failure(children)
    for pump in pumps:
        pump.join(LAST_LINES_SECONDS)
    _tell_use(time.monotonic() - begun)
    if code == -signal.SIGTERM and signal.SIGTERM in signals.came:
        _mark_committed()
    return 128 - code if code < 0 else code


def _start(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], output: int | None = None, *, one: bool = False
) -> Child[bytes]:
    errors = subprocess.STDOUT if one and output is not None else output
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=errors, preexec_fn=_end_with_parent)


def _is_one_stream() -> bool:
    """Lines of both then keep their order."""
    try:
        return os.path.samestat(os.fstat(1), os.fstat(2))
    except OSError:
        return False


def _first_failure(children: Sequence[Child[bytes]]) -> int:
    """The exit code that was not 0 first, or 0; where one has failed the others are ended."""
    if len(children) == 1:
        return children[0].wait()
    ended: queue.Queue[int] = queue.Queue()
    for child in children:
        threading.Thread(target=lambda child=child: ended.put(child.wait()), daemon=True).start()
    for _ in children:
        code = ended.get()
        if code != 0:
            _end(children)
            return code
    return 0


def _end(children: Sequence[Child[bytes]]) -> None:
    send(children, signal.SIGTERM)
    deadline = time.monotonic() + OTHERS_SECONDS
    for child in children:
        try:
            child.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _pipes(child: Child[bytes]) -> list[tuple[IO[bytes], int]]:
    return [(source, target) for source, target in ((child.stdout, 1), (child.stderr, 2)) if source is not None]


def _tell_apart(child: Child[bytes], prefix: bytes, redactor: Redactor) -> list[threading.Thread]:
    """Each line of a process begins with its rank."""

    def pump(source: IO[bytes], target: int) -> None:
        with suppress(OSError, ValueError):
            for read in _lines(source):
                line = prefix + redactor.data(read)
                tell(target, line if line.endswith((b"\n", b"\r")) else line + b"\n")

    found = [threading.Thread(target=pump, args=(source, target), daemon=True) for source, target in _pipes(child)]
    for thread in found:
        thread.start()
    return found


def _lines(source: IO[bytes]) -> Iterator[bytes]:
    """Also those of a progress bar, which end with a carriage return."""
    waiting = b""
    while block := os.read(source.fileno(), BLOCK_BYTES):
        *lines, waiting = LINE_END.split(waiting + block)
        if lines and not waiting and lines[-1].endswith(b"\r"):
            waiting = lines.pop()  # its newline may be in the next block
        yield from lines
    if waiting:
        yield waiting


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
