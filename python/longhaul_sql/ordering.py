"""ORDER BY: NULLs come first ascending and last descending, always written out."""

from __future__ import annotations

from sqlglot import exp

from longhaul_sql.types import quote
from longhaul_sql.writer import Writer


def order_text(writer: Writer, items: list[exp.Expression], names: set[str] | None = None) -> str:
    """' ORDER BY …', or nothing. `names`: columns of the result, which may be named as they are."""
    if not items:
        return ""
    return " ORDER BY " + ", ".join(_item(writer, item, names or set()) for item in items)


def _item(writer: Writer, item: exp.Expression, names: set[str]) -> str:
    if not isinstance(item, exp.Ordered):
        raise writer.refuse(item, "this is no ordering", found=writer.excerpt(item))
    writer.require_parts(item, {"this", "desc", "nulls_first"}, "ORDER BY")
    key = item.this
    if isinstance(key, exp.Literal) and not key.is_string:
        text = str(key.this)
    elif isinstance(key, exp.Column) and len(key.parts) == 1 and key.name.lower() in names:
        text = quote(key.name)
    else:
        text = writer.operand(key)
    nulls = "FIRST" if item.args.get("nulls_first") else "LAST"
    return f"{text} {'DESC' if item.args.get('desc') else 'ASC'} NULLS {nulls}"
