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
from typing import IO, Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
SIGNALS = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
#: How often a Job that waits for its pool looks whether it is open again.
GATE_POLL_SECONDS = 0.1
#: Exit code of shells for a command that cannot be started.
CANNOT_START = 127
#: EX_CONFIG of sysexits.h.
WRONG_CONFIGURATION = 78

libc = ctypes.CDLL(None, use_errno=True)


def main(directory: Path) -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    if not claim(directory / "supervisor.json"):
        return 0
    launch = {"nodes": 1, **json.loads((directory / "launch.json").read_text())}
    if stopped_before_start(directory, launch):
        record(
            directory,
            exit_code=128 + signal.SIGTERM,
            signal_name="SIGTERM",
            started_at=None,
            terminated=True,
        )
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
    return {
        "pid": pid,
        "start": stat[stat.rindex(")") + 2 :].split()[19],
        "boot": Path("/proc/sys/kernel/random/boot_id").read_text().strip(),
    }


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
    variables: dict[str, str] = launch.get("secrets", {})
    missing = [
        f"{name} (env:{variable})"
        for name, variable in variables.items()
        if variable not in os.environ
    ]
    if missing:
        with open(directory / "log", "ab", buffering=0) as log:
            log.write(f"the worker has no such secret: {', '.join(missing)}\n".encode())
        record(
            directory,
            exit_code=WRONG_CONFIGURATION,
            signal_name=None,
            started_at=started_at,
        )
        return
    coordinator = free_address(launch) if launch["nodes"] > 1 else None
    # Kept: one that Python forgets is reaped by it, and its end is lost.
    processes: list[subprocess.Popen[bytes]] = []
    for rank in range(launch["nodes"]):
        with open(log_of(directory, rank), "ab", buffering=0) as log:
            try:
                processes.append(
                    start(
                        launch,
                        rank,
                        scratch,
                        coordinator,
                        log,
                        leader=processes[0].pid if processes else 0,
                    )
                )
            except (OSError, subprocess.SubprocessError) as error:
                log.write(f"cannot start {launch['command'][0]}: {error}\n".encode())
                if processes:
                    end_rest(processes[0].pid)
                record(
                    directory,
                    exit_code=CANNOT_START,
                    signal_name=None,
                    started_at=started_at,
                )
                return
    pids = [process.pid for process in processes]
    replace(directory / "started.json", {**identity(pids[0]), "startedAt": started_at})
    # The claim says who runs it; a terminate that came before this process could be signalled is in the file.
    stopping = (directory / "terminate").exists()
    ends, deadline_exceeded, stopped = wait(pids, launch, stopping)
    end_rest(pids[0])
    clear(scratch)
    # As the first that failed; the others were ended because of it.
    first = next((end for end in ends if end["exitCode"] != 0), ends[-1])
    record(
        directory,
        exit_code=first["exitCode"],
        signal_name=first["signal"],
        started_at=started_at,
        ended_at=first["endedAt"],
        deadline_exceeded=deadline_exceeded,
        terminated=stopped,
        out_of_memory=first["signal"] == "SIGKILL" and count_oom_kills() > oom_kills,
        ends=ends if launch["nodes"] > 1 else None,
    )


def start(
    launch: dict[str, Any],
    rank: int,
    scratch: Path,
    coordinator: str | None,
    log: IO[bytes],
    *,
    leader: int,
) -> subprocess.Popen[bytes]:
    """One process alone leads a session of its own; of several, which are ended together, all are in the group of the first."""
    place = Path(launch["cwd"])
    several = {}
    if coordinator is not None:
        scratch, place = scratch / str(rank), place / str(rank)
        place.mkdir(exist_ok=True)
        several = {"LONGHAUL_NODE_RANK": str(rank), "LONGHAUL_COORDINATOR": coordinator}
    scratch.mkdir(parents=True, exist_ok=True)
    secrets = {
        name: os.environ[variable]
        for name, variable in launch.get("secrets", {}).items()
    }
    return subprocess.Popen(
        launch["command"],
        env={**launch["env"], **secrets, **several, "TMPDIR": str(scratch)},
        cwd=place,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=coordinator is None,
        process_group=None if coordinator is None else leader,
        preexec_fn=prepare_child,
    )


