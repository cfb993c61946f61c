"""A parquet part as numpy columns: named ones of any type, or features and a label by the feature table."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..errors import BadPart
from ..store.base import Chunk

Arrays = dict[str, Any]

#: Names of the columns of pairs, and of the rows' weights.
X, Y, WEIGHT = "x", "y", "weight"
ARROWS_NAMES = {"halffloat": "float16", "float": "float32", "double": "float64"}
#: Rows of the matrix that are filled at once: what fits into a processor's cache.
FILLED_ROWS = 4096


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
    #: The column of the rows' weights; needs `label`.
    weight: str | None = None

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

    def copy(self) -> Block:
        """So that the rest of a part does not hold all of it in memory."""
        return Block.of({name: column.copy() for name, column in self.columns.items()}, self.lengths)

    def shuffled(self, order: np.ndarray) -> Block:
        if self.lengths is None or self.ends is None:
            return Block({name: np.take(column, order, axis=0) for name, column in self.columns.items()})
        starts = self.ends[:-1][order]
        lengths = self.lengths[order]
        offsets = np.concatenate(([0], np.cumsum(lengths)))[:-1]
        rows = np.arange(int(lengths.sum())) + np.repeat(starts - offsets, lengths)
        return Block.of({name: np.take(column, rows, axis=0) for name, column in self.columns.items()}, lengths)


def joined(blocks: Sequence[Block]) -> Block:
    if len(blocks) == 1:
        return blocks[0]
    first = blocks[0]
    columns = {name: _concatenated([block.columns[name] for block in blocks]) for name in first.columns}
    lengths = None if first.lengths is None else np.concatenate([block.lengths for block in blocks if block.lengths is not None])
    return Block.of(columns, lengths)


def _concatenated(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Lists that are of one length in one part need not be so in another."""
    if len({column.shape[1:] for column in columns}) > 1:
        columns = [column if column.dtype == object and column.ndim == 1 else _rows_of(column, len(column)) for column in columns]
    return np.concatenate(columns)


def _rows_of(rows: Iterable[Any], count: int) -> np.ndarray:
    found = np.empty(count, dtype=object)
    for number, row in enumerate(rows):
        found[number] = row
    return found


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
        lengths = plain(lists.value_lengths().fill_null(0))
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
        columns = tuple(column for column in fields if column not in (wanted.label, wanted.session, wanted.weight))
    matrix = feature_matrix(name, fields, columns, wanted.features, wanted.normalise)
    label = _number(name, wanted.label, fields[wanted.label])
    if lengths is None and wanted.session is not None:
        lengths = _neighbours(fields[wanted.session])
    weight = {} if wanted.weight is None else {WEIGHT: _weights(name, wanted.weight, fields[wanted.weight])}
    return Block.of({X: matrix, Y: label, **weight}, lengths)


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
    matrix = np.empty((rows, len(x)), np.float32)
    for start in range(0, rows if x else 0, FILLED_ROWS):
        stop = start + FILLED_ROWS
        np.stack([column[start:stop] for column in x], axis=1, out=matrix[start:stop])
    return matrix


def _needed(wanted: Wanted) -> list[str] | None:
    if wanted.label is None:
        return None if wanted.columns is None else list(wanted.columns)
    if wanted.columns is None and not wanted.features:
        return None
    names = list(wanted.columns or ()) or [str(feature["name"]) for feature in wanted.features]
    session = wanted.session if wanted.candidates is None else None
    return list(dict.fromkeys([*names, *(name for name in (wanted.label, session, wanted.weight) if name is not None)]))


def _is_wanted(column: str, wanted: Wanted) -> bool:
    return wanted.columns is None or column in wanted.columns


def _neighbours(column: pa.Array) -> np.ndarray:
    """Lengths of the runs of equal values."""
    codes = plain(pc.fill_null(column.dictionary_encode().indices, -1))
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
    return hashed[plain(pc.fill_null(encoded.indices, len(texts)))]


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
        column = pc.fill_null(pc.cast(column, pa.float64()), float("nan"))
    return plain(column).astype(np.float32)


def plain(column: pa.Array) -> np.ndarray:
    """A view of whole numbers or floats, none of them NULL. `to_numpy` looks for pandas again each time, where there is none."""
    kind = np.dtype(ARROWS_NAMES.get(str(column.type), str(column.type)))
    if len(column) == 0:
        return np.empty(0, kind)
    return np.frombuffer(column.buffers()[1], kind)[column.offset : column.offset + len(column)]


def _weights(part: str, name: str, column: pa.Array) -> np.ndarray:
    found = _number(part, name, column)
    wrong = np.flatnonzero(~(np.isfinite(found) & (found >= 0)))
    if len(wrong):
        raise BadPart(part, f"row {wrong[0]}: expected a weight of at least 0, found {column[int(wrong[0])]}", column=name)
    return found


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
    ends = np.cumsum(lengths)
    return _rows_of((values[end - length : end] for end, length in zip(ends.tolist(), lengths.tolist())), len(lengths))
