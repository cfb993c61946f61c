"""Runs one Job as a child process, outlives the worker that asked for it, and records how it ended.

    python -I -S supervise.py JOB_DIRECTORY

The only writer of `supervisor.json` (who runs the Job), `started.json` and `exit.json`. Standard library only, and
light: one sleeping process a Job. If it is killed, the kernel kills the child too, and the Job is lost.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
SIGNALS = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
#: How often a Job that waits for its pool looks whether it is open again.
GATE_POLL_SECONDS = 0.1
#: Exit code of shells for a command that cannot be started.
CANNOT_START = 127

libc = ctypes.CDLL(None, use_errno=True)


def main(directory: Path) -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    if not claim(directory / "supervisor.json"):
        return 0
    launch = json.loads((directory / "launch.json").read_text())
    if stopped_before_start(directory, launch):
        record(directory, exit_code=128 + signal.SIGTERM, signal_name="SIGTERM", started_at=None, terminated=True)
        return 0
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    run(directory, launch)
    return 0


def claim(path: Path) -> bool:
    """Of any number of supervisors of one Job, one gets to run it."""
    temporary = path.with_name(f".supervisor.{os.getpid()}")
    temporary.write_text(json.dumps(identity(os.getpid())))
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    return True


def identity(pid: int) -> dict[str, Any]:
    """A pid comes back; with its start time and the boot it is unique."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    return {"pid": pid, "start": stat[stat.rindex(")") + 2 :].split()[19], "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip()}


def stopped_before_start(directory: Path, launch: dict[str, Any]) -> bool:
    """Waits while the Job's pool is closed. True if the Job is to end before it began."""
    gate = Path(launch["gate"])
    while not (directory / "terminate").exists():
        if not gate.exists():
            return False
        received = signal.sigtimedwait(SIGNALS, GATE_POLL_SECONDS)
        if received and received.si_signo != signal.SIGCHLD:
            return True
    return True


def run(directory: Path, launch: dict[str, Any]) -> None:
    oom_kills = count_oom_kills()
    started_at = now_ms()
    scratch = directory / "tmp"
    scratch.mkdir(exist_ok=True)
    with open(directory / "log", "ab", buffering=0) as log:
        try:
            child = subprocess.Popen(
                launch["command"],
                env={**launch["env"], "TMPDIR": str(scratch)},
                cwd=launch["cwd"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=prepare_child,
            )
        except (OSError, subprocess.SubprocessError) as error:
            log.write(f"cannot start {launch['command'][0]}: {error}\n".encode())
            record(directory, exit_code=CANNOT_START, signal_name=None, started_at=started_at)
            return
    replace(directory / "started.json", {**identity(child.pid), "startedAt": started_at})
    # The claim says who runs it; a terminate that came before this process could be signalled is in the file.
    stopping = (directory / "terminate").exists()
    status, deadline_exceeded, stopped = wait(child.pid, launch, stopping)
    end_rest(child.pid)
    clear(scratch)
    exit_code = os.waitstatus_to_exitcode(status)
    record(
        directory,
        exit_code=exit_code if exit_code >= 0 else 128 - exit_code,
        signal_name=signal.Signals(-exit_code).name if exit_code < 0 else None,
        started_at=started_at,
        deadline_exceeded=deadline_exceeded,
        terminated=stopped,
        out_of_memory=exit_code == -signal.SIGKILL and count_oom_kills() > oom_kills,
    )


def clear(scratch: Path) -> None:
    """What the Job left there, as a container's file system goes with it."""
    import shutil  # rarely needed, and not light

    shutil.rmtree(scratch, ignore_errors=True)


def prepare_child() -> None:
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def wait(pid: int, launch: dict[str, Any], stopping: bool) -> tuple[int, bool, bool]:
    """Until the child ends: passes a SIGTERM on, and after the grace makes an end."""
    deadline = time.monotonic() + launch["deadlineSeconds"] if launch["deadlineSeconds"] else None
    deadline_exceeded = False
    kill_at: float | None = None
    stopped = stopping
    while True:
        if stopping:
            stopping = False
            kill_at = time.monotonic() + launch["graceSeconds"]
            os.kill(pid, signal.SIGTERM)
        timers = [at for at in (kill_at, deadline) if at is not None]
        timeout = max(0.0, min(timers) - time.monotonic()) if timers else 3600.0
        received = signal.sigtimedwait(SIGNALS, timeout)
        if received is None:
            moment = time.monotonic()
            if kill_at is not None and moment >= kill_at:
                kill_group(pid)
                kill_at = moment + 1
            elif deadline is not None and moment >= deadline:
                deadline, deadline_exceeded, stopping = None, True, kill_at is None
        elif received.si_signo == signal.SIGCHLD:
            status = reap(pid)
            if status is not None:
                return status, deadline_exceeded, stopped
        elif kill_at is None:
            stopping = stopped = True


def reap(main_pid: int) -> int | None:
    """Collects whoever ended (orphans come to us too); the status of the Job's own process if it is among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == main_pid:
            found = status


def end_rest(group: int) -> None:
    """As in a container, nothing stays when the first process has ended."""
    kill_group(group)
    while True:
        for pid in children():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def kill_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def count_oom_kills() -> int:
    """Processes that the kernel killed for want of memory since boot, on the whole machine."""
    for line in Path("/proc/vmstat").read_text().splitlines():
        if line.startswith("oom_kill "):
            return int(line.split()[1])
    return 0


def record(
    directory: Path,
    *,
    exit_code: int,
    signal_name: str | None,
    started_at: int | None,
    deadline_exceeded: bool = False,
    terminated: bool = False,
    out_of_memory: bool = False,
) -> None:
    replace(
        directory / "exit.json",
        {
            "exitCode": exit_code,
            "signal": signal_name,
            "startedAt": started_at,
            "endedAt": now_ms(),
            "deadlineExceeded": deadline_exceeded,
            "terminated": terminated,
            "outOfMemory": out_of_memory,
        },
    )


def replace(path: Path, value: dict[str, Any]) -> None:
    temporary = path.with_name(f".{path.name}.new")
    with open(temporary, "w") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def now_ms() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
