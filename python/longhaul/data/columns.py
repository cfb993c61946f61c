"""A parquet part as numpy columns: named ones of any type, or features and a label by the feature table."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..errors import BadPart
from ..store.base import Chunk

Arrays = dict[str, Any]

#: Names of the columns of pairs.
X, Y = "x", "y"


@dataclass(frozen=True)
class Wanted:
    """What is read of each row. With `label` rows become pairs, else named columns."""

    columns: tuple[str, ...] | None
    label: str | None
    features: tuple[Mapping[str, Any], ...]
    #: The list column whose structs are the rows; None where rows are rows.
    candidates: str | None
    #: The column of whose equal neighbours a group consists, in a flat layout.
    session: str | None
    normalise: bool

    @property
    def grouped(self) -> bool:
        return self.candidates is not None


@dataclass(frozen=True)
class Block:
    """Rows of all columns alike. `lengths` are those of the groups, where rows come in groups: then a block is cut between groups."""

    columns: Arrays
    lengths: np.ndarray | None = None
    ends: np.ndarray | None = None

    @staticmethod
    def of(columns: Arrays, lengths: np.ndarray | None) -> Block:
        return Block(columns, lengths, None if lengths is None else np.concatenate(([0], np.cumsum(lengths))))

    def __len__(self) -> int:
        """Groups, or rows where there are no groups."""
        return len(next(iter(self.columns.values()))) if self.lengths is None else len(self.lengths)

    def slice(self, start: int, stop: int) -> Block:
        if self.lengths is None or self.ends is None:
            return Block({name: column[start:stop] for name, column in self.columns.items()})
        first, last = self.ends[start], self.ends[min(stop, len(self.lengths))]
        return Block.of({name: column[first:last] for name, column in self.columns.items()}, self.lengths[start:stop])

    def shuffled(self, order: np.ndarray) -> Block:
        if self.lengths is None or self.ends is None:
            return Block({name: column[order] for name, column in self.columns.items()})
        starts = self.ends[:-1][order]
        lengths = self.lengths[order]
        offsets = np.concatenate(([0], np.cumsum(lengths)))[:-1]
        rows = np.arange(int(lengths.sum())) + np.repeat(starts - offsets, lengths)
        return Block.of({name: column[rows] for name, column in self.columns.items()}, lengths)


def joined(blocks: Sequence[Block]) -> Block:
    if len(blocks) == 1:
        return blocks[0]
    first = blocks[0]
    columns = {name: np.concatenate([block.columns[name] for block in blocks]) for name in first.columns}
    lengths = None if first.lengths is None else np.concatenate([block.lengths for block in blocks if block.lengths is not None])
    return Block.of(columns, lengths)


def read_table(data: Chunk, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    """
    Raises:
        BadPart: it is no parquet file, or has not these columns.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        missing = sorted(set(columns or ()) - set(file.schema_arrow.names))
        if missing:
            raise BadPart(name, f"not there; the part has {', '.join(file.schema_arrow.names)}", column=missing[0])
        return file.read(columns=None if columns is None else list(columns), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise BadPart(name, f"cannot be read as parquet: {error}") from None


def read_block(data: Chunk, name: str, wanted: Wanted) -> Block:
    """Decodes what is wanted of a part, and nothing else."""
    if wanted.candidates is not None:
        table = read_table(data, name, [wanted.candidates])
        lists = table.column(0).combine_chunks()
        kind = lists.type
        if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)) or not pa.types.is_struct(kind.value_type):
            raise BadPart(name, f"expected a list of structs, found {kind}", column=wanted.candidates)
        structs = lists.flatten()
        fields = {kind.value_type.field(index).name: pc.struct_field(structs, index) for index in range(kind.value_type.num_fields)}
        lengths = np.asarray(lists.value_lengths().fill_null(0))
    else:
        needed = _needed(wanted)
        table = read_table(data, name, needed)
        fields = {column: table.column(column).combine_chunks() for column in table.column_names}
        lengths = None
    for column in _needed(wanted) or ():
        if column not in fields:
            raise BadPart(name, f"not there; the rows have {', '.join(fields)}", column=column)
    if wanted.label is None:
        return Block.of({column: values_of(array) for column, array in fields.items() if _is_wanted(column, wanted)}, lengths)
    columns = wanted.columns
    if not columns and (columns is not None or not wanted.features):
        columns = tuple(column for column in fields if column not in (wanted.label, wanted.session))
    matrix = feature_matrix(name, fields, columns, wanted.features, wanted.normalise)
    label = _number(name, wanted.label, fields[wanted.label])
    if lengths is None and wanted.session is not None:
        lengths = _neighbours(fields[wanted.session])
    return Block.of({X: matrix, Y: label}, lengths)


