"""Processes that fork scripts, for a whole session of tests."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2]))

from forking import Forker, warm
from scenes import PYTHON, SCRIPTS, Scene


@pytest.fixture(scope="session")
def forker() -> Forker:
    return warm()


def python_with_torch() -> str | None:
    """This one, or the system's with Debian's `python3-torch`."""
    for python in (sys.executable, "/usr/bin/python3"):
        if os.path.exists(python) and subprocess.run([python, "-c", "import torch"], capture_output=True, check=False).returncode == 0:
            return python
    return None


@pytest.fixture(scope="session")
def torch_forker() -> Iterator[Forker]:
    python = python_with_torch()
    if python is None:
        pytest.skip("PyTorch is not on this machine (apt-get install python3-torch is enough)")
    process = Forker(str(PYTHON), python)
    yield process
    process.close()


@pytest.fixture(scope="session")
def lightning_forker() -> Iterator[Forker]:
    """Its PyTorch is that of PyPI: Debian's 1.13 cannot import on Python 3.11 what Lightning needs of it."""
    python = os.environ.get("LONGHAUL_LIGHTNING_PYTHON")
    if not python:
        pytest.skip("LONGHAUL_LIGHTNING_PYTHON names no interpreter with Lightning; `npm test -- frameworks` makes one")
    process = Forker(str(PYTHON), python)
    yield process
    process.close()


#: The newest that go with Debian's PyTorch, which is built for numpy 1.
BESIDE_DEBIANS_TORCH = "numpy==1.24.2\npyarrow==17.0.0\n"


@pytest.fixture(scope="session")
def torch_and_data_forker() -> Iterator[Forker]:
    """With parquet too: as `python: /usr/bin/python3` and `requirements:` of a step give it."""
    python = python_with_torch()
    if python is None:
        pytest.skip("PyTorch is not on this machine (apt-get install python3-torch is enough)")
    if python != sys.executable:
        ask = f"from longhaul.launch.environment import environment_for; print(environment_for({BESIDE_DEBIANS_TORCH!r}, inherit=True))"
        found = subprocess.run(
            [python, "-c", ask], env={**os.environ, "PYTHONPATH": str(PYTHON)}, capture_output=True, text=True, check=False
        )
        if found.returncode != 0:
            pytest.skip(f"its requirements cannot be installed here: {found.stderr.strip().splitlines()[-1]}")
        python = found.stdout.strip()
    process = Forker(str(PYTHON), python)
    yield process
    process.close()


@pytest.fixture
def scene(tmp_path: Path, forker: Forker) -> Scene:
    return Scene(forker, tmp_path, SCRIPTS / "plain.py")
