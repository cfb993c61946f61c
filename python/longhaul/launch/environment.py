"""Python environments, one for each content of requirements and each Python, made once for each machine by uv, or by pip."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import os
import re
import shutil
import site
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import TrialError, UsageError
from .tools import cache_directory, find_uv

READY = "longhaul-ready"
#: What uv and pip say where trying again may help.
PASSING = re.compile(
    r"connect|timed out|timeout|dns error|name resolution|network|sending request|tls handshake|reset by peer|no space left"
    r"|\b(?:429|500|502|503|504)\b",
    re.IGNORECASE,
)
LAST_LINES = 8


def environment_for(requirements: str, *, home: Path | None = None, inherit: bool = False) -> str:
    """The interpreter that has the requirements (the text of a pip file); our own where there are none.

    `inherit`: what our own interpreter has is there too, behind the requirements.

    Raises:
        UsageError: they cannot be installed, now or later.
        TrialError: they could not be installed now.

    Example:
        >>> environment_for("# nothing") == sys.executable
        True
    """
    lines = [line for line in (each.split(" #")[0].strip() for each in requirements.splitlines()) if line and not line.startswith("#")]
    if not lines:
        return sys.executable
    identity = "\n".join([sys.version, sys.executable, str(inherit), *lines])
    base = home or cache_directory()
    folder = base / "environments"
    target = folder / hashlib.sha256(identity.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    # Two may want it at the same moment; the lock goes with its holder, however that ends.
    with open(folder / f"{target.name}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / READY).exists():
            _create(target, "\n".join(lines) + "\n", base, inherit)
    return str(target / "bin" / "python")


def _create(target: Path, requirements: str, base: Path, inherit: bool) -> None:
    shutil.rmtree(target, ignore_errors=True)
    inside = str(target / "bin" / "python")
    uv = find_uv(base)
    environment = {**os.environ, "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR", str(base / "uv")), "UV_NO_PROGRESS": "1"}
    print(f"longhaul: installing the requirements with {'uv' if uv else 'pip'}", file=sys.stderr, flush=True)
    if uv:
        settings, arguments = _index_settings()
        environment.update(settings)
        _run([uv, "venv", "--quiet", "--python", sys.executable, str(target)], environment)
        install = [uv, "pip", "install", "--quiet", "--python", inside, *arguments]
    else:
        ours = _pip_installs_elsewhere()
        _run([sys.executable, "-m", "venv", *(["--without-pip"] if ours else []), str(target)], environment)
        pip = [sys.executable, "-m", "pip", "--python", inside] if ours else [inside, "-m", "pip"]
        install = [*pip, "install", "--quiet", "--disable-pip-version-check"]
    file = target / "requirements.txt"
    file.write_text(requirements, encoding="utf-8")
    _run([*install, "-r", str(file)], environment)
    if inherit:
        _inherit(target)
    (target / READY).touch()


def _pip_installs_elsewhere() -> bool:
    """Whether our own pip can (`--python`, since 22.3): giving each environment one of its own takes longer than most requirements."""
    try:
        numbers = re.match(r"(\d+)\.(\d+)", importlib.metadata.version("pip"))
    except importlib.metadata.PackageNotFoundError:
        return False
    return numbers is not None and (int(numbers[1]), int(numbers[2])) >= (22, 3)


def _inherit(target: Path) -> None:
    """A venv's own flag names the packages of the base interpreter only, and ours may be those of a venv."""
    own = [folder for folder in site.getsitepackages() if os.path.isdir(folder)]
    for folder in target.glob("lib/python*/site-packages"):
        (folder / "longhaul-inherited.pth").write_text("".join(f"{path}\n" for path in own), encoding="utf-8")


def _run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    said = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-LAST_LINES:])
    message = f"the requirements cannot be installed ({' '.join(command[:3])} …):\n{said}"
    raise TrialError(message) if PASSING.search(said) else UsageError(message)


def _index_settings() -> tuple[dict[str, str], list[str]]:
    """uv does not read pip's configuration, where a company's mirror stands: variables and arguments that tell it."""
    asked = [sys.executable, "-m", "pip", "config", "list"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout

    def of_pip(setting: str) -> str | None:
        match = re.search(rf"\.{setting}='([^']*)'", told)
        return os.environ.get(f"PIP_{setting.upper().replace('-', '_')}") or (match.group(1) if match else None)

    found = {
        variable: value.replace("\\n", " ").strip()
        for setting, variable in (("index-url", "UV_DEFAULT_INDEX"), ("extra-index-url", "UV_INDEX"), ("cert", "SSL_CERT_FILE"))
        if (value := of_pip(setting)) and not os.environ.get(variable)
    }
    links = of_pip("find-links")
    arguments = [f"--find-links={link}" for link in (links or "").replace("\\n", " ").split()]
    return found, [*arguments, *(["--no-index"] if of_pip("no-index") else [])]
