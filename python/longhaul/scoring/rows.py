"""Rows of a part as a model takes them: a matrix of the features that it was trained on, or columns by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..data.columns import feature_matrix, read_table, values_of
from ..errors import BadPart
from ..store.base import Chunk


class Rows:
    """Some candidates of one part. `rows.x` is float32[row, feature], made as in training; `rows["price"]` any column as numpy."""

    def __init__(
        self, part: str, columns: Mapping[str, pa.Array], *, features: Sequence[Mapping[str, Any]], inputs: Mapping[str, Any]
    ) -> None:
        self.part = part
        self._columns = columns
        self._features = features
        self._inputs = inputs

    def __len__(self) -> int:
        return len(next(iter(self._columns.values())))

    def __getitem__(self, name: str) -> np.ndarray:
        return values_of(self.arrow(name))

    @property
    def names(self) -> list[str]:
        return list(self._columns)

    @property
    def x(self) -> np.ndarray:
        """The features in the order of training; numbers normalised and categories numbered as they were there."""
        columns = self._inputs.get("columns")
        features = self._inputs.get("features") or self._features
        normalise = bool(self._inputs.get("normalise", True))
        needed = columns if columns is not None else [str(feature["name"]) for feature in features]
        return feature_matrix(self.part, {name: self.arrow(name) for name in needed}, columns, features, normalise)

    def arrow(self, name: str) -> pa.Array:
        found = self._columns.get(name)
        if found is None:
            raise BadPart(self.part, f"no such column; the rows have {', '.join(self._columns)}", column=name)
        return found

    def slice(self, start: int, size: int) -> Rows:
        columns = {name: column.slice(start, size) for name, column in self._columns.items()}
        return Rows(self.part, columns, features=self._features, inputs=self._inputs)


def read_columns(data: Chunk, name: str, layout: Mapping[str, Any]) -> dict[str, pa.Array]:
    """All columns of the candidates, those of their session among them."""
    table = read_table(data, name)
    columns = {column: table.column(column).combine_chunks() for column in table.column_names}
    if layout.get("kind") != "nested":
        return columns
    candidates = str(layout["candidates"])
    lists = columns.pop(candidates, None)
    if lists is None:
        raise BadPart(name, f"no such list of candidates; the part has {', '.join(columns)}", column=candidates)
    kind = lists.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)) or not pa.types.is_struct(kind.value_type):
        raise BadPart(name, f"expected a list of structs, found {kind}", column=candidates)
    lengths = np.asarray(pc.fill_null(lists.value_lengths(), 0))
    session = pa.array(np.repeat(np.arange(len(lengths)), lengths))
    structs = lists.flatten()
    inner = {kind.value_type.field(index).name: pc.struct_field(structs, index) for index in range(kind.value_type.num_fields)}
    # One of the candidate hides one of the session.
    return {**{column: array.take(session) for column, array in columns.items() if column not in inner}, **inner}


def source_column(name: str, layout: Mapping[str, Any]) -> str:
    """`session`, `item` and `label` stand for whatever the layout calls them."""
    return str(layout[name]) if name in ("session", "item", "label") else name
