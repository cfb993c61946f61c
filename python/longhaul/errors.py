"""How a trial ends when it does not end well: each error knows its exit code (trial contract)."""

from __future__ import annotations

EXIT_CRASH = 1
EXIT_USAGE = 64
EXIT_DATA = 65
EXIT_NO_INPUT = 66
EXIT_FENCED = 75
EXIT_CONFIG = 78
EXIT_PREEMPTED = 143


class TrialError(Exception):
    """Root of the errors that a person can fix; the message says what, where, and the next step."""

    exit_code = EXIT_CRASH


class UsageError(TrialError):
    """Thrown when the command, its environment or a hyper-parameter is wrong."""

    exit_code = EXIT_USAGE


class DataError(TrialError):
    """Thrown when the data do not hold what the feature table promises."""

    exit_code = EXIT_DATA


class NoInputError(TrialError):
    """Thrown when something that must be read is not there."""

    exit_code = EXIT_NO_INPUT


class FencedError(TrialError):
    """Thrown when another process has taken over the trial; this one must stop. `same_attempt`: it is one of this very attempt."""

    exit_code = EXIT_FENCED

    def __init__(self, message: str, *, same_attempt: bool = False) -> None:
        super().__init__(message)
        self.same_attempt = same_attempt


class ConfigError(TrialError):
    """Thrown when trial.json is wrong, or differs from what the checkpoint was made with."""

    exit_code = EXIT_CONFIG


class StoreError(TrialError):
    """Thrown when the object store has refused for longer than an outage lasts. A crash: the next attempt may find it well."""


class BadPart(DataError):
    """Thrown when one part cannot be trained on; names the file, the column and the row group."""

    def __init__(self, part: str, problem: str, *, column: str | None = None, row_group: int | None = None) -> None:
        place = "".join(
            (
                f", column {column}" if column is not None else "",
                f", row group {row_group}" if row_group is not None else "",
            )
        )
        super().__init__(f"{part}{place}: {problem}")
        self.part = part
        self.column = column
        self.row_group = row_group
