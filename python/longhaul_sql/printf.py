"""FORMAT."""

from __future__ import annotations

from sqlglot import exp

from longhaul_sql.coercion import typed_nulls
from longhaul_sql.registry import function
from longhaul_sql.types import Sql
from longhaul_sql.writer import Writer


def untyped(value: Sql) -> str:
    """An argument of any type, in a list: alone it would lose that it is JSON.

    Of a NULL whose type nobody said DuckDB's INTEGER, which GoogleSQL does not have, is the sign.
    """
    if value.text == "[]":
        return "[[]::BIGINT[]]"
    return "[NULL::INTEGER]" if value.kind == "NULL" else f"[{typed_nulls(value.text, value.kind)}]"


@function("FORMAT")
def format_(writer: Writer, call: exp.Expression) -> Sql:
    if not call.expressions:
        raise writer.refuse(call, "FORMAT takes a format", found=writer.excerpt(call), expected="FORMAT('%d of %s', n, name)")
    pattern, *values = (writer.value(each) for each in call.expressions)
    first = "NULL::VARCHAR" if pattern.kind == "NULL" else pattern.text
    return Sql(f"longhaul_format({', '.join([first, *(untyped(value) for value in values)])})", "STRING")
