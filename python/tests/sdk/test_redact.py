"""Secrets in what a program prints, however it prints them."""

from __future__ import annotations

import base64
import io
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from scenes import PYTHON

from longhaul.launch.redact import Redactor

TOKEN = "hf_q8Zt$1/Ä+x"
KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQ\n-----END KEY-----\n"


class InPieces(io.RawIOBase):
    """Gives what it has in pieces of the given sizes."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self.data, self.sizes = data, sizes

    def read1(self, _limit: int) -> bytes:
        size = self.sizes.pop(0) if self.sizes else len(self.data)
        piece, self.data = self.data[:size], self.data[size:]
        return piece


def copied(redactor: Redactor, data: bytes, sizes: list[int]) -> bytes:
    target = io.BytesIO()
    redactor.copy(InPieces(data, sizes), target)  # type: ignore[arg-type]
    return target.getvalue()


@pytest.mark.parametrize("seed", range(50))
def test_a_secret_is_hidden_however_its_output_is_cut(seed: int) -> None:
    draw = random.Random(seed)
    # They overlap, and one is the beginning of another.
    secrets = ["abcab", "abcabz", "cabq", TOKEN]
    text = "".join(draw.choice([*secrets, "ab", "c", "a", "q", "z", "Ä", "\n"]) for _ in range(60)).encode()
    whole = copied(Redactor(secrets), text, [])
    assert copied(Redactor(secrets), text, [draw.randint(1, 7) for _ in range(len(text))]) == whole
    assert not any(secret.encode() in whole for secret in secrets)


def test_what_holds_no_secret_is_told_at_once_and_unchanged() -> None:
    class Told(io.BytesIO):
        def __init__(self) -> None:
            super().__init__()
            self.flushed: list[bytes] = []

        def flush(self) -> None:
            self.flushed.append(self.getvalue())

    target = Told()
    Redactor([TOKEN]).copy(InPieces(b"loss 0.25 h\xff_\nrest", [12, 3]), target)  # type: ignore[arg-type]
    assert target.flushed[0] == b"loss 0.25 h\xff"
    assert target.getvalue() == b"loss 0.25 h\xff_\nrest"


@pytest.mark.parametrize(
    "said",
    [
        TOKEN,
        repr(TOKEN),
        f"?token={TOKEN}&x",
        "%24".join(["hf_q8Zt", "1%2F%C3%84%2Bx"]),
        base64.b64encode(TOKEN.encode()).decode(),
        "MIIEvQIBADANBg",
    ],
)
def test_forms_in_which_programs_print_secrets(said: str) -> None:
    shown = Redactor([TOKEN, KEY]).text(f"before {said} after")
    assert "***" in shown
    assert said not in shown
    assert shown.startswith("before ") and shown.endswith(" after")


def test_a_short_line_of_a_secret_hides_nothing_else() -> None:
    key = '{\n  "type": "service_account",\n  "key": "q8Zt1x"\n}'
    redactor = Redactor([key])
    assert redactor.text('{"loss": {"auc": 0.5}}') == '{"loss": {"auc": 0.5}}'
    assert redactor.text(f"<{key}>") == "<***>"
    assert redactor.text('"key": "q8Zt1x"') == "***"
    assert Redactor(["abc\n"]).text("abc") == "***"


def launched(folder: Path, *command: str, options: tuple[str, ...] = (), **env: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "longhaul.launch", *options, "--", *command],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(PYTHON), **env},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_the_launcher_hides_what_a_program_prints_and_how_it_dies(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(
        "import os, sys\n"
        "print('to stdout', os.environ['HF_TOKEN'], flush=True)\n"
        "print('to stderr', os.environ['HF_TOKEN'], file=sys.stderr, flush=True)\n"
        "raise ValueError('no model for ' + os.environ['HF_TOKEN'])\n"
    )
    code, out, err = launched(tmp_path, "python", "train.py", options=("--secret", "HF_TOKEN", "--secret", "ABSENT"), HF_TOKEN=TOKEN)
    assert code == 1
    assert out == "to stdout ***\n"
    assert "to stderr ***" in err and "ValueError: no model for ***" in err
    assert TOKEN not in out + err


def test_without_code_the_command_runs_where_it_is_started_with_its_own_exit_code(tmp_path: Path) -> None:
    assert launched(tmp_path, "sh", "-c", "pwd; exit 7")[:2] == (7, f"{tmp_path.resolve()}\n")


def test_who_is_left_behind_and_holds_the_output_does_not_hold_up_the_end(tmp_path: Path) -> None:
    code, out, _ = launched(tmp_path, "sh", "-c", "sleep 30 & echo $A", options=("--secret", "A"), A=TOKEN)
    assert (code, out) == (0, "***\n")


def test_lines_of_both_outputs_keep_their_order_where_they_go_to_one_place(tmp_path: Path) -> None:
    script = "i=0; while [ $i -lt 50 ]; do echo out$i; echo err$i >&2; i=$((i+1)); done"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(PYTHON), "A": TOKEN}
    command = [sys.executable, "-m", "longhaul.launch", "--secret", "A", "--", "sh", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True)
    assert done.stdout.split()[:100] == [f"{kind}{i}" for i in range(50) for kind in ("out", "err")]
