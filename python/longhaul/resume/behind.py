"""Work done behind the training loop, one job after another: uploads, records, exports, summaries."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

Job = Callable[[], None]


class Behind:
    """A thread that does jobs in the order in which they were given.

    The order is part of the design: a checkpoint that is taken after an export is committed after it, so that no
    committed checkpoint forgets an export that is not there yet.
    """

    def __init__(self) -> None:
        self._jobs: queue.Queue[Job] = queue.Queue()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="behind", daemon=True)
        self._thread.start()

    def do(self, job: Job) -> None:
        self._jobs.put(job)

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            try:
                if self._error is None:
                    job()
            except BaseException as error:  # raised in the training loop by `check`
                self._error = error
            finally:
                self._jobs.task_done()

    def check(self) -> None:
        """Raises what a job has raised; jobs after it were left out."""
        if self._error is not None:
            raise self._error

    def drain(self) -> None:
        """Waits until all jobs are done."""
        self._jobs.join()
        self.check()
