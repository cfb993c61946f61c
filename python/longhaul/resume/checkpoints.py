"""Committed checkpoints: `LATEST` is written last, under a generation precondition that fences off older attempts."""

from __future__ import annotations

import hashlib
import json
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Protocol

from ..checked import parse_json
from ..errors import ConfigError, FencedError
from ..store import PreconditionFailed, Store, join
from ..store.base import ABSENT, Chunk

Latest = dict[str, Any]
Files = dict[str, Chunk]
#: What one rank has uploaded: `name` of the checkpoint, `step`, `samples`, and `files` with bytes and SHA-256.
Shard = dict[str, Any]


class Snapshot(Protocol):
    """What is committed: a copy of the state, and how it becomes files."""

    @property
    def step(self) -> int: ...

    @property
    def samples(self) -> int: ...

    def files(self) -> Mapping[str, Sequence[Chunk]]: ...


class Checkpoints:
    """`{output}/checkpoints`. Methods may be called from several threads; commits exclude each other."""

    def __init__(
        self,
        store: Store,
        output: str,
        *,
        attempt: int,
        keep: int,
        warn: Callable[[str], None],
        machine: Mapping[str, str] | None = None,
    ) -> None:
        self._store = store
        self._root = join(output, "checkpoints")
        self._address = join(self._root, "LATEST")
        self._attempt = attempt
        self._keep = keep
        self._warn = warn
        self._machine = machine
        self._writer = uuid.uuid4().hex
        self._generation = ABSENT
        self._committed: list[Latest] = []
        self._holder: tuple[int, str] | None = None
        self._sequence = 0
        self._sigterm = False
        self._mutex = threading.Lock()
        self._ahead: tuple[Latest, Future[Files | None]] | None = None

    def claim(self) -> None:
        """Puts this attempt's number on what is committed: from now on an older attempt cannot commit.

        Raises:
            FencedError: a later attempt has done so already.
        """
        with self._mutex:
            while True:
                self._refresh(take_over=True)
                if not self._committed or self._holder == (self._attempt, self._writer):
                    return
                first, *rest = self._committed
                # It was that attempt which got a SIGTERM.
                claimed = [{**first, "reason": "interval"}, *rest] if first.get("reason") == "sigterm" else self._committed
                try:
                    self._store.write(self._address, [self._document(claimed)], if_generation=self._generation)
                except PreconditionFailed:
                    continue  # the older attempt has just committed: take that one over

    def read_ahead(self) -> None:
        """Begins to fetch what `load` will ask for, beside the imports of a start, which take seconds."""
        with self._mutex:
            entry = self._committed[0] if self._committed else None
            if entry is None or not entry["files"]:
                return
            ahead: Future[Files | None] = Future()
            self._ahead = (entry, ahead)

        def fetch() -> None:
            try:
                ahead.set_result(read_files(self._store, self._root, entry, self._warn))
            except BaseException as error:
                ahead.set_exception(error)

        threading.Thread(target=fetch, name="read-ahead", daemon=True).start()

    def _read(self, entry: Latest) -> Files | None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0]["checkpoint"] == entry["checkpoint"]:
            return ahead[1].result()
        return read_files(self._store, self._root, entry, self._warn)

    @property
    def newest(self) -> Latest | None:
        """The newest committed checkpoint that was not passed over."""
        with self._mutex:
            return self._committed[0] if self._committed and self._committed[0]["files"] else None

    def pass_over(self) -> None:
        """The newest one is not whole."""
        with self._mutex:
            self._committed.pop(0)

    def load(self, accepts: Callable[[str, Files], bool] = lambda name, files: True) -> Files | None:
        """The files of the newest committed checkpoint that is whole; None when there is nothing to go on from.

        `accepts` may refuse one, by name and files, whose parts that lie elsewhere are not whole.

        Raises:
            ConfigError: several ranks have made it.
        """
        with self._mutex:
            while self._committed and self._committed[0]["files"]:
                entry = self._committed[0]
                if world_of(entry) != 1:
                    raise other_world(self._root, world_of(entry), 1)
                files = self._read(entry)
                if files is not None and accepts(entry["checkpoint"], files):
                    return files
                self._committed.pop(0)
            return None

    def commit(self, snapshot: Snapshot, reason: str) -> str | None:
        """Uploads and commits; returns the checkpoint's name, or None when a newer one was committed meanwhile.

        Raises:
            FencedError: a later attempt has taken over.
        """
        with self._mutex:
            # Whatever is committed from now on, it is the last of a process that got a SIGTERM.
            self._sigterm = self._sigterm or reason == "sigterm"
            self._sequence += 1
            sequence = self._sequence
        return self.commit_shards([self.upload(snapshot, sequence)], reason)

    def upload(self, snapshot: Snapshot, sequence: int, folder: str = "") -> Shard:
        """Without committing it. `folder`: that of a rank, where there are several, inside of the checkpoint."""
        name = f"{snapshot.step:09d}-{self._attempt}-{sequence}"
        described = write_files(self._store, join(self._root, name), snapshot.files(), folder)
        shard: Shard = {"name": name, "step": snapshot.step, "samples": snapshot.samples, "files": described}
        inexact = getattr(snapshot, "inexact", None)
        return {**shard, "inexact": inexact} if inexact else shard

    def commit_shards(self, shards: Sequence[Shard], reason: str) -> str | None:
        """Commits what all ranks have uploaded under one name. Returns and raises as `commit` does."""
        first = shards[0]
        name, step = str(first["name"]), int(first["step"])
        entry: Latest = {
            "checkpoint": name,
            "step": step,
            "samples": first["samples"],
            "files": {file: about for shard in shards for file, about in shard["files"].items()},
            "reason": reason,
            "time": time.time(),
            **({"world": len(shards)} if len(shards) > 1 else {}),
            **({"inexact": first["inexact"]} if "inexact" in first else {}),
        }
        with self._mutex:
            self._sigterm = self._sigterm or reason == "sigterm"
            newest = self._committed[0] if self._committed else None
            last_words = self._sigterm and reason != "sigterm" and newest is not None and newest.get("reason") == "sigterm"
            if newest is not None and (newest["step"] > step or (last_words and newest["step"] == step)):
                self._remove(name)
                return None
            entry["reason"] = "sigterm" if self._sigterm else reason
            entries = [entry, *(old for old in self._committed if old["files"])]
            self._write_latest(entries[: self._keep], let_go=reason == "sigterm")
        for old in entries[self._keep :]:
            self._remove(old["checkpoint"])
        return name

    def mark_sigterm(self, *, starting: bool = False) -> None:
        """SIGTERM with nothing new to save: what is committed stays, and says that this attempt ended by SIGTERM."""
        with self._mutex:
            self._sigterm = True
            if starting:
                self._refresh(take_over=True)
            nothing = {"checkpoint": "", "step": 0, "samples": 0, "files": {}, "time": time.time()}
            first, *rest = self._committed or [nothing]
            self._write_latest([{**first, "reason": "sigterm"}, *rest], take_over=starting)

    def remove_leftovers(self) -> None:
        """Removes what earlier attempts uploaded and did not commit."""
        kept = {entry["checkpoint"] for entry in self._committed}
        found = {uri.removeprefix(self._root).lstrip("/").split("/")[0] for uri in self._store.list(self._root)} - {"LATEST"}
        for name in sorted(found - kept):
            attempt = name.split("-")[1] if name.count("-") == 2 else ""
            if attempt.isdigit() and int(attempt) < self._attempt:
                self._remove(name)

    def _refresh(self, *, take_over: bool) -> None:
        """Reads what is committed. `take_over`: a process that starts may succeed another one of the same attempt."""
        found = self._store.read(self._address)
        if found is None:
            self._generation, self._committed, self._holder = ABSENT, [], None
            return
        try:
            latest = json.loads(found.data)
            holder = (int(latest["attempt"]), str(latest.get("writer", "")))
            committed = [_entry(entry) for entry in (latest, *latest.get("previous", []))]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self._warn(f"{self._address} cannot be read ({error}); training begins anew")
            self._generation, self._committed, self._holder = found.generation, [], None
            return
        same = holder == (self._attempt, self._writer)
        if holder[0] > self._attempt or (holder[0] == self._attempt and not same and not take_over):
            raise FencedError(
                f"fenced: attempt {holder[0]} has taken over this trial ({self._address}); "
                f"this process (attempt {self._attempt}) ends and writes nothing more",
                same_attempt=holder[0] == self._attempt,
            )
        self._generation, self._committed, self._holder = found.generation, committed, holder

    def _write_latest(self, entries: list[Latest], *, take_over: bool = False, let_go: bool = False) -> None:
        data = self._document(entries, let_go=let_go)
        while True:
            try:
                self._generation = self._store.write(self._address, [data], if_generation=self._generation)
                break
            except PreconditionFailed:
                self._refresh(take_over=take_over)
        self._committed = entries
        self._holder = (self._attempt, self._writer)

    def _document(self, entries: list[Latest], *, let_go: bool = False) -> bytes:
        """`let_go`: nothing follows but records, which do not replace what is there; the next attempt need not wait for this process."""
        told = {"letGo": True} if let_go else {}
        document = {**entries[0], "attempt": self._attempt, "writer": self._writer, **told, "previous": entries[1:]}
        return json.dumps(document if self._machine is None else {**document, "machine": dict(self._machine)}).encode()

    def _remove(self, name: str) -> None:
        for uri in list(self._store.list(join(self._root, name))):
            self._store.remove(uri)


