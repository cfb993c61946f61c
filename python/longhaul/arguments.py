"""Command lines whose mistakes end like all others: one message, exit code 64."""

from __future__ import annotations

import argparse

from .errors import UsageError


class Parser(argparse.ArgumentParser):
    """Raises instead of leaving the process."""

    def error(self, message: str) -> None:  # type: ignore[override]
        raise UsageError(f"{message}\n{self.format_usage().rstrip()}")
