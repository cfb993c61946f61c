"""Fixtures that are dear: one zygote for a whole session of tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2]))

from attempts import Zygote, zygote


@pytest.fixture(scope="session")
def trainers() -> Iterator[Zygote]:
    with zygote() as process:
        yield process