def log_of(directory: Path, rank: int) -> Path:
    return directory / ("log" if rank == 0 else f"log.{rank}")


def free_address(launch: dict[str, Any]) -> str:
    """Of rank 0: a port of this machine that nobody uses, nor the next ones, which frameworks take, TensorFlow one for each process.

    They lie below those that Linux gives to connections.
    """
    import random  # of several processes only
    import socket

    env = launch["env"]
    each = env.get(
        "LONGHAUL_PROCESSES_PER_NODE", env.get("LONGHAUL_GPUS_PER_NODE", "1")
    )
    processes = launch["nodes"] * (int(each) if each.isdigit() else 1)
    while True:
        port = random.randint(20000, 32000)
        try:
            for each_port in range(port, port + 1 + processes):
                socket.create_server(("", each_port)).close()
        except OSError:
            continue
        return f"127.0.0.1:{port}"


def clear(scratch: Path) -> None:
    """What the Job left there, as a container's file system goes with it."""
    import shutil  # rarely needed, and not light

    shutil.rmtree(scratch, ignore_errors=True)


def prepare_child() -> None:
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def wait(
    pids: list[int], launch: dict[str, Any], stopping: bool
) -> tuple[list[dict[str, Any]], bool, bool]:
    """Until all have ended: passes a SIGTERM on, ends the others when one has failed, and after the grace makes an end."""
    deadline = (
        time.monotonic() + launch["deadlineSeconds"]
        if launch["deadlineSeconds"]
        else None
    )
    deadline_exceeded = False
    kill_at: float | None = None
    stopped = stopping
    ends: list[dict[str, Any]] = []
    while True:
        if stopping:
            stopping = False
            kill_at = time.monotonic() + launch["graceSeconds"]
            over = {pids[end["rank"]] for end in ends}
            for pid in pids:
                if pid not in over:
                    os.kill(pid, signal.SIGTERM)
        timers = [at for at in (kill_at, deadline) if at is not None]
        timeout = max(0.0, min(timers) - time.monotonic()) if timers else 3600.0
        received = signal.sigtimedwait(SIGNALS, timeout)
        if received is None:
            moment = time.monotonic()
            if kill_at is not None and moment >= kill_at:
                kill_group(pids[0])
                kill_at = moment + 1
            elif deadline is not None and moment >= deadline:
                deadline, deadline_exceeded, stopping = None, True, kill_at is None
        elif received.si_signo == signal.SIGCHLD:
            ends += reap(pids)
            if len(ends) == len(pids):
                return ends, deadline_exceeded, stopped
            if kill_at is None and any(end["exitCode"] != 0 for end in ends):
                stopping = True
        elif kill_at is None:
            stopping = stopped = True


def reap(pids: list[int]) -> list[dict[str, Any]]:
    """Collects whoever ended (orphans come to us too); how the Job's own processes ended that are among them."""
    found = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid in pids:
            code = os.waitstatus_to_exitcode(status)
            name = signal.Signals(-code).name if code < 0 else None
            found.append(
                {
                    "rank": pids.index(pid),
                    "exitCode": code if code >= 0 else 128 - code,
                    "signal": name,
                    "endedAt": now_ms(),
                }
            )


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
    return [
        int(pid)
        for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    ]


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
    ended_at: int | None = None,
    ends: list[dict[str, Any]] | None = None,
) -> None:
    replace(
        directory / "exit.json",
        {
            "exitCode": exit_code,
            "signal": signal_name,
            "startedAt": started_at,
            "endedAt": now_ms() if ended_at is None else ended_at,
            "deadlineExceeded": deadline_exceeded,
            "terminated": terminated,
            "outOfMemory": out_of_memory,
            **(
                {}
                if ends is None
                else {"nodes": sorted(ends, key=lambda end: end["rank"])}
            ),
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
