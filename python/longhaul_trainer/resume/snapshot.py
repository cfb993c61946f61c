"""A checkpoint in memory, and as bytes: an index in JSON beside the concatenated arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from longhaul.store.base import Chunk

Arrays = dict[str, npt.NDArray[Any]]

STATE = "state.json"
VARIABLES = "variables.bin"


@dataclass(frozen=True)
class Snapshot:
    """All that the next attempt needs. Arrays belong to the snapshot alone."""

    state: Mapping[str, Any]
    identity: Mapping[str, Any]
    machine: Mapping[str, str]
    arrays: Arrays
    #: Progress records are complete up to this number.
    progress: int
    #: Records and exports that were made but may not have reached the store.
    records: list[dict[str, Any]] = field(default_factory=list)
    exports: list[dict[str, Any]] = field(default_factory=list)
    #: Weights of those exports by name. They are stored beside the checkpoints, once each, however many checkpoints name them.
    attachments: Mapping[str, Arrays] = field(default_factory=dict)
    #: Records that are in the store though the state has not come to their step yet.
    ahead: list[list[Any]] = field(default_factory=list)
    #: Where it stands with what is kept for an audit; None: nothing is.
    audit: Mapping[str, Any] | None = None

    @property
    def step(self) -> int:
        return int(self.state["step"])

    @property
    def samples(self) -> int:
        return int(self.state["samples"])

    def files(self) -> dict[str, list[memoryview]]:
        return to_files(self)


def to_files(snapshot: Snapshot) -> dict[str, list[memoryview]]:
    """The checkpoint's files as chunks to write, without a copy of the arrays."""
    index, chunks = pack(snapshot.arrays)
    document = {
        "version": 1,
        "state": snapshot.state,
        "identity": snapshot.identity,
        "machine": snapshot.machine,
        "progress": snapshot.progress,
        "records": snapshot.records,
        "exports": snapshot.exports,
        "ahead": snapshot.ahead,
        **({} if snapshot.audit is None else {"audit": snapshot.audit}),
        "arrays": index,
    }
    return {VARIABLES: chunks, STATE: [memoryview(json.dumps(document).encode())]}


def from_files(files: Mapping[str, Chunk]) -> Snapshot:
    document = json.loads(bytes(files[STATE]))
    arrays = unpack(document["arrays"], files[VARIABLES])
    return Snapshot(
        state=document["state"],
        identity=document["identity"],
        machine=document["machine"],
        arrays=arrays,
        progress=document["progress"],
        records=document["records"],
        exports=document["exports"],
        ahead=document["ahead"],
        audit=document.get("audit"),
    )


def pack(arrays: Arrays) -> tuple[list[dict[str, Any]], list[memoryview]]:
    """What describes the arrays, and their bytes one after the other, without a copy."""
    index = []
    chunks = []
    offset = 0
    for name, array in arrays.items():
        contiguous = np.ascontiguousarray(array)
        index.append({"name": name, "dtype": contiguous.dtype.str, "shape": list(array.shape), "offset": offset})
        offset += contiguous.nbytes
        if contiguous.nbytes:
            chunks.append(contiguous.reshape(-1).view(np.uint8).data)
    return index, chunks


def unpack(index: Sequence[Mapping[str, Any]], data: Chunk) -> Arrays:
    arrays: Arrays = {}
    for entry in index:
        dtype = np.dtype(entry["dtype"])
        count = int(np.prod(entry["shape"], dtype=np.int64))
        arrays[entry["name"]] = np.frombuffer(data, dtype, count, entry["offset"]).reshape(entry["shape"])
    return arrays
