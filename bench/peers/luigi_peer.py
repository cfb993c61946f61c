"""Luigi: its local scheduler and one worker, which runs tasks in its own process; an empty file a task says that it is done."""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import luigi
from bench.peers.measure import STEPS, TRIALS, report


class Noop(luigi.Task):
    root = luigi.Parameter()
    number = luigi.IntParameter()
    chained = luigi.BoolParameter()

    def requires(self) -> list[luigi.Task]:
        if not self.chained or self.number == 0:
            return []
        return [Noop(root=self.root, number=self.number - 1, chained=True)]

    def output(self) -> luigi.LocalTarget:
        return luigi.LocalTarget(str(Path(self.root) / str(self.number)))

    def run(self) -> None:
        Path(self.output().path).touch()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        numbers = itertools.count()

        def run(wanted: list[int], *, chained: bool) -> None:
            root = Path(home) / str(next(numbers))
            root.mkdir()
            tasks = [Noop(root=str(root), number=number, chained=chained) for number in wanted]
            assert luigi.build(tasks, local_scheduler=True, workers=1, log_level="ERROR")

        report(
            chain=lambda: run([STEPS - 1], chained=True),
            fan_out=lambda: run(list(range(TRIALS)), chained=False),
        )