def feature_matrix(
    part: str,
    fields: Mapping[str, pa.Array],
    columns: Sequence[str] | None,
    features: Sequence[Mapping[str, Any]],
    normalise: bool,
) -> np.ndarray:
    """float32[row, feature]: of named columns the numbers as they are, else the features as the feature table has them."""
    if columns is None:
        x = [_feature(part, feature, fields[feature["name"]], normalise) for feature in features]
    else:
        x = [_number(part, column, fields[column]) for column in columns]
    rows = len(next(iter(fields.values()))) if fields else 0
    return np.stack(x, axis=1) if x else np.empty((rows, 0), np.float32)


def _needed(wanted: Wanted) -> list[str] | None:
    if wanted.label is None:
        return None if wanted.columns is None else list(wanted.columns)
    if wanted.columns is None and not wanted.features:
        return None
    names = list(wanted.columns or ()) or [str(feature["name"]) for feature in wanted.features]
    return [*names, wanted.label, *([wanted.session] if wanted.session is not None and wanted.candidates is None else [])]


def _is_wanted(column: str, wanted: Wanted) -> bool:
    return wanted.columns is None or column in wanted.columns


def _neighbours(column: pa.Array) -> np.ndarray:
    """Lengths of the runs of equal values."""
    codes = np.asarray(pc.fill_null(column.dictionary_encode().indices, -1))
    ends = np.flatnonzero(np.diff(codes)) + 1
    return np.diff(np.concatenate(([0], ends, [len(codes)])))


def _feature(part: str, feature: Mapping[str, Any], column: pa.Array, normalise: bool) -> np.ndarray:
    """float32[row]: a number, normalised where mean and deviation are known; or the bucket of a category."""
    if feature["type"] == "categorical":
        return _buckets(column, str(feature["default"]), int(feature["buckets"]))
    found = _number(part, str(feature["name"]), column)
    found = np.where(np.isnan(found), np.float32(feature["default"]), found)
    if normalise and feature.get("stddev"):
        found = (found - np.float32(feature.get("mean", 0.0))) / np.float32(feature["stddev"])
    return found.astype(np.float32, copy=False)


def _buckets(column: pa.Array, default: str, buckets: int) -> np.ndarray:
    """CRC-32 of the text, modulo the number of buckets; only distinct values are hashed."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    texts = [default if text is None else text for text in pc.cast(encoded.dictionary, pa.string()).to_pylist()]
    hashed = np.array([zlib.crc32(text.encode()) % buckets for text in [*texts, default]], np.float32)
    return hashed[np.asarray(pc.fill_null(encoded.indices, len(texts)))]


def _number(part: str, name: str, column: pa.Array) -> np.ndarray:
    """float32[row], NULL as NaN."""
    kind = column.type
    if pa.types.is_boolean(kind):
        column = pc.cast(column, pa.uint8())
    elif pa.types.is_decimal(kind):
        column = pc.cast(column, pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise BadPart(part, f"expected a number, found {kind}; choose columns=, or read named columns without label=", column=name)
    if column.null_count:
        column = pc.cast(column, pa.float64())
    return column.to_numpy(zero_copy_only=False).astype(np.float32)


def values_of(array: pa.Array) -> np.ndarray:
    """numpy of any column: texts and bytes as objects, lists of one length as a matrix, others as arrays in objects."""
    kind = array.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _lists(array)
    if pa.types.is_dictionary(kind):
        array = array.dictionary_decode()
    return array.to_numpy(zero_copy_only=False)


def _lists(array: pa.Array) -> np.ndarray:
    lengths = (
        np.full(len(array), array.type.list_size)
        if pa.types.is_fixed_size_list(array.type)
        else np.asarray(array.value_lengths().fill_null(0))
    )
    values = values_of(array.flatten())
    if array.null_count == 0 and len(lengths) and (lengths == lengths[0]).all():
        return values.reshape(len(lengths), int(lengths[0]), *values.shape[1:])
    found = np.empty(len(lengths), dtype=object)
    for row, (start, length) in enumerate(zip(np.concatenate(([0], np.cumsum(lengths))), lengths)):
        found[row] = values[start : start + length]
    return found
