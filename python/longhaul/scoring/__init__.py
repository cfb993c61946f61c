"""Scores of a data set with an exported model, part by part: `python -m longhaul.scoring`, or `longhaul.score` in a script."""

from __future__ import annotations

from .job import score
from .rows import Rows

__all__ = ["Rows", "score"]
