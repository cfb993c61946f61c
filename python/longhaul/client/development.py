"""The `longhaul dev` of a project, found as the command line finds it (src/client/address.ts)."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import Any


def development_server(directory: Path) -> dict[str, Any] | None:
    """Arguments of `Client.connect` to that of the nearest folder upwards whose process is alive; None: there is none."""
    for folder in (directory, *directory.parents):
        stack = _stack(folder / ".longhaul" / "stack.json")
        if isinstance(stack.get("address"), str) and _is_running(stack):
            return {"target_host": stack["address"], "namespace": stack.get("namespace", "default")}
    return None


def _stack(file: Path) -> dict[str, Any]:
    """What was cut off when a disk was full is as if it were not there."""
    try:
        stack = json.loads(_own_text(file) or "{}")
    except ValueError:
        return {}
    return stack if isinstance(stack, dict) else {}


def _own_text(file: Path) -> str | None:
    """What it says, if the user alone can have written it: in a folder like /tmp another user could name a server of theirs."""
    try:
        opened = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return None
    try:
        found = os.fstat(opened)
        if not stat.S_ISREG(found.st_mode) or not _is_own(found):
            return None
        with os.fdopen(opened, encoding="utf-8", closefd=False) as stream:
            return stream.read()
    finally:
        os.close(opened)


def _is_own(found: os.stat_result) -> bool:
    if not hasattr(os, "geteuid"):
        return True
    if found.st_uid != os.geteuid() or found.st_mode & stat.S_IWOTH:
        return False
    return not found.st_mode & stat.S_IWGRP or _is_own_group(found.st_gid)


def _is_own_group(gid: int) -> bool:
    """Many systems make a group for each user, of the same name; one with another member, or another user's first one, is shared."""
    import grp
    import pwd

    try:
        group = grp.getgrgid(gid)
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return False
    names = {group.gr_name, *group.gr_mem, *(each.pw_name for each in pwd.getpwall() if each.pw_gid == gid)}
    return names == {user}


def _is_running(stack: dict[str, Any]) -> bool:
    """The number of a process comes back, after a reboot soon. 0: it ended, and left its ports to the next one."""
    pid, started = stack.get("pid"), stack.get("started")
    if not isinstance(pid, int) or pid <= 0 or not _is_alive(pid):
        return False
    if started is None:
        return _may_be_node(pid)
    now = _start_of(pid)
    return now is None or now == started


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True  # another user's
    return True


def _start_of(pid: int) -> str | None:
    """As src/client/process-start.ts writes it down; None: the system does not tell."""
    try:
        line = Path(f"/proc/{pid}/stat").read_text(encoding="latin-1")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="latin-1").strip()
        # The command's name, in parentheses, may hold anything; the twentieth field behind it counts clock ticks since boot.
        return f"{boot}/{line[line.rindex(')') + 2 :].split(' ')[19]}"
    except (OSError, ValueError, IndexError):
        return None


def _may_be_node(pid: int) -> bool:
    """Earlier releases did not write when the process began."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")[0]
    except OSError:
        return True
    return re.search("node|longhaul", Path(command).name, re.IGNORECASE) is not None
