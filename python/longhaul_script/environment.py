"""Python environments for scripts, one for each set of requirements, made once for each machine."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

READY = "longhaul-ready"


class RequirementsError(Exception):
    """Thrown when the requirements cannot be installed; the message ends with what pip said."""


def python_for(requirements: Sequence[str], cache: Path | None = None) -> str:
    """The interpreter that has the requirements; our own where there are none.

    Example:
        >>> python_for([]) == sys.executable
        True
    """
    if not requirements:
        return sys.executable
    wanted = "\n".join([f"python {sys.version_info[0]}.{sys.version_info[1]}", *sorted(requirements)])
    folder = (cache or cache_directory()) / "script-environments"
    target = folder / hashlib.sha256(wanted.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    # Two steps may want it at the same moment; the lock goes with its holder, however that ends.
    with open(folder / f"{target.name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / READY).exists():
            _create(target, requirements)
    return str(target / "bin" / "python")


def cache_directory() -> Path:
    """LONGHAUL_CACHE, or `~/.cache/longhaul`."""
    named = os.environ.get("LONGHAUL_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "longhaul"


def _create(target: Path, requirements: Sequence[str]) -> None:
    shutil.rmtree(target, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", str(target)], check=True)
    install = [str(target / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    done = subprocess.run(install, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise RequirementsError(f"pip cannot install {', '.join(requirements)}:\n{last}")
    (target / READY).touch()
