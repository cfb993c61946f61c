"""SAFE.function(…): NULL where the function raises an error; and NET.function(…)."""

from __future__ import annotations

from sqlglot import exp

from longhaul_sql.registry import AGGREGATES, FUNCTIONS, WINDOW_FUNCTIONS, name_of, unknown_function
from longhaul_sql.safely import safely
from longhaul_sql.types import Sql
from longhaul_sql.writer import Writer, writes


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
    if name == "ERROR":
        return Sql("NULL", "NULL")
    if any(name_of(each) == "ERROR" for each in call.find_all(exp.Anonymous)):
        raise writer.refuse(node, f"SAFE.{name} of ERROR is not translated", found=writer.excerpt(node), hint="use NULL instead of ERROR")
    value = writer.value(call)
    return Sql(safely(value.text), value.kind)


@writes(exp.NetFunc, "this")
def net_function(writer: Writer, node: exp.Expression) -> Sql:
    call = node.this
    name = f"NET.{name_of(call)}"
    if name not in FUNCTIONS:
        raise unknown_function(writer, node, name)
    return FUNCTIONS[name](writer, call)
