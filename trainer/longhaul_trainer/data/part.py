"""A decoded part as numpy columns, checked against the feature table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import BadPart
from ..features import Feature, Layout
from ..store.base import Chunk
from .parquet import Decoded, Offsets, decode

Array = npt.NDArray[np.generic]
Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int32]
Indices = npt.NDArray[np.int64]

#: Texts and a number of buckets → the bucket of each text, exactly as the exported graph hashes them.
Hash = Callable[[Sequence[str], int], Indices]


@dataclass(frozen=True)
class Columns:
    """All candidates of one part; session i is `offsets[i]:offsets[i+1]`."""

    name: str
    offsets: Offsets
    labels: Floats
    numeric: tuple[Array, ...]
    categorical: tuple[Integers, ...]

    @property
    def sessions(self) -> int:
        return len(self.offsets) - 1

    def numeric_of(self, rows: Indices | slice) -> Floats:
        """[row, feature] of the numeric features."""
        count = len(self.labels[rows])
        matrix = np.empty((count, len(self.numeric)), np.float32)
        for index, column in enumerate(self.numeric):
            matrix[:, index] = column[rows]
        return matrix

    def categorical_of(self, rows: Indices | slice) -> Integers:
        """[row, feature] of the buckets."""
        count = len(self.labels[rows])
        matrix = np.empty((count, len(self.categorical)), np.int32)
        for index, column in enumerate(self.categorical):
            matrix[:, index] = column[rows]
        return matrix


def read_columns(data: Chunk, name: str, layout: Layout, features: Sequence[Feature], hash_texts: Hash) -> Columns:
    """Decodes and checks what training needs of one part, and nothing else.

    Raises:
        BadPart: with file, column and row group.
    """
    decoded = decode(data, name, layout, [layout.label, *(feature.name for feature in features)])
    labels = _numbers(decoded, layout.label, default=None).astype(np.float32, copy=False)
    if len(labels) == 0:
        raise BadPart(name, "holds no candidates", column=layout.candidates)
    negative = labels < 0
    if negative.any():
        raise _bad(decoded, layout.label, int(np.argmax(negative)), "a label below 0")
    return Columns(
        name=name,
        offsets=decoded.offsets,
        labels=labels,
        numeric=tuple(_numbers(decoded, feature.name, default=float(feature.default)) for feature in features if feature.numeric),
        categorical=tuple(_buckets(decoded, feature, hash_texts) for feature in features if not feature.numeric),
    )


def _numbers(decoded: Decoded, column: str, default: float | None) -> Array:
    """The column as it lies in memory where possible; NULL becomes the default, anything not finite is refused."""
    array = decoded.candidates[column]
    kind = array.type
    if pa.types.is_decimal(kind) or pa.types.is_boolean(kind):
        array = pc.cast(array, pa.float64() if pa.types.is_decimal(kind) else pa.uint8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise BadPart(decoded.name, f"expected a number, found {_type_name(kind)}", column=column, row_group=0)
    if array.null_count:
        if default is None:
            row = int(np.argmax(array.is_null().to_numpy(zero_copy_only=False)))
            raise _bad(decoded, column, row, "NULL; a label must not be")
        filled = pc.cast(array, pa.float32()) if pa.types.is_integer(array.type) else array
        array = pc.fill_null(filled, pa.scalar(default, filled.type))
    values: Array = array.to_numpy(zero_copy_only=False)
    if np.issubdtype(values.dtype, np.floating) and not np.isfinite(np.add.reduce(values, dtype=np.float64)):
        broken = ~np.isfinite(values)
        if broken.any():
            row = int(np.argmax(broken))
            raise _bad(decoded, column, row, f"{values[row]} where a finite number or NULL is expected")
    return values


def _buckets(decoded: Decoded, feature: Feature, hash_texts: Hash) -> Integers:
    """Only distinct values are hashed; the rest is a look-up."""
    array = decoded.candidates[feature.name]
    kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        raise BadPart(decoded.name, f"expected a text or a whole number, found {_type_name(kind)}", column=feature.name, row_group=0)
    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    texts = pc.cast(encoded.dictionary, pa.string()).to_pylist()
    hashed = hash_texts(
        [*(str(feature.default) if text is None else text for text in texts), str(feature.default)], feature.buckets
    ).astype(np.int32)
    indices = pc.fill_null(encoded.indices, len(texts)) if encoded.indices.null_count else encoded.indices
    return hashed[indices.to_numpy(zero_copy_only=False)]


def _bad(decoded: Decoded, column: str, row: int, problem: str) -> BadPart:
    return BadPart(decoded.name, f"candidate {row}: {problem}", column=column, row_group=decoded.row_group_of(row))


def _type_name(kind: pa.DataType) -> str:
    return str(kind)
