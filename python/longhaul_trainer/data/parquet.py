"""One parquet file as arrow columns of candidates, whichever way its sessions lie in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from longhaul.errors import BadPart
from longhaul.store.base import Chunk

from ..features import Layout

Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Decoded:
    """Columns of candidates, the offsets of the sessions in them, and columns of sessions."""

    name: str
    offsets: Offsets
    candidates: Mapping[str, pa.Array]
    sessions: Mapping[str, pa.Array]
    metadata: pq.FileMetaData
    nested: bool
    #: Of the flat layout: each session once.
    names: pa.Array | None = None

    def row_group_of(self, candidate: int) -> int:
        """The row group that holds this candidate."""
        row = candidate
        if self.nested:
            row = int(np.searchsorted(self.offsets, candidate, side="right")) - 1
        end = 0
        for group in range(self.metadata.num_row_groups):
            end += self.metadata.row_group(group).num_rows
            if row < end:
                return group
        return self.metadata.num_row_groups - 1


def decode(
    data: Chunk,
    name: str,
    layout: Layout,
    columns: Sequence[str],
    session_columns: Sequence[str] = (),
    *,
    strings_as_dictionary: bool = True,
) -> Decoded:
    """Decodes `columns` of the candidates (each may also be a column of the session) and nothing else.

    Raises:
        BadPart: truncated, empty, or a column is missing.
    """
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
    except (pa.ArrowException, OSError) as error:
        raise BadPart(name, f"cannot be read as parquet ({error}); it is truncated or not a parquet file") from None
    if file.metadata.num_rows == 0:
        raise BadPart(name, "holds no rows")
    wanted = _leaves(file, name, layout, columns, session_columns)
    texts = [path for path in _texts(file) if path in wanted] if strings_as_dictionary else []
    groups = _read(data, file, name, wanted, texts)
    if layout.candidates is not None:
        return _nested(groups, file, name, layout.candidates, columns, session_columns)
    return _flat(_one_table(groups), file, name, layout, columns, session_columns)


def _leaves(file: pq.ParquetFile, name: str, layout: Layout, columns: Sequence[str], session_columns: Sequence[str]) -> list[str]:
    """Paths of leaf columns: `candidates.list.element.price` (writers spell the middle differently)."""
    paths = [file.schema.column(index).path for index in range(len(file.schema))]
    top = {path: path for path in paths if "." not in path}
    inner: dict[str, str] = {}
    if layout.candidates is not None:
        prefix = f"{layout.candidates}."
        inner = {path.rsplit(".", 1)[-1]: path for path in paths if path.startswith(prefix)}
        if not inner:
            raise BadPart(
                name, f"no such list of candidates; the file has {', '.join(sorted(top)) or 'other columns'}", column=layout.candidates
            )
    wanted: dict[str, None] = {}
    for column in columns:
        path = inner.get(column) or top.get(column)
        if path is None:
            known = ", ".join(sorted({*inner, *top}))
            raise BadPart(name, f"no such column; the file has {known}", column=column)
        wanted[path] = None
    for column in session_columns:
        if column not in top:
            raise BadPart(name, f"no such column; the file has {', '.join(sorted(top))}", column=column)
        wanted[column] = None
    if layout.candidates is not None and not any(path.startswith(f"{layout.candidates}.") for path in wanted):
        wanted[next(iter(inner.values()))] = None  # the list's lengths come with any of its columns
    if layout.candidates is None:
        if layout.session not in top:
            raise BadPart(name, f"no such column; the file has {', '.join(sorted(top))}", column=layout.session)
        wanted[layout.session] = None
    return list(wanted)


def _texts(file: pq.ParquetFile) -> list[str]:
    columns = [file.schema.column(index) for index in range(len(file.schema))]
    return [column.path for column in columns if column.physical_type == "BYTE_ARRAY"]


def _read(data: Chunk, file: pq.ParquetFile, name: str, wanted: list[str], texts: list[str]) -> list[pa.Table]:
    """One table a row group: arrow cannot read a dictionary inside a list across several."""
    fast = pq.ParquetFile(pa.BufferReader(data), read_dictionary=texts) if texts else file
    tables = []
    for group in range(file.metadata.num_row_groups):
        try:
            try:
                tables.append(fast.read_row_group(group, columns=wanted, use_threads=False))
            except pa.ArrowNotImplementedError:  # the dictionary overflowed within the row group
                tables.append(file.read_row_group(group, columns=wanted, use_threads=False))
        except (pa.ArrowException, OSError) as error:
            raise BadPart(name, f"cannot be decoded ({error})", row_group=group) from None
    return tables


def _nested(
    groups: Sequence[pa.Table], file: pq.ParquetFile, name: str, list_column: str, columns: Sequence[str], session_columns: Sequence[str]
) -> Decoded:
    lengths = []
    candidates: dict[str, list[pa.Array]] = {column: [] for column in columns}
    for group, table in enumerate(groups):
        lists = _combined(table.column(list_column))
        sizes, structs = _structs(lists, name, list_column, group)
        lengths.append(sizes)
        fields = {structs.type.field(index).name: index for index in range(structs.type.num_fields)}
        for column in columns:
            if column in fields:
                candidates[column].append(structs.field(fields[column]))
            else:  # a column of the session, repeated for each of its candidates
                candidates[column].append(_combined(table.column(column)).take(pa.array(np.repeat(np.arange(len(sizes)), sizes))))
    offsets = np.zeros(sum(map(len, lengths)) + 1, np.int64)
    np.cumsum(np.concatenate(lengths), out=offsets[1:])
    return Decoded(
        name,
        offsets,
        {column: _joined(arrays) for column, arrays in candidates.items()},
        {column: _joined([_combined(table.column(column)) for table in groups]) for column in session_columns},
        file.metadata,
        nested=True,
    )


def _structs(lists: pa.Array, name: str, column: str, group: int) -> tuple[npt.NDArray[np.int64], pa.StructArray]:
    """How many candidates each session has, and all of them."""
    if not pa.types.is_list(lists.type) and not pa.types.is_large_list(lists.type):
        raise BadPart(name, f"expected a list of candidates, found {lists.type}", column=column, row_group=group)
    if lists.null_count:
        lists = lists.fill_null([])
    structs = lists.flatten()
    if not pa.types.is_struct(structs.type):
        raise BadPart(name, f"expected a list of structs, found a list of {structs.type}", column=column, row_group=group)
    if structs.null_count:
        row = int(np.argmax(structs.is_null().to_numpy(zero_copy_only=False)))
        raise BadPart(name, f"candidate {row} of the row group is NULL", column=column, row_group=group)
    return lists.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64), structs


def _flat(
    table: pa.Table, file: pq.ParquetFile, name: str, layout: Layout, columns: Sequence[str], session_columns: Sequence[str]
) -> Decoded:
    sessions = _combined(table.column(layout.session))
    if sessions.null_count:
        raise BadPart(name, "is NULL in some rows", column=layout.session)
    codes = sessions if pa.types.is_dictionary(sessions.type) else sessions.dictionary_encode()
    indices = codes.indices.to_numpy(zero_copy_only=False)
    changes = np.flatnonzero(indices[1:] != indices[:-1]) + 1
    offsets = np.concatenate(([0], changes, [len(indices)])).astype(np.int64)
    starts = indices[offsets[:-1]]
    if len(np.unique(starts)) != len(starts):
        raise BadPart(name, "rows of one session are not adjacent; export with orderBy on the session", column=layout.session)
    first = pa.array(offsets[:-1])
    return Decoded(
        name,
        offsets,
        {column: _combined(table.column(column)) for column in columns},
        {column: _combined(table.column(column)).take(first) for column in session_columns},
        file.metadata,
        nested=False,
        names=codes.dictionary.take(pa.array(starts)),
    )


def _one_table(groups: Sequence[pa.Table]) -> pa.Table:
    names = groups[0].column_names
    return pa.table([_joined([_combined(table.column(name)) for table in groups]) for name in names], names=names)


def _joined(arrays: Sequence[pa.Array]) -> pa.Array:
    """One array; where a row group came without its dictionary, all do."""
    if len(arrays) == 1:
        return arrays[0]
    if len({str(array.type) for array in arrays}) > 1:
        arrays = [array.dictionary_decode() if pa.types.is_dictionary(array.type) else array for array in arrays]
    return _combined(pa.chunked_array(arrays))


def _combined(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    combined = column.unify_dictionaries().combine_chunks() if pa.types.is_dictionary(column.type) else column.combine_chunks()
    return combined.chunk(0) if isinstance(combined, pa.ChunkedArray) else combined
