"""SAFE.function(…): NULL where the function raises an error; and NET.function(…)."""

from __future__ import annotations

import re

from sqlglot import exp

from longhaul_sql.registry import AGGREGATES, FUNCTIONS, WINDOW_FUNCTIONS, name_of, unknown_function
from longhaul_sql.safely import safely
from longhaul_sql.types import DUCKDB, Sql
from longhaul_sql.writer import Writer, Written, writes


@writes(exp.SafeFunc, "this")
def safe_function(writer: Writer, node: exp.Expression) -> Sql:
    call = node.this
    name = name_of(call) if isinstance(call, exp.Anonymous) else type(call).__name__.upper()
    if isinstance(call, exp.Window) or name in AGGREGATES or name in WINDOW_FUNCTIONS:
        raise writer.refuse(node, f"SAFE.{name} is not translated", found=writer.excerpt(node), hint="keep wrong values out with a CASE")
    if isinstance(call, exp.Anonymous) and name not in FUNCTIONS:
        raise unknown_function(writer, call, name)
    if next(call.find_all(exp.Query), None) is not None:
        raise writer.refuse(
            node, f"SAFE.{name} of a subquery is not translated", found=writer.excerpt(node), hint="compute the value in a WITH first"
        )
    if any(name_of(each) == "ERROR" for each in call.find_all(exp.Anonymous) if each is not call):
        raise writer.refuse(node, f"SAFE.{name} of ERROR is not translated", found=writer.excerpt(node), hint="use NULL instead of ERROR")
    if not isinstance(call, exp.Anonymous):
        value = writer.value(call)
        return Sql(safely(value.text), value.kind)
    if name == "ERROR":
        if any(may_fail(each) for each in call.expressions):
            raise writer.refuse(node, "SAFE.ERROR of a computed text is not translated", found=writer.excerpt(node), hint="use NULL")
        return Sql("NULL", "NULL")
    if name.startswith("REGEXP_") and _is_no_pattern(call.expressions[1:2]):
        kind = {"REGEXP_CONTAINS": "BOOL", "REGEXP_INSTR": "INT64", "REGEXP_EXTRACT_ALL": "ARRAY"}.get(name, "STRING")
        return Sql(f"NULL::{'VARCHAR[]' if kind == 'ARRAY' else DUCKDB[kind]}", kind)
    inner, outside = _arguments_apart(writer, call)
    value = writer.value(inner)
    if not outside:
        return Sql(safely(value.text), value.kind)
    return Sql(f"list_transform([{{{', '.join(outside)}}}], lambda longhaul_safe: {safely(value.text)})[1]", value.kind)


_NEVER = (
    "CONCAT",
    "LOWER",
    "UPPER",
    "TRIM",
    "LTRIM",
    "RTRIM",
    "COALESCE",
    "IFNULL",
    "IF",
    "NULLIF",
    "LENGTH",
    "REPLACE",
    "TO_HEX",
    "STRUCT",
)
"""Functions that never fail of themselves."""


def may_fail(node: exp.Expression) -> bool:
    """Whether the value may be an error: SAFE is for the function's own errors, those of its arguments are raised."""
    if isinstance(node, exp.Kwarg):
        return may_fail(node.expression)
    if isinstance(node, exp.Anonymous):
        return name_of(node) not in _NEVER or any(may_fail(each) for each in node.expressions)
    if isinstance(
        node, (exp.Literal, exp.RawString, exp.Null, exp.Boolean, exp.Parameter, exp.Column, exp.Interval, exp.ByteString, exp.TryCast)
    ):
        return False
    if isinstance(node, exp.Neg) and isinstance(node.this, exp.Literal):
        return False
    if isinstance(node, (exp.Paren, exp.Array, exp.Tuple, exp.Dot, exp.DPipe, exp.Case, exp.If, exp.Var, exp.Alias)):
        return any(may_fail(each) for each in node.iter_expressions())
    return True


def _arguments_apart(writer: Writer, call: exp.Anonymous) -> tuple[exp.Anonymous, list[str]]:
    """The call with arguments that may fail computed before it, and the texts of these."""
    arguments, outside = [], []
    for place, each in enumerate(call.expressions):
        if not may_fail(each) or isinstance(each, exp.Kwarg):
            arguments.append(each.copy())
            continue
        value = writer.value(each)
        if isinstance(each, (exp.Cast, exp.Anonymous)) and value.kind == "NULL":
            arguments.append(each.copy())
            continue
        outside.append(f"a{place}: {value.text}")
        arguments.append(Written(sql=Sql(f"longhaul_safe.a{place}", value.kind)))
    return exp.Anonymous(this=call.this, expressions=arguments), outside


def _is_no_pattern(nodes: list[exp.Expression]) -> bool:
    """Whether it is a literal that is no regular expression: DuckDB compiles it before it runs, and so outside of TRY."""
    pattern = nodes[0] if nodes else None
    text = str(pattern.this) if isinstance(pattern, (exp.Literal, exp.RawString)) else ""
    if re.search(r"\\[pPCQz]|\[\[|\(\?", text):
        return False
    try:
        re.compile(text)
    except re.error:
        return True
    return False


@writes(exp.NetFunc, "this")
def net_function(writer: Writer, node: exp.Expression) -> Sql:
    call = node.this
    name = f"NET.{name_of(call)}"
    if name not in FUNCTIONS:
        raise unknown_function(writer, node, name)
    return FUNCTIONS[name](writer, call)
