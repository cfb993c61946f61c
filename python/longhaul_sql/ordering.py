"""ORDER BY: NULLs come first ascending and last descending, always written out."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from longhaul_sql.nan import order_key
from longhaul_sql.types import Sql, declared, quote
from longhaul_sql.writer import Writer


def order_text(writer: Writer, items: list[exp.Expression], columns: Sequence[tuple[str, Sql]] = ()) -> str:
    """' ORDER BY …', or nothing. `columns`: those of the result, which may be named as they are, or by their places."""
    if not items:
        return ""
    return " ORDER BY " + ", ".join(_item(writer, item, columns) for item in items)


def _item(writer: Writer, item: exp.Expression, columns: Sequence[tuple[str, Sql]]) -> str:
    if not isinstance(item, exp.Ordered):
        raise writer.refuse(item, "this is no ordering", found=writer.excerpt(item))
    writer.require_parts(item, {"this", "desc", "nulls_first"}, "ORDER BY")
    key = item.this
    kind = ""
    if isinstance(key, exp.Literal) and not key.is_string:
        text = str(key.this)
        place = int(text) if text.isdigit() else 0
        column = columns[place - 1] if 0 < place <= len(columns) else None
        before = _key_of(column) if column is not None else ""
        kind = column[1].kind if column is not None else "INT64"
    elif (
        isinstance(key, exp.Column) and len(key.parts) == 1 and (named := [each for each in columns if each[0].lower() == key.name.lower()])
    ):
        text, before = quote(key.name), _key_of(named[0])
        kind = named[0][1].kind
    else:
        value = writer.value(key)
        text, before, kind = value.operand, value.text, value.kind
    said = declared(kind)
    if said in ("JSON", "STRUCT"):
        hint = "order by JSON_VALUE(json, '$.path')" if said == "JSON" else "order by its fields"
        raise writer.refuse(key, f"BigQuery does not order by {said}", found=writer.excerpt(key), hint=hint)
    nulls = "FIRST" if item.args.get("nulls_first") else "LAST"
    direction = f"{'DESC' if item.args.get('desc') else 'ASC'} NULLS {nulls}"
    return f"{order_key(before)} {direction}, {text} {direction}" if kind in ("", "FLOAT64") else f"{text} {direction}"


def _key_of(column: tuple[str, Sql]) -> str:
    # Inside of an expression a name is a column of FROM to DuckDB, not the alias.
    return quote(column[0]) if "SELECT" in column[1].text else column[1].text


def _named(key: exp.Expression, columns: Sequence[tuple[str, Sql]]) -> list[tuple[str, Sql]]:
    alone = isinstance(key, exp.Column) and len(key.parts) == 1
    return [each for each in columns if each[0].lower() == key.name.lower()] if alone else []
