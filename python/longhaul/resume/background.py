"""Work done behind the training loop, one job after another: uploads, records, exports, summaries."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

Job = Callable[[], None]


class BackgroundWorker:
    """A thread that does jobs in the order in which they were given.

    What must not wait for one another has threads of its own: a checkpoint is not behind an export, a record not behind either.
    """

    def __init__(self, name: str = "background") -> None:
        self._jobs: deque[Job] = deque()
        self._unfinished = 0
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def do(self, job: Job) -> None:
        with self._changed:
            self._jobs.append(job)
            self._unfinished += 1
            self._changed.notify_all()

    @property
    def unfinished(self) -> int:
        """Jobs that wait, and the one that is being done."""
        return self._unfinished

    def wait_for(self, most: int, seconds: float) -> bool:
        """Waits until at most so many jobs are unfinished, but no longer than that; True when it is so."""
        with self._changed:
            self._changed.wait_for(lambda: self._unfinished <= most or self._error is not None, seconds)
        self.check()
        return self._unfinished <= most

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._jobs)
                job = self._jobs.popleft()
            try:
                if self._error is None:
                    job()
            except BaseException as error:  # raised in the training loop by `check`
                self._error = error
            with self._changed:
                self._unfinished -= 1
                self._changed.notify_all()

    def check(self) -> None:
        """Raises what a job has raised; jobs after it were left out."""
        if self._error is not None:
            raise self._error

    def drain(self) -> None:
        """Waits until all jobs are done."""
        with self._changed:
            self._changed.wait_for(lambda: self._unfinished == 0)
        self.check()
