"""Programs that the launcher needs beside Python, and how they get into somebody else's image."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

#: Below `--home`: a PYTHONPATH with this package.
PACKAGES = "python"
STARTER = """import os, sys
sys.path[0] = os.path.join(os.path.dirname(os.path.abspath(__file__)), "python")
from longhaul.launch.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def cache_directory() -> Path:
    """LONGHAUL_CACHE, or `longhaul` where the desktop's rules put caches: `~/.cache`."""
    named = os.environ.get("LONGHAUL_CACHE")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "longhaul"


def find_uv(home: Path | None = None) -> str | None:
    """LONGHAUL_UV, the one that an init container brought, that of PATH, or that of Longhaul's own set-up; None: there is none."""
    named = os.environ.get("LONGHAUL_UV")
    if named:
        return named
    carried = home / "bin" / "uv" if home else None
    if carried is not None and os.access(carried, os.X_OK):
        return str(carried)
    own = sorted(cache_directory().glob("uv-*/bin/uv"))
    return shutil.which("uv") or (str(own[-1]) if own else None)


def carry_tools(home: Path) -> None:
    """This package and uv, to where an image that has neither finds them."""
    package = Path(__file__).resolve().parents[1]
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(package, home / PACKAGES / package.name, ignore=ignored, dirs_exist_ok=True)
    # The image's own packages keep their places in the path; only this program begins with ours.
    (home / "launch.py").write_text(STARTER, encoding="utf-8")
    uv = find_uv()
    if uv:
        (home / "bin").mkdir(parents=True, exist_ok=True)
        shutil.copy2(uv, home / "bin" / "uv")
