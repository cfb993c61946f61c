"""ERROR, and aggregates of bits and of two numbers."""

from __future__ import annotations

from sqlglot import exp

from longhaul_sql.maths import double
from longhaul_sql.registry import aggregate, arguments_of, function, name_of
from longhaul_sql.texts import typed
from longhaul_sql.types import Sql
from longhaul_sql.writer import Writer


@function("ERROR", arguments=1)
def error(writer: Writer, call: exp.Expression) -> Sql:
    # Of any type, but no NULL that may be left out.
    return Sql(f"error({typed(writer, call.expressions[0], 'STRING').text})")


@aggregate("BIT_AND", "BIT_OR", "BIT_XOR")
def bits(writer: Writer, call: exp.Expression, over: str) -> Sql:
    arguments = arguments_of(writer, call, "distinct")
    if len(arguments.values) != 1:
        raise writer.refuse(call, f"{name_of(call)} takes 1 argument", found=str(len(arguments.values)))
    with writer.in_aggregate():
        value = writer.value(arguments.values[0]).text
    return Sql(f"{name_of(call).lower()}({'DISTINCT ' if arguments.distinct else ''}{value}){over}", "INT64")


@aggregate("CORR", "COVAR_POP", "COVAR_SAMP")
def of_pairs(writer: Writer, call: exp.Expression, over: str) -> Sql:
    arguments = arguments_of(writer, call)
    if len(arguments.values) != 2:
        raise writer.refuse(call, f"{name_of(call)} takes 2 arguments", found=str(len(arguments.values)))
    with writer.in_aggregate():
        left, right = (double(writer, each) for each in arguments.values)
    # NaN and infinities make NaN of it, where DuckDB raises an error.
    both = f"({left} IS NOT NULL AND {right} IS NOT NULL)"
    odd = f"({both} AND NOT (isfinite({left}) AND isfinite({right})))"
    huge = f"bool_or(longhaul_is_huge({left}) OR longhaul_is_huge({right})){over}"
    pair = [f"longhaul_moderate({each})" for each in (left, right)]
    scaled = f"{name_of(call).lower()}(longhaul_scaled({left}), longhaul_scaled({right})){over}"
    if name_of(call) != "CORR":
        scaled = f"longhaul_unscaled_square({scaled})"
    least = 1 if name_of(call) == "COVAR_POP" else 2
    enough = f"count(CASE WHEN {both} THEN 1 END){over} >= {least}"
    plain = f"{name_of(call).lower()}({', '.join(pair)}){over}"
    found = f"CASE WHEN bool_or({odd}){over} THEN 'NaN'::DOUBLE WHEN {huge} THEN {scaled} ELSE {plain} END"
    return Sql(f"CASE WHEN {enough} THEN {found} END", "FLOAT64")


@aggregate("GROUPING")
def grouping(writer: Writer, call: exp.Expression, over: str) -> Sql:
    if len(call.expressions) != 1 or over:
        raise writer.refuse(call, "GROUPING takes one key of GROUP BY", found=writer.excerpt(call))
    return Sql(f"CAST(grouping({writer.value(call.expressions[0]).text}) AS BIGINT)", "INT64")
