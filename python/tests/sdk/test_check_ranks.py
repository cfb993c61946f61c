"""`longhaul trial check --nodes 2`: one rank is hit, and the others must end with it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from checking import checked_by_command
from forking import Forker
from scenes import PATH, SCRIPTS

from longhaul.check import launch
from longhaul.check.launch import WENT_ON, CommandLauncher, RanksLauncher

PATIENCE_SECONDS = 600.0


def start(tmp_path: Path, script: str) -> launch.RunningRanks:
    return RanksLauncher(CommandLauncher(["sh", "-c", script]), 2, seed=0).start(tmp_path, {}, tmp_path / "log")


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit $LONGHAUL_NODE_RANK", 1),
        ("exit 0", 0),
        ('[ "$LONGHAUL_NODE_RANK" = 1 ] && exit 5; while [ ! -e ended ]; do sleep 0.01; done', WENT_ON),
    ],
)
def test_the_first_failure_counts_and_ranks_that_go_on_are_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, code: int
) -> None:
    monkeypatch.setattr(launch, "OTHERS_SECONDS", 0.2)
    assert start(tmp_path, script).wait(PATIENCE_SECONDS)[0] == code


def test_a_signal_hits_one_rank(tmp_path: Path) -> None:
    here = f"while [ ! -e {tmp_path}/hit ]; do sleep 0.01; done"
    running = start(
        tmp_path, f"trap 'touch {tmp_path}/hit; touch {tmp_path}/by-$LONGHAUL_NODE_RANK; exit 9' TERM; touch {tmp_path}/up-$$; {here}"
    )
    while len(list(tmp_path.glob("up-*"))) < 2:
        assert not running.ended
    running.signal(signal.SIGTERM)
    assert running.wait(PATIENCE_SECONDS)[0] == 9
    assert len(list(tmp_path.glob("by-*"))) == 1


def test_a_trainer_of_two_ranks_keeps_the_contract(
    forker: Forker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = SCRIPTS / "gang_sockets.py"
    code, found, told = checked_by_command(monkeypatch, capsys, forker, script, "--nodes", "2", "--kills", "0")
    assert code == 0, told
    names = {check["name"] for check in found["checks"]}
    assert {"SIGKILL: weightsSha256 equals that of the undisturbed run", "SIGTERM: LATEST says how many ranks have made it"} <= names


def test_several_nodes_of_an_image_are_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "longhaul.check", "--nodes", "2", "--image", "any"]
    done = subprocess.run(command, env={"PYTHONPATH": PATH}, capture_output=True, text=True, check=False)
    assert done.returncode == 64 and "--nodes: expected at least 1" in done.stderr and "Traceback" not in done.stderr
