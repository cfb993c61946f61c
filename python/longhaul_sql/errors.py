"""Why a statement is not translated, with the place in the user's text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Refusal(Exception):
    """Thrown for a construct whose rows on DuckDB are not known to be those of BigQuery, or for a mistake in the text."""

    message: str
    offset: int | None = None
    found: str | None = None
    expected: str | None = None
    hint: str | None = None

    def __str__(self) -> str:
        return self.message

    def problem(self, text: str, file: str) -> dict[str, object]:
        """The refusal in the form in which the command line prints mistakes; line and column count from 1."""
        at = min(self.offset or 0, len(text))
        line_start = text.rfind("\n", 0, at) + 1
        problem: dict[str, object] = {
            "file": file,
            "line": text.count("\n", 0, at) + 1,
            "column": at - line_start + 1,
            "message": self.message,
        }
        for key in ("found", "expected", "hint"):
            value = getattr(self, key)
            if value is not None:
                problem[key] = value
        return problem
