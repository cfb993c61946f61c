"""Comparisons, with GoogleSQL's answers for NaN, and for structs field by field."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from longhaul_sql.coercion import parts_of, with_common
from longhaul_sql.nan import is_nan, may_be_nan, not_nan
from longhaul_sql.operands import bare
from longhaul_sql.queries import subquery, value_kind
from longhaul_sql.signatures import require_array
from longhaul_sql.types import Sql, element_of, fields_of
from longhaul_sql.writer import Writer, writes

_NO_NUMBERS = ("STRING", "BYTES", "BOOL", "DATE", "DATETIME", "TIMESTAMP", "TIME", "INTERVAL", "ARRAY", "STRUCT", "JSON", "NULL")


def compare(writer: Writer, operator: str, left_node: exp.Expression, right_node: exp.Expression, condition: str) -> Sql:
    """`condition`: `filter` or `join` where rows for which it is not TRUE are left out, so that NULL may stand for FALSE."""
    fields = (_items(left_node), _items(right_node))
    if operator in ("=", "<>") and fields[0] is not None and fields[1] is not None:
        return _by_fields(writer, operator, left_node, fields[0], fields[1], condition if operator == "=" else "")
    left, right = writer.value(left_node), writer.value(right_node)
    if operator in ("=", "<>") and left.kind == right.kind == "STRUCT":
        parts = [fields[i] or parts_of(value) for i, value in enumerate((left, right))]
        if parts[0] is not None and parts[1] is not None:
            return _by_fields(writer, operator, left_node, parts[0], parts[1], condition if operator == "=" else "")
    _require_comparable(writer, operator, left_node, left, right_node, right)
    both_numbers = all(isinstance(side, exp.Literal) and not side.is_string for side in (left_node, right_node))
    left_text, right_text = (left.operand, right.operand) if both_numbers else (bare(writer, left_node), bare(writer, right_node))
    plain = f"{left_text} {operator} {right_text}"
    if left.kind in _NO_NUMBERS or right.kind in _NO_NUMBERS:
        return Sql(plain, "BOOL", atom=False)
    nan_left, nan_right = may_be_nan(left_node, left), may_be_nan(right_node, right)
    if operator in ("=", "<>"):
        if not (nan_left and nan_right):
            return Sql(plain, "BOOL", atom=False)
        if operator == "<>":
            return Sql(f"({plain} OR ({is_nan(left.text)} AND {is_nan(right.text)}))", "BOOL")
        if condition == "join" or "SELECT" in right_text:
            return Sql(f"{not_nan(left.text)} = {right_text}", "BOOL", atom=False)
        if condition or "SELECT" in left_text:
            return Sql(f"({plain} AND NOT {is_nan(right.text)})", "BOOL")
        return Sql(f"({plain} AND NOT ({is_nan(left.text)} AND {is_nan(right.text)}))", "BOOL")
    # To DuckDB NaN is greater than all numbers: only the side that should be the greater one matters.
    guarded = operator in (">", ">=")
    if not (nan_left if guarded else nan_right):
        return Sql(plain, "BOOL", atom=False)
    if condition == "join":
        sides = (not_nan(left.text), right_text) if guarded else (left_text, not_nan(right.text))
        return Sql(f"{sides[0]} {operator} {sides[1]}", "BOOL", atom=False)
    greater, other, other_node = (left, right, right_node) if guarded else (right, left, left_node)
    known = condition or isinstance(other_node, exp.Literal)
    nan = is_nan(greater.text) if known else f"({is_nan(greater.text)} AND {other.operand} IS NOT NULL)"
    return Sql(f"({plain} AND NOT {nan})", "BOOL")


def _require_comparable(
    writer: Writer, operator: str, left_node: exp.Expression, left: Sql, right_node: exp.Expression, right: Sql
) -> None:
    for node, value in ((left_node, left), (right_node, right)):
        if value.kind == "JSON":
            raise writer.refuse(
                node, "BigQuery does not compare JSON", found=writer.excerpt(node), hint="compare JSON_VALUE, LAX_INT64 … of it"
            )
    with_common(writer, (left_node, right_node), (left, right), operator)
    if "STRUCT" not in (left.kind, right.kind) or (operator == "IS" and "NULL" in (left.kind, right.kind)):
        return
    # DuckDB compares structs by the names of their fields, GoogleSQL by their places.
    names = [_field_names(node) or _names_within(value) for node, value in ((left_node, left), (right_node, right))]
    if operator != "IS" or names[0] is None or names[0] != names[1]:
        raise writer.refuse(
            left_node if left.kind == "STRUCT" else right_node,
            "structs are compared here only where both are written out: STRUCT(…) or (…)",
            found=writer.excerpt(right_node),
            hint="compare the fields",
        )


def _names_within(value: Sql) -> list[str] | None:
    """Names of the fields, where none of them is a struct itself: those of it might differ."""
    fields = fields_of(value.kind)
    if fields is None or any(kind in ("STRUCT", "ARRAY") for _, kind in fields):
        return None
    return [name.lower() for name, _ in fields]


def _items(node: exp.Expression) -> list[exp.Expression] | None:
    """The fields of a struct that is written out."""
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Tuple) or (isinstance(node, exp.Anonymous) and str(node.this).upper() == "STRUCT"):
        return [each.this if isinstance(each, exp.Alias) else each for each in node.expressions]
    return None


def _by_fields(
    writer: Writer, operator: str, node: exp.Expression, left: Sequence[exp.Expression], right: Sequence[exp.Expression], condition: str
) -> Sql:
    """GoogleSQL compares by the places of the fields, and a NULL makes the answer NULL; to DuckDB NULL equals NULL there."""
    if len(left) != len(right) or not left:
        raise writer.refuse(node, "structs of different numbers of fields are not compared", found=writer.excerpt(node))
    parts = [compare(writer, "=", *pair, condition).operand for pair in zip(left, right, strict=True)]
    text = f"({' AND '.join(parts)})"
    return Sql(text if operator == "=" else f"(NOT {text})", "BOOL")


def _field_names(node: exp.Expression) -> list[str] | None:
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Cast) and node.to.this == exp.DataType.Type.STRUCT:
        return [each.name.lower() for each in node.to.expressions]
    if isinstance(node, exp.Anonymous) and str(node.this).upper() == "STRUCT":
        return [
            (each.alias if isinstance(each, exp.Alias) else each.name if isinstance(each, exp.Column) else "").lower()
            for each in node.expressions
        ]
    return None


def _comparison(node_type: type[exp.Expression], operator: str) -> None:
    @writes(node_type, "this", "expression")
    def comparison(writer: Writer, node: exp.Expression) -> Sql:
        with writer.no_condition() as condition:
            return compare(writer, operator, node.this, node.expression, condition)


for _type, _operator in ((exp.EQ, "="), (exp.NEQ, "<>"), (exp.GT, ">"), (exp.GTE, ">="), (exp.LT, "<"), (exp.LTE, "<=")):
    _comparison(_type, _operator)


def _distinct(node_type: type[exp.Expression], operator: str) -> None:
    # NaN is not distinct from NaN in both.
    @writes(node_type, "this", "expression")
    def distinct(writer: Writer, node: exp.Expression) -> Sql:
        _require_comparable(writer, "IS", node.this, writer.value(node.this), node.expression, writer.value(node.expression))
        return Sql(f"{bare(writer, node.this)} {operator} {bare(writer, node.expression)}", "BOOL", atom=False)


_distinct(exp.NullSafeEQ, "IS NOT DISTINCT FROM")
_distinct(exp.NullSafeNEQ, "IS DISTINCT FROM")


@writes(exp.Between, "this", "low", "high")
def between(writer: Writer, node: exp.Expression) -> Sql:
    with writer.no_condition() as condition:
        value, high = writer.value(node.this), writer.value(node.args["high"])
        for part in ("low", "high"):
            _require_comparable(writer, "BETWEEN", node.this, value, node.args[part], writer.value(node.args[part]))
        if value.kind in _NO_NUMBERS or not (may_be_nan(node.this, value) or may_be_nan(node.args["high"], high)):
            low_text, high_text = (bare(writer, node.args[part]) for part in ("low", "high"))
            return Sql(f"{value.operand} BETWEEN {low_text} AND {high_text}", "BOOL", atom=False)
        least = compare(writer, ">=", node.this, node.args["low"], condition)
        most = compare(writer, "<=", node.this, node.args["high"], condition)
        return Sql(f"({least.operand} AND {most.operand})", "BOOL")


@writes(exp.In, "this", "expressions", "query", "unnest")
def in_(writer: Writer, node: exp.Expression) -> Sql:
    with writer.no_condition() as condition:
        left = writer.value(node.this)
        query, unnest = node.args.get("query"), node.args.get("unnest")
        if left.kind == "STRUCT" and query is None and unnest is None:
            equal = [compare(writer, "=", node.this, item, condition).operand for item in node.expressions]
            return Sql(f"({' OR '.join(equal)})", "BOOL")
        if left.kind == "STRUCT" and (unnest is not None or query is not None):
            raise writer.refuse(
                node, "IN of a struct is not translated", found=writer.excerpt(node), hint="compare the fields in an EXISTS"
            )
        for item in node.expressions:
            _require_comparable(writer, "IN", node.this, left, item, writer.value(item))
        if unnest is not None:
            array = writer.value(unnest.expressions[0])
            require_array(writer, node, array)
            with_common(writer, (node.this, node), (left, Sql("", element_of(array.kind))), "IN UNNEST")
            return Sql(f"longhaul_in_array({left.text}, {array.text})", "BOOL")
        nan = may_be_nan(node.this, left)
        if query is not None:
            rows = subquery(writer, query, as_value=True)
            with_common(writer, (node.this, query), (left, Sql("", value_kind(rows))), "IN")
            text = f"{left.operand} IN ({rows.text})"
            return Sql(f"({text} AND NOT {is_nan(left.text)})", "BOOL") if nan else Sql(text, "BOOL", atom=False)
        text = f"{left.operand} IN ({', '.join(bare(writer, item) for item in node.expressions)})"
        if not (nan and any(may_be_nan(item, writer.value(item)) for item in node.expressions)):
            return Sql(text, "BOOL", atom=False)
        found = "" if condition else f" AND ({text}) IS TRUE"
        return Sql(f"({text} AND NOT ({is_nan(left.text)}{found}))", "BOOL")
