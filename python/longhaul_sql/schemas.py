"""What tables have: of columns that are structs, or arrays of them, names and kinds, since GoogleSQL matches their fields by place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp
from sqlglot.errors import SqlglotError

from longhaul_sql.errors import Refusal
from longhaul_sql.types import SCALARS, DType, Kind
from longhaul_sql.writer import Columns, fields_in

Schemas = Mapping[str, Sequence[tuple[str, str]]]
"""By the name of a table, as the text has it: names and GoogleSQL types of its columns."""


def columns_in(schema: Sequence[tuple[str, str]]) -> Columns:
    """The kinds of columns that have fields. Others are declared only: of a file's INT64 DuckDB may make a narrower integer."""
    return [(name, _kind_of(declared)) for name, declared in schema]


def _kind_of(declared: str) -> str:
    try:
        data_type = exp.DataType.build(declared, dialect="bigquery")
        return _stored(data_type) if "STRUCT" in declared.upper() else _declared(data_type)
    except (SqlglotError, Refusal):
        return ""


def _declared(data_type: exp.DataType) -> Kind:
    return Kind("", declared="ARRAY" if data_type.this == DType.ARRAY else SCALARS.get(data_type.this, ""))


def _stored(data_type: exp.DataType) -> str:
    if data_type.this == DType.ARRAY and data_type.expressions:
        return Kind("ARRAY", element=_stored(data_type.expressions[0]), stored=True)
    if data_type.this == DType.STRUCT:
        return Kind("STRUCT", fields=[(name, _stored(kind)) for name, kind in fields_in(data_type)], stored=True)
    return "JSON" if SCALARS.get(data_type.this) == "JSON" else _declared(data_type)
