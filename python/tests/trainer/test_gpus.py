"""A GPU that was asked for is used or refused; one that was not is hidden."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from attempts import Trainers, run

from longhaul.errors import ConfigError, UsageError
from longhaul_trainer.model import runtime


@pytest.mark.parametrize(("asked", "hidden"), [(None, True), ("0", True), ("1", False), ("4", False)])
def test_gpus_are_hidden_unless_they_were_asked_for(monkeypatch: pytest.MonkeyPatch, asked: str | None, hidden: bool) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv(runtime.GPUS, raising=False)
    if asked is not None:
        monkeypatch.setenv(runtime.GPUS, asked)
    runtime.prepare_environment()
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == ("-1" if hidden else None)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_what_the_user_or_the_machine_chose_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    monkeypatch.setenv(runtime.GPUS, "1")
    runtime.prepare_environment()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2"


@pytest.mark.parametrize(
    ("asked", "found", "cuda", "message"),
    [
        ("1", 0, False, r"expected 1 GPU in TensorFlow, found 0; it has no CUDA: use an image with tensorflow\[and-cuda\]"),
        ("4", 3, True, "expected 4 GPUs in TensorFlow, found 3; the machine or its driver has no more"),
    ],
)
def test_fewer_than_asked_for_are_refused(monkeypatch: pytest.MonkeyPatch, asked: str, found: int, cuda: bool, message: str) -> None:
    monkeypatch.setenv(runtime.GPUS, asked)
    with pytest.raises(ConfigError, match=message):
        runtime.check_gpus(found, cuda)
    runtime.check_gpus(int(asked), True)


def test_what_is_no_number_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(runtime.GPUS, "one")
    with pytest.raises(UsageError, match="LONGHAUL_GPUS: expected a number of GPUs, found 'one'"):
        runtime.gpus_asked_for()


def test_a_trial_that_asks_for_a_gpu_on_a_build_without_ends_before_it_trains(
    tmp_path: Path, trainers: Trainers, data: dict[str, str]
) -> None:
    found = run(trainers, tmp_path, data, environment={"LONGHAUL_GPUS": "1"})
    assert found.code == 78, found.log
    assert "resources.gpu: expected 1 GPU in TensorFlow, found 0" in found.log
    assert not (found.output / "progress").exists()
