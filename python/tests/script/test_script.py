"""Script steps as their Job runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

TRAINER = Path(__file__).resolve().parents[2]
# A guard against hanging, no statement about speed.
HANGS_AFTER_S = 600


class Step:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.output = root / "out"
        self.outputs = self.output / "outputs-1.json"

    def run(
        self,
        language: str,
        source: str,
        *,
        inputs: Mapping[str, Any] | None = None,
        requirements: list[str] | None = None,
        locale: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        script = {"language": language, "file": f"step.{language}", "source": source, "requirements": requirements or [], "outputs": []}
        (self.root / "script.json").write_text(json.dumps(script))
        environment = {
            **os.environ,
            "PYTHONPATH": str(TRAINER),
            "LONGHAUL_CACHE": str(self.root / "cache"),
            "LONGHAUL_SCRIPT": f"file://{self.root}/script.json",
            "LONGHAUL_INPUTS": json.dumps(inputs or {}),
            "LONGHAUL_OUTPUT": f"file://{self.output}",
            "LONGHAUL_OUTPUTS": f"file://{self.outputs}",
            **(locale or {}),
        }
        command = [sys.executable, "-m", "longhaul_script"]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=HANGS_AFTER_S, check=False)


@pytest.fixture
def step(tmp_path: Path) -> Step:
    return Step(tmp_path)


def test_a_python_script_gets_inputs_and_leaves_outputs_and_files(step: Step) -> None:
    source = """
import json, os, pathlib
inputs = json.loads(os.environ["LONGHAUL_INPUTS"])
pathlib.Path(os.environ["LONGHAUL_OUTPUT_DIR"], "deep").mkdir()
pathlib.Path(os.environ["LONGHAUL_OUTPUT_DIR"], "deep", "a.txt").write_text("hello")
pathlib.Path(os.environ["LONGHAUL_OUTPUTS"]).write_text(json.dumps({"double": inputs["n"] * 2}))
"""
    done = step.run("python", source, inputs={"n": 21})
    assert done.returncode == 0, done.stderr
    assert json.loads(step.outputs.read_text()) == {"double": 42}
    assert (step.output / "deep" / "a.txt").read_text() == "hello"


def test_a_shell_script_stops_at_the_first_failing_command(step: Step) -> None:
    done = step.run("shell", 'echo \'{"n": 1}\' > "$LONGHAUL_OUTPUTS"\nfalse\ntrue\n')
    assert done.returncode == 1
    assert not step.outputs.exists()


def test_the_exit_code_and_the_message_of_the_script_come_through(step: Step) -> None:
    done = step.run("python", "import sys; print('no such shop', file=sys.stderr); sys.exit(65)")
    assert done.returncode == 65
    assert "no such shop" in done.stderr


def test_a_script_does_not_see_our_packages(step: Step) -> None:
    assert step.run("python", "import longhaul_trainer").returncode == 1


def test_requirements_that_cannot_be_had_are_a_usage_error_that_names_them(step: Step) -> None:
    done = step.run("python", "pass", requirements=["./no-such-wheel-1.0-py3-none-any.whl"])
    assert done.returncode == 64
    assert "no-such-wheel" in done.stderr


@pytest.mark.parametrize(
    ("language", "source"), [("python", "assert len('Größe ✓') == 7"), ("shell", "test $(printf 'Größe ✓' | wc -c) = 11")]
)
def test_a_script_is_utf_8_whatever_the_machines_locale(step: Step, language: str, source: str) -> None:
    done = step.run(language, source, locale={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    assert done.returncode == 0, done.stderr


def test_the_shell_that_a_script_names_runs_it_and_stops_at_the_first_failing_command(step: Step) -> None:
    done = step.run(
        "shell", "#!/usr/bin/env bash\nlist=(a 'b c')\n[[ ${#list[@]} == 2 ]] && echo \"bash ${BASH_VERSION:+yes}\"\nfalse\necho not here\n"
    )
    assert (done.returncode, done.stdout) == (1, "bash yes\n"), done.stderr


def test_options_of_the_first_line_hold(step: Step) -> None:
    done = step.run("shell", "#!/bin/bash -x\ntrue seen\n")
    assert done.returncode == 0
    assert "+ true seen" in done.stderr
    assert step.run("python", "#!/usr/bin/python3 -O\nassert False\n").returncode == 0


def test_a_shell_that_is_not_there_is_bad_input_that_names_it(step: Step) -> None:
    done = step.run("shell", "#!/bin/no-such-shell\ntrue\n")
    assert done.returncode == 64
    assert done.stderr.startswith("step.shell: its first line, #!/bin/no-such-shell, names /bin/no-such-shell")


@pytest.mark.parametrize("first", ["", "#!/bin/bash\n", "#!/usr/bin/env bash\n"])
def test_a_shell_script_with_line_ends_of_windows_is_read_as_it_was_meant(step: Step, first: str) -> None:
    source = first + "if true; then\n  case x in x) echo inside ;; esac\nfi\ncd /\npwd\n"
    done = step.run("shell", source.replace("\n", "\r\n"))
    assert (done.returncode, done.stdout) == (0, "inside\n/\n"), done.stderr


#: Asks its parent to end it, again as soon as that was asked: so often just when the parent begins to wait for it.
ECHO = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
for turn in range(40_000):
    os.kill(os.getppid(), signal.SIGTERM)
    assert signal.sigtimedwait({signal.SIGTERM}, 60), f"the one of turn {turn} was lost"
"""


def test_a_script_hears_of_each_request_to_end(step: Step) -> None:
    done = step.run("python", ECHO)
    assert done.returncode == 0, done.stderr