def committed_by(store: Store, output: str, name: str | None) -> list[Latest]:
    """Another trial's checkpoint of that name, or all that it has committed, newest first; changes nothing there."""
    root = join(output, "checkpoints")
    found = store.read(join(root, "LATEST"))
    if found is None:
        return []
    latest = parse_json(found.data, join(root, "LATEST"))
    return [entry for entry in (latest, *latest.get("previous", [])) if entry["files"] and name in (None, entry["checkpoint"])]


def read_committed(store: Store, output: str, name: str | None, warn: Callable[[str], None]) -> Files | None:
    """Files of the newest of them that is whole, for a trainer of one rank."""
    root = join(output, "checkpoints")
    for entry in committed_by(store, output, name):
        if world_of(entry) != 1:
            raise other_world(root, world_of(entry), 1)
        files = read_files(store, root, entry, warn)
        if files is not None:
            return files
    return None


def write_files(store: Store, root: str, files: Mapping[str, Sequence[Chunk]], folder: str = "") -> dict[str, Any]:
    """The files of a checkpoint below `root` (in one rank's `folder` there); what LATEST says of each of them."""
    described = {}
    for file, chunks in files.items():
        described[f"{folder}{file}"] = {"bytes": sum(len(chunk) for chunk in chunks), "sha256": _sha256(chunks)}
        store.write(join(root, f"{folder}{file}"), chunks)
    return described


