"""Weights of model exports that are still to be written: stored beside the checkpoints, once each, so that no checkpoint carries them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from longhaul.resume.checkpoints import Files
from longhaul.store import Store, join

from .snapshot import Arrays, Snapshot, from_files, pack, unpack

#: In what a checkpoint says of such an export.
WEIGHTS = "weights"


class Attachments:
    """`{output}/checkpoints/exports/{name}.bin`. They are removed when the export is ready, and not needed any more."""

    def __init__(self, store: Store, output: str) -> None:
        self._store = store
        self._root = join(output, "checkpoints", "exports")
        self._stored: dict[str, dict[str, Any]] = {}
        self._dropped: set[str] = set()
        self._lock = threading.Lock()

    def stored(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot as it may be committed: what it attaches is in the store."""
        attached = snapshot.attachments
        exports = [
            {**export, WEIGHTS: self.store(export["name"], attached[export["name"]])} if export["name"] in attached else export
            for export in snapshot.exports
        ]
        return replace(snapshot, exports=exports, attachments={})

    def store(self, name: str, arrays: Arrays) -> dict[str, Any]:
        """Writes them unless they are there; returns what a checkpoint must know to read them."""
        with self._lock:
            if name in self._stored:
                return self._stored[name]
            index, chunks = pack(arrays)
            digest = hashlib.sha256()
            for chunk in chunks:
                digest.update(chunk)
            described = {"bytes": sum(len(chunk) for chunk in chunks), "sha256": digest.hexdigest(), "arrays": index}
            if name not in self._dropped:  # its export became ready meanwhile
                self._store.write(self._address(name), chunks)
            self._stored[name] = described
            return described

    def loaded(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with all that it attaches; empty where the store has none, or not the whole of it."""
        return replace(snapshot, attachments={str(export["name"]): self._load(export, snapshot.arrays) for export in snapshot.exports})

    def missing(self, checkpoint: str, files: Files, is_ready: Callable[[str], bool], warn: Callable[[str], None]) -> str | None:
        """The export, told of, whose weights are gone or torn though it is not ready: the checkpoint is not whole without them."""
        for name, weights in self.loaded(from_files(files)).attachments.items():
            if not weights and not is_ready(name):
                warn(f"checkpoint {checkpoint}: weights of model export {name} are gone or torn; going back to the one before")
                return name
        return None

    def _load(self, export: Mapping[str, Any], arrays: Arrays) -> Arrays:
        name, described = str(export["name"]), export.get(WEIGHTS)
        if described is None:  # checkpoints of 0.1.0 have them among their own arrays
            prefix = f"export/{name}/"
            return {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}
        data = self._store.read_data(self._address(name))
        if data is None or len(data) != described["bytes"] or hashlib.sha256(data).hexdigest() != described["sha256"]:
            return {}
        with self._lock:
            self._stored[name] = dict(described)
        return unpack(described["arrays"], data)

    def drop(self, name: str) -> None:
        """The export is ready."""
        with self._lock:
            self._dropped.add(name)
            there = name in self._stored
        if there:
            self._store.remove(self._address(name))

    def remove_leftovers(self, is_ready: Callable[[str], bool]) -> None:
        """What an attempt before this one had no time to remove."""
        for name in self.names():
            if is_ready(name):
                self._store.remove(self._address(name))

    def names(self) -> list[str]:
        """Those that are there."""
        return [uri.rsplit("/", 1)[-1].removesuffix(".bin") for uri in self._store.list(self._root)]

    def _address(self, name: str) -> str:
        return join(self._root, f"{name}.bin")
