"""Batches made in threads ahead of the training loop, from wherever a checkpoint says."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from longhaul.data.buckets import misplaced
from longhaul.data.cache import PartCache, cache_of
from longhaul.data.fetch import fetch
from longhaul.data.manifest import Manifest, Part
from longhaul.data.randomness import SCHEME, Randomness
from longhaul.data.readahead import lower_priority, read_ahead, usual_decoders
from longhaul.errors import BadPart, DataError
from longhaul.store import Store
from longhaul.store.base import Chunk

from ..features import Feature, Layout
from ..trial import PartsPolicy
from .batches import Batch, Position, after_part, empty_batch, order_of_parts, training_batches, whole_batches
from .part import Columns, Hash, read_columns

#: Batches are handed over so many at a time: each time costs the training loop a moment.
GROUP_BATCHES = 8
#: Groups that wait for the training loop: enough to bridge the change of parts, small beside a part.
QUEUED_GROUPS = 2
#: Of looking for a label; after that the first epoch tells.
LABELS_SECONDS = 60.0
#: While nothing comes, the consumer is asked to say so at this pace.
IDLE_SECONDS = 1.0


@dataclass(frozen=True)
class DataSet:
    """Where the parts lie and how to read them."""

    store: Store
    manifest: Manifest
    layout: Layout
    features: tuple[Feature, ...]
    hash_texts: Hash
    policy: PartsPolicy

    @cached_property
    def cache(self) -> PartCache | None:
        return cache_of(self.manifest)

    @property
    def decoders(self) -> int:
        return usual_decoders() if self.policy.decoders is None else self.policy.decoders

    def fetch(self, part: Part) -> Chunk:
        return fetch(self.store, part, self.cache)

    def decode(self, part: Part, data: Chunk) -> Columns:
        columns = read_columns(data, part.name, self.layout, self.features, self.hash_texts)
        if self.layout.candidates is not None and part.rows not in (-1, columns.sessions):
            raise BadPart(part.name, f"has {columns.sessions} rows, the manifest says {part.rows}")
        if columns.names is not None and self.manifest.session is not None:
            found = misplaced(self.manifest, part, columns.names.to_pylist())
            if found is not None:
                raise BadPart(
                    part.name,
                    f"holds session {found!r}, which belongs into another part by the manifest; export the data again",
                    column=self.layout.session,
                )
        return columns

    def check_labels(self) -> None:
        """Looks through the labels part by part, for so long as none is above 0, but not for so long that the trial seems dead.

        Raises:
            DataError: none is anywhere.
        """
        until = time.monotonic() + LABELS_SECONDS
        for part in self.manifest.parts:
            try:
                found = read_columns(self.fetch(part), part.name, self.layout, (), self.hash_texts)
            except BadPart:
                continue
            if (found.labels > 0).any() or time.monotonic() > until:
                return
        raise self.nothing_to_learn()

    def nothing_to_learn(self) -> DataError:
        return DataError(
            f"{self.manifest.uri}, column {self.layout.label}: expected a label above 0 in some session, found none in all "
            f"{len(self.manifest.parts)} parts; there is nothing to learn from: look at the SQL that makes the label"
        )

    @property
    def width(self) -> tuple[int, int]:
        """Numbers of numeric and of categorical features."""
        numeric = sum(feature.numeric for feature in self.features)
        return numeric, len(self.features) - numeric


def stream_training(
    data: DataSet,
    start: Position,
    epochs: int,
    *,
    seed: int,
    scheme: int = SCHEME,
    batch_size: int,
    sample_candidates: int,
    bad: tuple[str, ...],
) -> Iterator[Batch]:
    """All batches from `start` to the end of the last epoch; parts of the next epoch are read ahead as well."""
    parts = data.manifest.parts
    randomness = Randomness(seed, scheme)

    def positions() -> Iterator[tuple[Position, int]]:
        position = start
        while position.epoch < epochs:
            part = int(order_of_parts(randomness, position.epoch, len(parts))[position.turn])
            yield position, part
            position = after_part(position, len(parts))

    reader = read_ahead(
        positions(),
        lambda item: data.fetch(parts[item[1]]),
        lambda item, raw: data.decode(parts[item[1]], raw),
        data.policy.ahead,
        data.decoders,
    )
    looked, learnt, first = False, False, start.epoch + ((start.turn, start.session) != (0, 0))
    for (position, part), decoded in reader:
        if position.epoch > first and looked and not learnt:
            raise data.nothing_to_learn()
        try:
            columns = decoded.result()
        except BadPart as error:
            bad = pass_over(error, bad, data.policy)
            if len(bad) >= len(parts):
                raise DataError(f"every part of {data.manifest.uri} is bad; the last: {error}") from None
            yield empty_batch(after_part(position, len(parts)), bad, data.width)
            continue
        learnt = learnt or bool((columns.labels > 0).any())
        if not looked and not learnt:
            data.check_labels()
        looked = True
        for batch in training_batches(
            columns,
            part,
            randomness=randomness,
            position=position,
            parts=len(parts),
            batch_size=batch_size,
            sample_candidates=sample_candidates,
        ):
            yield replace(batch, bad=bad) if bad else batch


def stream_whole(data: DataSet, rows_at_once: int) -> Iterator[Batch]:
    """Every candidate of every session once, in the order of the parts. Bad parts are passed over as in training."""
    bad: tuple[str, ...] = ()
    for _, decoded in read_ahead(data.manifest.parts, data.fetch, data.decode, data.policy.ahead, data.decoders):
        try:
            columns = decoded.result()
        except BadPart as error:
            bad = pass_over(error, bad, data.policy)
            continue
        yield from whole_batches(columns, rows_at_once)


def pass_over(error: BadPart, bad: tuple[str, ...], policy: PartsPolicy) -> tuple[str, ...]:
    """The bad parts including this one, or the error where the policy or its budget says so."""
    if not policy.skip_bad:
        raise error
    if error.part in bad:
        return bad
    if len(bad) >= policy.bad_budget:
        raise DataError(f"{error}; parts.badBudget ({policy.bad_budget}) is used up by {', '.join(bad) or 'none'}") from None
    return (*bad, error.part)


class Ahead:
    """Runs an iterator of batches in a thread; counts how long its consumer waits, and calls `idle` meanwhile.

    Example:
        >>> with Ahead(lambda: iter([])) as batches: list(batches)
        []
    """

    def __init__(self, make: Callable[[], Iterator[Batch]], group: int = GROUP_BATCHES, *, idle: Callable[[], None] = lambda: None) -> None:
        self.wait_seconds = 0.0
        self._idle = idle
        self._group = group
        self._queue: queue.Queue[list[Batch] | BaseException] = queue.Queue(QUEUED_GROUPS)
        self._taken: Iterator[Batch] = iter(())
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(make,), name="batches", daemon=True)
        self._thread.start()

    def _run(self, make: Callable[[], Iterator[Batch]]) -> None:
        lower_priority()
        group: list[Batch] = []
        try:
            for batch in make():
                group.append(batch)
                if len(group) == self._group:
                    self._put(group)
                    group = []
                if self._closed.is_set():
                    return
            ending: BaseException = StopIteration()
        except BaseException as error:  # handed to the consumer, which raises it
            ending = error
        self._put(group)
        self._put(ending)

    def _put(self, item: list[Batch] | BaseException) -> None:
        while not self._closed.is_set():
            try:
                return self._queue.put(item, timeout=0.2)
            except queue.Full:
                continue

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        while True:
            batch = next(self._taken, None)
            if batch is not None:
                return batch
            began = time.perf_counter()
            item = self._next()
            self.wait_seconds += time.perf_counter() - began
            if isinstance(item, BaseException):
                raise item
            self._taken = iter(item)

    def _next(self) -> list[Batch] | BaseException:
        while True:
            try:
                return self._queue.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                self._idle()

    def close(self) -> None:
        self._closed.set()

    def __enter__(self) -> Ahead:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
