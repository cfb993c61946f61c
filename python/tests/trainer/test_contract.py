"""`longhaul trial check`: a trainer that keeps the contract passes; each way to break it is found."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from attempts import TRAINER, environment
from broken_trainer import MISTAKES
from checking import ForkingLauncher, checked, script_launcher
from forking import Forker

from longhaul.check.__main__ import main
from longhaul.check.launch import ImageLauncher
from longhaul.check.report import Report
from longhaul.errors import UsageError

EXAMPLE = TRAINER.parent / "examples" / "custom-trainer" / "train.py"
#: It with the mistake that BROKEN names, and without scikit-learn, whose import is four fifths of such an attempt.
LIGHT = Path(__file__).with_name("broken_trainer.py")
DOCUMENT = TRAINER.parent / "docs" / "trial-contract.md"

#: A check that must be among those reported broken.
FOUND = {
    "ignores SIGTERM": "SIGTERM: is stopped",
    "exits 0 on SIGTERM": "SIGTERM: exits 143",
    "begins anew": "SIGTERM: goes on from the committed step",
    "ignores the seed": "the same seed gives the same model",
    "keeps no learning curve": "whole: progress records are numbered and whole",
    "wrong checksum": "whole: LATEST and its checksums",
    "no fencing": "an older attempt is fenced off",
    "no result": "whole: result.json",
    "READY before the model": "whole: models are ready",
    "crashes without data": "missing data end with an exit code from 64 to 78",
    "mixes two trainings": "another seed on resume exits 78",
    "writes NaN": "whole: progress records are numbered and whole",
    "lacks the objective": "whole: progress records are numbered and whole",
    "another objective": "whole: result.json",
    "leaves gaps": "whole: progress records are numbered and whole",
}


def check(root: Path, *arguments: str, **more: str) -> tuple[int, dict[str, Any], str]:
    done = subprocess.run(
        [sys.executable, "-m", "longhaul.check", *arguments, "--keep", str(root)],
        env={**environment(), **more},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout), done.stderr


def test_the_example_keeps_the_contract(tmp_path: Path, forker: Forker) -> None:
    report = checked(tmp_path / "kept", script_launcher(forker, EXAMPLE))
    assert report.ok and report.broken == [], report.checks
    assert {"SIGTERM", "SIGKILL", "kills"} <= {entry["name"].split(":")[0] for entry in report.checks}


def test_the_example_is_short_and_stands_in_the_documentation() -> None:
    lines = [line for line in EXAMPLE.read_text().splitlines() if line.strip() and not line.startswith(("import ", "from "))]
    assert len(lines) <= 60
    assert EXAMPLE.read_text() in DOCUMENT.read_text()


def test_the_reference_trainer_keeps_the_contract(tmp_path: Path, forker: Forker) -> None:
    # Long trainings are for `kills`: test_kills.py and test_fencing.py kill it, and let two of it meet, in processes that start at once.
    kills = int(os.environ.get("LONGHAUL_SCHEDULES", "0"))
    launcher = ForkingLauncher(lambda environment, log: forker.train(["train"], log, environment))
    report = checked(tmp_path / "kept", launcher, kills=kills)
    assert report.ok and report.broken == [], report.checks


def test_every_mistake_is_found(tmp_path: Path, forker: Forker) -> None:
    assert set(FOUND) == set(MISTAKES)

    def tried(mistake: str) -> Report:
        return checked(tmp_path / mistake.replace(" ", "-"), script_launcher(forker, LIGHT, BROKEN=mistake), fail_fast=True)

    with ThreadPoolExecutor(max(len(os.sched_getaffinity(0)), 2)) as pool:
        for mistake, report in zip(MISTAKES, pool.map(tried, MISTAKES), strict=True):
            assert report.broken == [FOUND[mistake]], f"{mistake}\n{report.checks}"


def test_two_at_once_are_played_whatever_the_trainer_makes_of_uris(tmp_path: Path, forker: Forker) -> None:
    report = checked(tmp_path / "kept", script_launcher(forker, LIGHT, BROKEN="does not decode URIs"), kills=1)
    found = {entry["name"]: entry["ok"] for entry in report.checks}
    assert report.broken == [] and found["two at once: the later attempt exits 0"], report.checks
    assert not found["a folder with a space in its name is written to"] and found["another seed gives another model"]


def test_a_mistake_of_a_command_is_told_on_both_streams(tmp_path: Path) -> None:
    code, report, told = check(tmp_path, "--fail-fast", "--command", f"{sys.executable} {LIGHT}", BROKEN="no result")
    assert code == 1 and not report["ok"]
    assert report["broken"] == [FOUND["no result"]] and f"BROKEN {FOUND['no result']}" in told


RUNTIME = """#!/bin/sh
# Stands for docker: runs the "image" as a command of this machine, and sends signals by name.
verb=$1; shift
case $verb in
  run)
    while [ $# -gt 1 ]; do
      case $1 in --name) name=$2; shift 2;; --env) export "$2"; shift 2;; --user | --volume) shift 2;; --rm) shift;; *) exit 125;; esac
    done
    echo $$ > "$CONTAINERS/$name"; exec python "$1";;
  kill) kill -"$2" "$(cat "$CONTAINERS/$3")";;
esac
"""


def test_an_image_is_run_with_its_environment_and_stopped_by_name(tmp_path: Path) -> None:
    runtime = tmp_path / "runtime"
    runtime.write_text(RUNTIME.replace("python", sys.executable))
    runtime.chmod(0o755)
    code, report, told = check(
        tmp_path / "kept", "--image", str(LIGHT), "--runtime", str(runtime), "--kills", "1", CONTAINERS=str(tmp_path)
    )
    assert code == 0, told
    assert report["broken"] == []
    assert len(list(tmp_path.glob("longhaul-check-*"))) >= 7


def test_an_image_sees_data_of_ones_own(tmp_path: Path) -> None:
    runtime = tmp_path / "docker"
    runtime.write_text('#!/bin/sh\necho "$@"\n')
    runtime.chmod(0o755)
    running = ImageLauncher("registry/trainer:1", str(runtime), [Path("/data/my parts")]).start(tmp_path, {}, tmp_path / "log")
    assert f"--volume {tmp_path}:{tmp_path} --volume /data/my parts:/data/my parts:ro registry/trainer:1" in running.wait(60)[1]


def test_a_runtime_whose_server_does_not_answer_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\necho 'Cannot connect to the Docker daemon' >&2\nexit 1\n")
    (tmp_path / "podman").write_text("#!/bin/sh\n")
    for name in ("docker", "podman"):
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ImageLauncher("registry/trainer:1").runtime == "podman"
    (tmp_path / "podman").unlink()
    with pytest.raises(UsageError, match="docker: Cannot connect to the Docker daemon; podman: not on PATH"):
        ImageLauncher("registry/trainer:1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--command", "true", "--trial", "[1]"], "--trial: expected an object"),
        (["--command", "true", "--trial", "{"], "--trial: expected JSON"),
        (["--command", "no-such-program --train"], "expected a program on PATH, found 'no-such-program'"),
        (["--image", "registry/trainer:1", "--runtime", "no-such-runtime"], "found no-such-runtime: not on PATH"),
        (["--command", "true", "--image", "x"], "not allowed with argument"),
        ([], "one of the arguments --command --image is required"),
        (["--command", "true", "--data", "train=no-such-folder"], "--data train: expected a folder of parquet parts or one file"),
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 64
    assert message in capsys.readouterr().err
