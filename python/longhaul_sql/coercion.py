"""Values that meet in one column, array or CASE: GoogleSQL matches the fields of structs by place, DuckDB by name."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import exp

from longhaul_sql.errors import Refusal
from longhaul_sql.operands import time_literal
from longhaul_sql.signatures import is_text
from longhaul_sql.types import TIMES, Kind, Sql, declared, element_of, fields_of, quote
from longhaul_sql.writer import Writer, Written


def has_other_names(kind: str, wanted: str) -> bool:
    """Whether both are structs, or arrays of them, whose fields are known and named differently."""
    if kind == wanted == "ARRAY":
        return has_other_names(element_of(kind), element_of(wanted))
    ours, theirs = fields_of(kind), fields_of(wanted)
    if kind != wanted or ours is None or theirs is None or len(ours) != len(theirs):
        return False
    return any(one[0].lower() != other[0].lower() or has_other_names(one[1], other[1]) for one, other in zip(ours, theirs, strict=True))


def by_place(text: str, kind: str, wanted: str, depth: int = 0) -> str:
    """The value with the names of `wanted`."""
    if not has_other_names(kind, wanted):
        return text
    if kind == "ARRAY":
        each = f"longhaul_s{depth}"
        return f"list_transform({text}, lambda {each}: {by_place(each, element_of(kind), element_of(wanted), depth + 1)})"
    fields = [
        f"{quote(name)}: {by_place(f'struct_extract_at({text}, {place})', own, other, depth)}"
        for place, ((_, own), (name, other)) in enumerate(zip(fields_of(kind) or (), fields_of(wanted) or (), strict=True), 1)
    ]
    return f"CASE WHEN {text} IS NOT NULL THEN {{{', '.join(fields)}}} END"


def typed_nulls(text: str, kind: str, depth: int = 0) -> str:
    """The value with INT64 for NULLs in it whose type nobody said, as GoogleSQL takes them."""
    if kind == "NULL":
        return "NULL::BIGINT"
    if not _has_null(kind):
        return text
    if kind == "ARRAY" and element_of(kind) == "NULL":
        return f"CAST({text} AS BIGINT[])"
    if kind == "ARRAY":
        each = f"longhaul_n{depth}"
        return f"list_transform({text}, lambda {each}: {typed_nulls(each, element_of(kind), depth + 1)})"
    fields = [
        f"{quote(name)}: {typed_nulls(f'struct_extract_at({text}, {place})', own, depth)}"
        for place, (name, own) in enumerate(fields_of(kind) or (), 1)
    ]
    return f"CASE WHEN {text} IS NOT NULL THEN {{{', '.join(fields)}}} END"


def _has_null(kind: str) -> bool:
    inner = [element_of(kind)] if kind == "ARRAY" else [each for _, each in fields_of(kind) or ()]
    return any(each == "NULL" or _has_null(each) for each in inner if each)


def alike(writer: Writer, node: exp.Expression, values: list[Sql]) -> list[Sql]:
    """The values with the names that the first of them has."""
    if any(value.kind == "" for value in values) and any(is_nameless(value.kind) for value in values):
        raise nameless(writer, node)
    wanted = next((value.kind for value in values if value.kind == "STRUCT" or element_of(value.kind) == "STRUCT"), None)
    if wanted is None:
        return values
    return [Sql(by_place(value.text, value.kind, wanted), wanted) if has_other_names(value.kind, wanted) else value for value in values]


#: What meets in one column, array or comparison must be the same, or both in one of these.
_FAMILIES = ({"INT64", "FLOAT64"}, {"DATE", "DATETIME"})


def differ(one: str, other: str) -> bool:
    """Whether GoogleSQL coerces neither of them to the other. What only the tables know differs from nothing."""
    one, other = declared(one), declared(other)
    if one == other or one in ("", "NULL") or other in ("", "NULL"):
        return False
    return not any(one in family and other in family for family in _FAMILIES)


def _bare(node: exp.Expression) -> exp.Expression:
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def with_common(writer: Writer, nodes: Sequence[exp.Expression], values: Sequence[Sql], what: str) -> list[Sql]:
    """The values, of which literals of texts are the dates or times that the others are.

    DuckDB would cast some of them to another's type where BigQuery does not.

    Raises:
        Refusal: two of them have types that are never one.
    """
    known = [
        (node, declared(value.kind))
        for node, value in zip(nodes, values, strict=True)
        if not (value.kind == "STRING" and is_text(node) and any(declared(other.kind) in TIMES for other in values))
    ]
    first = next((kind for _, kind in known if kind not in ("", "NULL")), "")
    for node, kind in known:
        if differ(first, kind):
            raise writer.refuse(
                node, f"{what} has {first} beside {kind}", found=writer.excerpt(node), hint=f"CAST(… AS {first}), or the other"
            )
    time = next((each for each in reversed(TIMES) if any(value.kind == each for value in values)), None)
    if time is None:
        return list(values)
    return [
        text_as_time(writer, node, value, time) if value.kind == "STRING" and is_text(node) else value
        for node, value in zip(nodes, values, strict=True)
    ]


def text_as_time(writer: Writer, node: exp.Expression, value: Sql, kind: str) -> Sql:
    """A literal, or a value of which only a row tells what it is, as the date or time that stands beside it."""
    node = _bare(node)
    if isinstance(node, (exp.Literal, exp.RawString)):
        return time_literal(writer, node, kind)
    return writer.value(exp.Cast(this=Written(sql=value), to=exp.DataType.build(kind, dialect="bigquery")))


def is_nameless(kind: str) -> bool:
    """Whether a field of the struct, or of the array's structs, has no name."""
    fields = fields_of(element_of(kind) if kind == "ARRAY" else kind) or ()
    return any(re.fullmatch(r"_field_\d+", name) for name, _ in fields)


def nameless(writer: Writer, node: exp.Expression) -> Refusal:
    return writer.refuse(
        node,
        "a STRUCT without names of fields meets a column of which only the table knows what it is",
        found=writer.excerpt(node),
        hint="give the fields the names that they have in the table: STRUCT(1 AS a, 'x' AS b)",
    )


def kind_of_all(values: Sequence[Sql]) -> str:
    """The kind that values have in common; what is in it, the first that knows tells."""
    kinds = [value.kind for value in values if value.kind != "NULL"]
    if len(set(kinds)) != 1 or not kinds[0]:
        return "FLOAT64" if set(kinds) == {"INT64", "FLOAT64"} else _declared_of_all(kinds)
    known = (kind for kind in kinds if fields_of(kind) is not None or element_of(kind) not in ("", "NULL"))
    return next(known, kinds[0])


def _declared_of_all(kinds: Sequence[str]) -> str:
    """No kind, but the type that all are declared to have, or that all of them become."""
    said = {declared(kind) for kind in kinds}
    common = next((family for family in _FAMILIES if len(said) == 2 and said == family), None)
    one = ("FLOAT64" if "FLOAT64" in common else "DATETIME") if common is not None else said.pop() if len(said) == 1 else ""
    return Kind("", declared=one) if one else ""


def parts_of(value: Sql) -> list[Written] | None:
    """The fields of a struct as expressions of their own, where they are known."""
    fields = fields_of(value.kind)
    if fields is None:
        return None
    return [Written(sql=Sql(f"struct_extract_at({value.text}, {place})", kind)) for place, (_, kind) in enumerate(fields, 1)]
