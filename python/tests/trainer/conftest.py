"""Fixtures that are dear: one data set and one finished trial for a whole session of tests."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "sdk"))
sys.path.insert(0, str(Path(__file__).parents[2]))

from attempts import Finished, Trainers, finish
from builders import THREADS, write_data
from forking import Forker, warm

from longhaul_trainer.model.runtime import prepare_environment, tensorflow

prepare_environment()


@pytest.fixture(scope="session", autouse=True)
def one_runtime() -> None:
    """TensorFlow takes its number of threads once a process: that of the trials which tests train in theirs."""
    tensorflow(THREADS, 0)


@pytest.fixture(scope="session")
def forker() -> Forker:
    return warm()


@pytest.fixture(scope="session")
def trainers(forker: Forker) -> Trainers:
    return Trainers(forker)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Two small data sets; not to be changed."""
    root = tmp_path_factory.mktemp("data")
    return {
        "train": write_data(root / "train", parts=3, sessions=60, seed=1),
        "validation": write_data(root / "validation", parts=1, sessions=40, seed=2),
    }


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, trainers: Trainers, data: dict[str, str]) -> Finished:
    """An undisturbed trial with two validation points an epoch; not to be changed."""
    return finish(trainers, tmp_path_factory.mktemp("finished"), data, validateEverySteps=6, sampleCandidates=6)
