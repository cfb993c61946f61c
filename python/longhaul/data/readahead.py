"""Items fetched several ahead and decoded one ahead, in order; memory is bounded by `ahead`, not by the data set."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from ..store.base import Chunk

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Added to the niceness of a thread that reads ahead.
NICENESS = 10


def give_way() -> None:
    """Lets the training loop have a processor the moment it wants one: what this thread makes is not urgent yet.

    On Linux a thread is scheduled by itself; elsewhere nothing changes.
    """
    if sys.platform != "linux":
        return
    thread = threading.get_native_id()
    with suppress(OSError):
        os.sched_setscheduler(thread, os.SCHED_BATCH, os.sched_param(0))
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICENESS)


def read_ahead(
    items: Iterable[Item], fetch: Callable[[Item], Chunk], decode: Callable[[Item, Chunk], Result], ahead: int
) -> Iterator[tuple[Item, Future[Result]]]:
    """Latency is hidden by `ahead` requests at once, decoding by one thread beside the consumer's.

    At most `ahead` raw items and two decoded ones (the consumer's and the next) are held. Errors come with the future,
    so that the consumer can pass over a bad item.
    """
    source = iter(items)
    fetching: deque[tuple[Item, Future[Chunk]]] = deque()
    decoding: deque[tuple[Item, Future[Result]]] = deque()
    fetchers = ThreadPoolExecutor(ahead, thread_name_prefix="fetch")
    decoder = ThreadPoolExecutor(1, thread_name_prefix="decode", initializer=give_way)

    def top_up() -> None:
        while len(fetching) < ahead:
            item = next(source, None)
            if item is None:
                return
            fetching.append((item, fetchers.submit(fetch, item)))

    def decode_next() -> None:
        item, raw = fetching.popleft()
        decoding.append((item, decoder.submit(lambda: decode(item, raw.result()))))

    try:
        top_up()
        while fetching or decoding:
            while fetching and len(decoding) < 2:
                decode_next()
            item, result = decoding.popleft()
            result.exception()  # wait here: only then is there room to fetch another
            top_up()
            yield item, result
            del item, result
    finally:
        fetchers.shutdown(wait=False, cancel_futures=True)
        decoder.shutdown(wait=False, cancel_futures=True)