def read_files(store: Store, root: str, entry: Latest, warn: Callable[[str], None], folder: str = "") -> Files | None:
    """The files of a checkpoint (of one rank's `folder` in it); None, with a warning, where one is not what LATEST says."""
    files: Files = {}
    for file, expected in entry["files"].items():
        if not file.startswith(folder):
            continue
        found = store.read_data(join(root, entry["checkpoint"], file))
        size = None if found is None else len(found)
        if found is None or size != expected["bytes"] or hashlib.sha256(found).hexdigest() != expected["sha256"]:
            wanted = f"{expected['bytes']} with SHA-256 {expected['sha256'][:12]}…"
            warn(
                f"checkpoint {entry['checkpoint']} is torn or corrupt ({file}: {size} bytes, expected {wanted}); "
                "going back to the one before"
            )
            return None
        files[file[len(folder) :]] = found
    return files


def world_of(entry: Latest) -> int:
    """How many ranks have made it; LATEST says so where there were several."""
    return int(entry.get("world", 1))


def in_shard(rank: int) -> str:
    """Where the files of a rank lie inside of a checkpoint."""
    return f"rank-{rank}/"


def other_world(root: str, found: int, wanted: int) -> ConfigError:
    return ConfigError(
        f"{root} was made by {found} rank{'s' if found > 1 else ''}, and this attempt has {wanted}: restore the number of nodes and GPUs, "
        "give trial.keep(…, reshards=True) what may be taken over by another number of ranks (the bits of the model then differ), "
        "or give the trial another output"
    )


def _sha256(chunks: Sequence[Chunk]) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _entry(latest: Latest) -> Latest:
    return {
        name: latest[name] for name in ("checkpoint", "step", "samples", "files", "reason", "time", "world", "inexact") if name in latest
    }
