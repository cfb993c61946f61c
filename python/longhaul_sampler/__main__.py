"""``python -m longhaul_sampler``: the Temporal worker of the queue ``longhaul-sampler``.

The connection comes from Temporal's standard environment configuration (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE,
TEMPORAL_PROFILE, TLS, API key); payloads are encrypted where LONGHAUL_ENCRYPTION_KEYS holds keys.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import optuna
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.worker import Worker

from longhaul.client.codec import data_converter

from .activity import SamplerActivities

TASK_QUEUE = "longhaul-sampler"


def task_queue_of(environment: Mapping[str, str]) -> str:
    """That of the team, where `LONGHAUL_TEAM` names one: `src/contract/teams.ts`."""
    team = environment.get("LONGHAUL_TEAM", "")
    return f"{team}-{TASK_QUEUE}" if team else TASK_QUEUE


_log = logging.getLogger("longhaul_sampler")
THREADS = 4
SHUTDOWN_GRACE = timedelta(seconds=5)


async def serve(task_queue: str) -> None:
    config = ClientConfig.load_client_connect_config()
    config.setdefault("target_host", "localhost:7233")
    client = await Client.connect(**config, data_converter=data_converter(os.environ))
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    activities = SamplerActivities()
    with ThreadPoolExecutor(THREADS) as threads:
        worker = Worker(
            client,
            task_queue=task_queue,
            activities=[activities.ask, activities.importance],
            activity_executor=threads,
            max_concurrent_activities=THREADS,
            graceful_shutdown_timeout=SHUTDOWN_GRACE,
        )
        async with worker:
            _log.info("ready on %s", task_queue)
            await stopped.wait()
    activities.own.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="longhaul_sampler", description=__doc__)
    parser.add_argument("--task-queue", default=task_queue_of(os.environ))
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s sampler %(levelname)s %(message)s")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    asyncio.run(serve(arguments.task_queue))


if __name__ == "__main__":
    main()
