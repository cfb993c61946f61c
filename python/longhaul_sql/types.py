"""GoogleSQL's types, and what DuckDB calls them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlglot import exp

from longhaul_sql.errors import Refusal

DType = exp.DataType.Type

SCALARS = {
    DType.BIGINT: "INT64",
    DType.INT: "INT64",
    DType.SMALLINT: "INT64",
    DType.TINYINT: "INT64",
    DType.DOUBLE: "FLOAT64",
    DType.TEXT: "STRING",
    DType.VARCHAR: "STRING",
    DType.BOOLEAN: "BOOL",
    DType.DATE: "DATE",
    DType.DATETIME: "DATETIME",
    DType.TIMESTAMP: "DATETIME",
    DType.TIMESTAMPTZ: "TIMESTAMP",
    DType.BINARY: "BYTES",
    DType.VARBINARY: "BYTES",
    DType.TIME: "TIME",
    DType.JSON: "JSON",
    DType.INTERVAL: "INTERVAL",
}
DUCKDB = {
    "INT64": "BIGINT",
    "FLOAT64": "DOUBLE",
    "STRING": "VARCHAR",
    "BOOL": "BOOLEAN",
    "DATE": "DATE",
    "DATETIME": "TIMESTAMP",
    "TIMESTAMP": "TIMESTAMPTZ",
    "BYTES": "BLOB",
    "TIME": "TIME",
    "JSON": "JSON",
    "INTERVAL": "INTERVAL",
}


TIMES = ("DATE", "DATETIME", "TIMESTAMP", "TIME")


class Kind(str):
    """GoogleSQL's type of a value, and of STRUCT and ARRAY also what is in them, as far as the text tells."""

    __slots__ = ("declared", "element", "fields", "stored")
    fields: tuple[tuple[str, str], ...] | None
    """Names and kinds of a STRUCT's fields."""
    element: str
    """The kind of an ARRAY's elements, or nothing."""
    stored: bool
    """Whether a table has it: then no element of an array is NULL."""
    declared: str
    """The type of a table's column, where the kind itself is nothing: DuckDB may have a narrower one in its file."""

    def __new__(
        cls,
        name: str,
        *,
        fields: Iterable[tuple[str, str]] | None = None,
        element: str = "",
        stored: bool = False,
        declared: str = "",
    ) -> Kind:
        kind = super().__new__(cls, name)
        kind.declared = declared
        kind.fields = tuple(fields) if fields is not None else None
        kind.element = element
        kind.stored = stored
        return kind


def element_of(kind: str) -> str:
    return kind.element if isinstance(kind, Kind) else ""


def fields_of(kind: str) -> tuple[tuple[str, str], ...] | None:
    return kind.fields if isinstance(kind, Kind) else None


def declared(kind: str) -> str:
    """GoogleSQL's type, by which a statement is refused; rules that write it go by the kind itself."""
    return kind or (kind.declared if isinstance(kind, Kind) else "")


def array_of(element: str) -> Kind:
    return Kind("ARRAY", element=element)


@dataclass(frozen=True)
class Sql:
    """DuckDB's text of an expression with what is known of it."""

    text: str
    kind: str = ""
    """A `Kind` where more is known; GoogleSQL's type where the text alone tells: INT64 … STRUCT; `` where only the tables know."""
    atom: bool = True
    """Whether it may stand as an operand without parentheses."""

    @property
    def operand(self) -> str:
        return self.text if self.atom else f"({self.text})"


def quote(name: str) -> str:
    if "\0" in name:
        raise Refusal("a name has the character U+0000 in it", found=repr(name))
    return '"' + name.replace('"', '""') + '"'


def string(text: str) -> str:
    """A text as DuckDB's literal; its parser ends a statement at the character U+0000."""
    parts = ["'" + part.replace("'", "''") + "'" for part in text.split("\0")]
    return parts[0] if len(parts) == 1 else "(" + " || chr(0) || ".join(parts) + ")"
