"""Which `longhaul dev` a notebook connects to: one of its own user, whose process is the one that wrote the file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from longhaul.client.development import _start_of, development_server

ADDRESS = {"address": "127.0.0.1:7233", "namespace": "default", "ui": None}
FOUND = {"target_host": "127.0.0.1:7233", "namespace": "default"}


def running(**more: Any) -> dict[str, Any]:
    return {**ADDRESS, "pid": os.getpid(), "started": _start_of(os.getpid()), **more}


def written(folder: Path, text: str) -> Path:
    home = folder / ".longhaul"
    home.mkdir(parents=True, exist_ok=True)
    file = home / "stack.json"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    return file


def test_it_is_that_of_the_nearest_folder_upwards(tmp_path: Path) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    assert development_server(inside) is None
    written(tmp_path, json.dumps(running()))
    assert development_server(inside) == FOUND
    written(tmp_path / "a", json.dumps(running(address="127.0.0.1:9999")))
    assert development_server(inside) == {**FOUND, "target_host": "127.0.0.1:9999"}


#: By what is wrong with it. Made when a test runs: process numbers differ between those that run tests.
USELESS: dict[str, Callable[[], str]] = {
    "cut off": lambda: json.dumps(running())[:-20],
    "empty": lambda: "",
    "no object": lambda: "[]",
    "ended": lambda: json.dumps(running(pid=0)),
    "number as text": lambda: json.dumps(running(pid="1")),
    "no number of a process": lambda: json.dumps(running(pid=2**70)),
    "no address": lambda: json.dumps(running(address=None)),
    "another process since": lambda: json.dumps(running(started="another-boot/1")),
    # As releases wrote it that did not tell when the process began.
    "no process of Node": lambda: json.dumps({**ADDRESS, "pid": os.getpid()}),
}


@pytest.mark.parametrize("what", USELESS)
def test_what_tells_of_no_process_that_runs_is_passed_over(tmp_path: Path, what: str) -> None:
    written(tmp_path, USELESS[what]())
    assert development_server(tmp_path) is None


def test_what_another_user_may_have_written_is_not_believed(tmp_path: Path) -> None:
    file = written(tmp_path, json.dumps(running()))
    assert development_server(tmp_path) == FOUND
    file.chmod(0o666)
    assert development_server(tmp_path) is None
    file.chmod(0o600)
    elsewhere = file.rename(tmp_path / "elsewhere.json")
    file.symlink_to(elsewhere)
    assert development_server(tmp_path) is None


def test_a_folder_of_that_name_is_none(tmp_path: Path) -> None:
    (tmp_path / ".longhaul" / "stack.json").mkdir(parents=True)
    assert development_server(tmp_path) is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_user_is_not_believed(tmp_path: Path) -> None:
    file = written(tmp_path, json.dumps(running()))
    os.chown(file, 65534, 65534)
    assert development_server(tmp_path) is None
