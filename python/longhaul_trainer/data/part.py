"""A decoded part as numpy columns, checked against the feature table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from longhaul.errors import BadPart
from longhaul.store.base import Chunk

from ..features import Feature, Layout
from .parquet import Decoded, Offsets, decode

Array = npt.NDArray[np.generic]
Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int32]
Indices = npt.NDArray[np.int64]

#: Rows of some dozens of features fill a part of a second-level cache.
CACHED_ROWS = 4096

#: Texts and a number of buckets → the bucket of each text, exactly as the exported graph hashes them.
Hash = Callable[[Sequence[str], int], Indices]


@dataclass(frozen=True)
class Columns:
    """All candidates of one part; session i is `offsets[i]:offsets[i+1]`."""

    name: str
    offsets: Offsets
    labels: Floats
    #: [candidate, feature]: a batch is then one gather of whole rows
    numeric: Floats
    categorical: Integers
    #: Of the flat layout: each session once.
    names: pa.Array | None = None

    @property
    def sessions(self) -> int:
        return len(self.offsets) - 1


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
        names=decoded.names,
        labels=labels,
        numeric=side_by_side(
            [_numbers(decoded, feature.name, default=float(feature.default)) for feature in features if feature.numeric],
            np.empty((len(labels), sum(feature.numeric for feature in features)), np.float32),
        ),
        categorical=side_by_side(
            [_buckets(decoded, feature, hash_texts) for feature in features if not feature.numeric],
            np.empty((len(labels), sum(not feature.numeric for feature in features)), np.int32),
        ),
    )


Matrix = TypeVar("Matrix", Floats, Integers)


def side_by_side(columns: Sequence[Array], matrix: Matrix) -> Matrix:
    """Fills matrix[row, column], so many rows at a time that they stay in the processor's cache."""
    for first in range(0, len(matrix), CACHED_ROWS):
        rows = slice(first, first + CACHED_ROWS)
        for index, column in enumerate(columns):
            matrix[rows, index] = column[rows]
    return matrix


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
