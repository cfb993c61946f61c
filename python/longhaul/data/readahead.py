"""Items fetched and decoded several ahead, in order; memory is bounded by `ahead` and `decoders`, not by the data set."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from ..store.base import Chunk

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Added to the niceness of a thread that reads ahead.
NICENESS = 10
#: At most so many decoders, unless a trial says.
MOST_DECODERS = 4


def lower_priority() -> None:
    """Lets the training loop have a processor the moment it wants one: what this thread makes is not urgent yet.

    On Linux a thread is scheduled by itself; elsewhere nothing changes.
    """
    if sys.platform != "linux":
        return
    thread = threading.get_native_id()
    with suppress(OSError):
        os.sched_setscheduler(thread, os.SCHED_BATCH, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS)


def usual_decoders() -> int:
    """One less than this process has processors, as the training has one; at least 1."""
    found = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(found, _processors_of_container(), MOST_DECODERS + 1) - 1)


def _processors_of_container() -> int:
    """A container may use less than the machine has."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, int(quota) // int(period))
    except (OSError, ValueError):  # none, or `max`
        return MOST_DECODERS + 1


def read_ahead(
    items: Iterable[Item], fetch: Callable[[Item], Chunk], decode: Callable[[Item, Chunk], Result], ahead: int, decoders: int = 1
) -> Iterator[tuple[Item, Future[Result]]]:
    """Latency is hidden by `ahead` requests at once, decoding by threads beside the consumer's.

    At most `ahead` raw items and `decoders + 1` decoded ones (the consumer's and the next) are held: two, until a consumer
    that had to wait shows that one decoder is too slow. With 0 nothing is decoded before the consumer asks. Errors come with
    the future, so that the consumer can pass over a bad item. The order is that of the items, whatever is ready first.
    """
    source = iter(items)
    fetching: deque[tuple[Item, Future[Chunk]]] = deque()
    decoding: deque[tuple[Item, Future[Result]]] = deque()
    fetchers = ThreadPoolExecutor(ahead, thread_name_prefix="fetch")
    depth = min(decoders, 1)
    decoder = ThreadPoolExecutor(max(decoders, 1), thread_name_prefix="decode", initializer=lower_priority)

    def top_up() -> None:
        while len(fetching) < ahead:
            item = next(source, None)
            if item is None:
                return
            fetching.append((item, fetchers.submit(fetch, item)))

    def decode_next() -> None:
        item, raw = fetching.popleft()
        decoding.append((item, decoder.submit(lambda: decode(item, raw.result()))))

    started = False
    try:
        top_up()
        while fetching or decoding:
            while fetching and len(decoding) <= depth:
                decode_next()
            item, result = decoding.popleft()
            waits = started and not result.done()
            result.exception()  # wait here: only then is there room to fetch another
            depth, started = min(depth + waits, decoders), True
            top_up()
            yield item, result
            del item, result
    finally:
        fetchers.shutdown(wait=False, cancel_futures=True)
        decoder.shutdown(wait=False, cancel_futures=True)
