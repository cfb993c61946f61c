"""Prefect: tasks in the process of the flow, its own temporary server with SQLite beside them."""

from __future__ import annotations

from bench.peers.measure import STEPS, TRIALS, report
from prefect import flow, task
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner


@task
def noop(value: int) -> int:
    return value


@flow
def chain() -> None:
    value = 0
    for _ in range(STEPS):
        value = noop(value)


@flow(task_runner=ThreadPoolTaskRunner(max_workers=TRIALS))
def fan_out() -> None:
    wait(noop.map(range(TRIALS)))


if __name__ == "__main__":
    report(chain=chain, fan_out=fan_out)
