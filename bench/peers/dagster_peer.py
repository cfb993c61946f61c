"""Dagster: ops in the process of the job, values in memory, the event log in SQLite as on any machine of a developer."""

from __future__ import annotations

import tempfile

from bench.peers.measure import STEPS, TRIALS, report
from dagster import DagsterInstance, JobDefinition, job, mem_io_manager, op

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


@op
def first() -> int:
    return 0


@op
def following(value: int) -> int:
    return value


@job(resource_defs={"io_manager": mem_io_manager})
def chain() -> None:
    value = first()
    for step in range(1, STEPS):
        value = following.alias(f"step_{step}")(value)


@job(resource_defs={"io_manager": mem_io_manager})
def fan_out() -> None:
    for trial in range(TRIALS):
        first.alias(f"trial_{trial}")()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        instance = DagsterInstance.local_temp(home, overrides={"telemetry": {"enabled": False}})

        def run(definition: JobDefinition) -> None:
            assert definition.execute_in_process(instance=instance, run_config=QUIET).success

        report(chain=lambda: run(chain), fan_out=lambda: run(fan_out))
