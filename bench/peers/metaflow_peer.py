"""Metaflow: local metadata and local files; each step and each branch is a process of its own, two at once on two cores."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.peers.measure import STEPS, TRIALS, report

HEAD = "from metaflow import FlowSpec, step\n\n\nclass {name}(FlowSpec):\n"
FOOT = '\n\nif __name__ == "__main__":\n    {name}()\n'


def step(name: str, *body: str, arguments: str = "self") -> str:
    lines = "".join(f"        {line}\n" for line in body)
    return f"    @step\n    def {name}({arguments}):\n{lines}\n"


def chain_flow() -> str:
    names = ["start", *(f"step_{number}" for number in range(2, STEPS)), "end"]
    pairs = itertools.pairwise(names)
    steps = [step(name, f"self.next(self.{following})") for name, following in pairs]
    return HEAD.format(name="Chain") + "".join(steps) + step("end", "pass") + FOOT.format(name="Chain")


def fan_out_flow() -> str:
    steps = (
        step("start", f"self.trials = list(range({TRIALS}))", 'self.next(self.trial, foreach="trials")')
        + step("trial", "self.next(self.join)")
        + step("join", "self.next(self.end)", arguments="self, inputs")
        + step("end", "pass")
    )
    return HEAD.format(name="FanOut") + steps + FOOT.format(name="FanOut")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        environment = {
            **os.environ,
            "METAFLOW_HOME": home,
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": home,
            "METAFLOW_USER": "bench",
        }

        def run(name: str, source: str) -> None:
            file = Path(home) / f"{name}.py"
            file.write_text(source)
            options = ["--quiet", "--no-pylint", "--metadata", "local", "--datastore", "local"]
            workers = ["--max-workers", str(os.cpu_count())]
            command = [sys.executable, str(file), *options, "run", *workers]
            subprocess.run(command, check=True, cwd=home, env=environment, stdout=subprocess.DEVNULL)

        report(
            chain=lambda: run("chain", chain_flow()),
            fan_out=lambda: run("fan_out", fan_out_flow()),
            rounds=1,
            warm_up=False,
        )
