"""A checkpoint in memory and as bytes: an index in JSON, a pickle, and the arrays beside it, so that none is copied twice."""

from __future__ import annotations

import io
import json
import pickle
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .store.base import Chunk

STATE = "state.json"
KEPT = "kept.pickle"
ARRAYS = "arrays.bin"
#: Of the three files; one that is higher was written by a newer SDK.
VERSION = 2


class _Pickler(pickle.Pickler):
    """Tensors of PyTorch go beside the pickle as arrays do; `torch.save` would put a zip file into it."""

    def persistent_id(self, thing: Any) -> Any:
        torch = sys.modules.get("torch")
        if torch is None or type(thing) is not torch.Tensor or thing.layout is not torch.strided or thing.is_quantized:
            return None
        flat = thing.detach().cpu().contiguous().reshape(-1)
        return "torch", str(thing.dtype).rpartition(".")[2], tuple(thing.shape), flat.view(torch.uint8).numpy() if flat.numel() else None


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, found: Any) -> Any:
        import torch

        _, dtype, shape, data = found
        kind = getattr(torch, dtype)
        return torch.empty(shape, dtype=kind) if data is None else torch.from_numpy(data).view(kind).reshape(shape)


@dataclass(frozen=True)
class Pickled:
    """A copy of something: nothing of it is shared with the training that goes on."""

    data: bytes
    buffers: Sequence[bytes]

    @staticmethod
    def of(thing: Any) -> Pickled:
        found: list[pickle.PickleBuffer] = []
        file = io.BytesIO()
        _Pickler(file, protocol=5, buffer_callback=found.append).dump(thing)
        return Pickled(file.getvalue(), [bytes(buffer.raw()) for buffer in found])

    def load(self) -> Any:
        return _Unpickler(io.BytesIO(self.data), buffers=[bytearray(buffer) for buffer in self.buffers]).load()


@dataclass(frozen=True)
class Snapshot:
    """What a checkpoint holds. `document` is JSON; `kept` are the things and the random generators."""

    document: Mapping[str, Any]
    kept: Pickled

    @property
    def step(self) -> int:
        return int(self.document["position"]["step"])

    @property
    def samples(self) -> int:
        return int(self.document["position"]["samples"])

    @property
    def inexact(self) -> Sequence[str]:
        """Why the bits of the model may not be those of the undisturbed run."""
        return list(self.document.get("inexact", ()))

    def files(self) -> dict[str, list[memoryview]]:
        index = {"version": VERSION, **self.document, "buffers": [len(buffer) for buffer in self.kept.buffers]}
        return {
            ARRAYS: [memoryview(buffer) for buffer in self.kept.buffers if len(buffer)],
            KEPT: [memoryview(self.kept.data)],
            STATE: [memoryview(json.dumps(index).encode())],
        }


def from_files(files: Mapping[str, Chunk]) -> Snapshot:
    document = json.loads(bytes(files[STATE]))
    arrays = memoryview(files[ARRAYS])
    buffers = []
    start = 0
    for size in document.pop("buffers"):
        buffers.append(bytes(arrays[start : start + size]))
        start += size
    return Snapshot(document, Pickled(bytes(files[KEPT]), buffers))
