"""What can go wrong between a notebook and its runs; each message says what happened, where, and the next step."""

from __future__ import annotations


class LonghaulError(Exception):
    """Root of the errors of this client."""


class MissingPackageError(LonghaulError, ImportError):
    """Thrown when the extra `client` is not installed."""


class InvalidInputError(LonghaulError):
    """Thrown for a file, an option or a name that makes no sense; nothing was started."""


class UnknownRunError(InvalidInputError):
    """Thrown when there is no such run, or none that the server still knows."""


class RefusedError(LonghaulError):
    """Thrown when the server or a workflow says no, and why."""


class CannotConnectError(LonghaulError):
    """Thrown when no Temporal server, or no worker, answers."""


class CommandError(LonghaulError):
    """Thrown when the command line ended in a way that nobody foresaw."""


class RunFailedError(LonghaulError):
    """Thrown by `Run.result` when the run failed or was cancelled."""

    def __init__(self, run: str, status: str, reason: str) -> None:
        super().__init__(f"{run}: {status}: {reason}" if reason else f"{run}: {status}")
        self.run = run
        self.status = status
        self.reason = reason
