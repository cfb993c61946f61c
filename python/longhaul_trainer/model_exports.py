"""Models that are written behind the loop, one after another, with what a checkpoint has to know of those that wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from longhaul.resume.background import BackgroundWorker
from longhaul.resume.progress import Progress

from .resume.attachments import Attachments
from .resume.snapshot import Arrays

if TYPE_CHECKING:
    from .export import Exporter

#: Exports that are being written or wait: training waits at a validation point while there are more.
MAX_UNFINISHED_EXPORTS = 2


class ModelExports:
    def __init__(self, exporter: Exporter, progress: Progress, attachments: Attachments) -> None:
        self._exporter = exporter
        self._progress = progress
        self._attachments = attachments
        self._background = BackgroundWorker("exports")
        self._unfinished: list[tuple[dict[str, Any], Arrays]] = []

    @property
    def unfinished(self) -> list[tuple[dict[str, Any], Arrays]]:
        """What is being written or waits, each with its weights: a copy."""
        return list(self._unfinished)

    def check(self) -> None:
        """Raises what ended the thread."""
        self._background.check()

    def wait_for(self, most: int, seconds: float) -> bool:
        """Whether no more than so many are unfinished, after so long."""
        return self._background.wait_for(most, seconds)

    def add(self, export: dict[str, Any], weights: Arrays) -> None:
        self._unfinished.append((export, weights))

        def write() -> None:
            self._exporter.write(export, weights)
            self._progress.add("export", {name: value for name, value in export.items() if name != "best"})
            self._unfinished.pop(0)
            self._attachments.drop(export["name"])

        self._background.do(write)
