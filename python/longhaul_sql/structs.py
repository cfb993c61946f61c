"""Structs whose fields have no names, rows of tables as values, and arrays with a NULL in them."""

from __future__ import annotations

from sqlglot import exp

from longhaul_sql.coercion import alike, kind_of_all, with_common
from longhaul_sql.queries import subquery, value_kind
from longhaul_sql.registry import function, name_of
from longhaul_sql.types import Kind, Sql, array_of, quote
from longhaul_sql.writer import Writer, writes


def field_name(name: str, place: int) -> str:
    """BigQuery's name in a table for a field that has none."""
    return name or f"_field_{place + 1}"


def struct_of(writer: Writer, items: list[exp.Expression], names: list[str]) -> Sql:
    listed = [field_name(name, place) for place, name in enumerate(names)]
    values = [writer.value(item) for item in items]
    pairs = (f"{quote(name)}: {value.text}" for name, value in zip(listed, values, strict=True))
    fields = [(name, value.kind) for name, value in zip(listed, values, strict=True)]
    return Sql("{" + ", ".join(pairs) + "}", Kind("STRUCT", fields=fields))


@writes(exp.Tuple, "expressions")
def tuple_(writer: Writer, node: exp.Expression) -> Sql:
    return struct_of(writer, node.expressions, [""] * len(node.expressions))


@function("STRUCT")
def struct(writer: Writer, call: exp.Expression) -> Sql:
    names, values = [], []
    seen: set[str] = set()
    for each in call.expressions:
        name = each.alias if isinstance(each, exp.Alias) else _inherited_name(each)
        if name and name.lower() in seen:
            raise writer.refuse(
                each, f"two fields of this STRUCT are named {name}", found=writer.excerpt(each), hint="give one another name"
            )
        seen.add(name.lower())
        names.append(name)
        values.append(each.this if isinstance(each, exp.Alias) else each)
    if not values:
        raise writer.refuse(call, "a STRUCT has a field", found=writer.excerpt(call))
    return struct_of(writer, values, names)


def _inherited_name(node: exp.Expression) -> str:
    if isinstance(node, exp.Column) and isinstance(node.this, exp.Identifier):
        return node.name
    return node.expression.name if isinstance(node, exp.Dot) else ""


@writes(exp.Array, "expressions", "struct_name_inheritance", "value_constructor")
def array(writer: Writer, node: exp.Expression) -> Sql:
    items = node.expressions
    if len(items) == 1 and isinstance(items[0], (exp.Select, exp.SetOperation, exp.Subquery)):
        query = subquery(writer, items[0], as_value=True)
        return Sql(f"ARRAY({query.text})", array_of(value_kind(query)))
    values = alike(writer, node, [_like_first(writer, item, items[0]) for item in items])
    values = with_common(writer, items, values, "an array")
    if any(value.kind == "NULL" for value in values):
        # Inside of a query there may be such arrays; what is stored has none.
        writer.nullable_arrays = True
        if all(value.kind == "NULL" for value in values):
            return Sql(f"[{', '.join('NULL::BIGINT' for _ in values)}]", "ARRAY")
    if not values:
        return Sql("[]", array_of("NULL"))
    return Sql(f"[{', '.join(value.text for value in values)}]", array_of(kind_of_all(values)))


def _like_first(writer: Writer, item: exp.Expression, first: exp.Expression) -> Sql:
    """The first struct of an array names the fields of all."""
    names, own = _names_of(first), _names_of(item)
    if item is first or names is None or own is None or len(names) != len(own):
        return writer.value(item)
    values = [each.this if isinstance(each, exp.Alias) else each for each in item.expressions]
    return struct_of(writer, values, names)


def _names_of(item: exp.Expression) -> list[str] | None:
    if isinstance(item, exp.Tuple):
        return [""] * len(item.expressions)
    if isinstance(item, exp.Anonymous) and name_of(item) == "STRUCT":
        return [each.alias if isinstance(each, exp.Alias) else _inherited_name(each) for each in item.expressions]
    return None
