"""The code of a training: which files it is made of."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from longhaul.identity import _resolved


def test_a_path_is_resolved_as_the_system_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "code" / "inner").mkdir(parents=True)
    for name in ("code/a.py", "code/inner/b.py"):
        (tmp_path / name).touch()
    (tmp_path / "folder").symlink_to(tmp_path / "code")
    (tmp_path / "code" / "c.py").symlink_to(Path("inner", "b.py"))
    (tmp_path / "far").symlink_to(Path("folder", "inner"))
    monkeypatch.chdir(tmp_path)
    known: dict[str, str] = {}
    for name in ("code/a.py", "folder/a.py", "folder/c.py", "far/b.py", "far/../a.py", "folder/inner/../c.py", "code//a.py", "gone/x.py"):
        for path in (name, str(tmp_path / name)):
            assert _resolved(path, known) == os.path.realpath(path), path
