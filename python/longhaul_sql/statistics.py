"""Aggregates of numbers where DuckDB and GoogleSQL differ: NaN, infinities and overflow."""

from __future__ import annotations

from sqlglot import exp

from longhaul_sql.nan import least_of
from longhaul_sql.registry import aggregate, arguments_of, name_of
from longhaul_sql.types import Sql, string
from longhaul_sql.writer import Writer

_SCALE = "5.421010862427522e-20"
"""2^-64: of sums that are too large on the way the scaled values are summed once more."""
_UNSCALE = "1.8446744073709552e19"


def _argument(writer: Writer, call: exp.Expression, *known: str) -> tuple[Sql, str]:
    arguments = arguments_of(writer, call, *known)
    if len(arguments.values) != 1:
        raise writer.refuse(call, f"{name_of(call)} takes 1 argument", found=str(len(arguments.values)))
    with writer.in_aggregate():
        return writer.value(arguments.values[0]), "DISTINCT " if arguments.distinct else ""


@aggregate("MIN")
def minimum(writer: Writer, call: exp.Expression, over: str) -> Sql:
    value, distinct = _argument(writer, call, "distinct")
    text, greatest = f"min({distinct}{value.text}){over}", f"max({value.text}){over}"
    return Sql(least_of(text, greatest) if value.kind in ("", "FLOAT64") else text, value.kind)


@aggregate("MAX")
def maximum(writer: Writer, call: exp.Expression, over: str) -> Sql:
    value, distinct = _argument(writer, call, "distinct")
    return Sql(f"max({distinct}{value.text}){over}", value.kind)


@aggregate("SUM", "AVG")
def total(writer: Writer, call: exp.Expression, over: str) -> Sql:
    """An infinite result of finite values is an error, unless only a part of the sum was too large."""
    value, distinct = _argument(writer, call, "distinct")
    name = name_of(call).lower()
    plain = f"{name}({distinct}{value.text}){over}"
    kind = "FLOAT64" if name == "avg" else value.kind
    if name == "sum":
        # DuckDB's sum of BIGINT is a HUGEINT: what no INT64 is, is an error also where it is only computed with.
        plain = f"longhaul_sum({plain})" if value.kind in ("", "INT64") else plain
        plain = f"CAST({plain} AS BIGINT)" if value.kind == "INT64" else plain
    if value.kind not in ("", "FLOAT64"):
        return Sql(plain, kind)
    again = f"longhaul_finite({name}({distinct}{value.operand} * {_SCALE}){over} * {_UNSCALE}, {string(name_of(call))})"
    if name == "sum":
        again = f"cast_to_type({again}, {plain})"
    infinite = f"longhaul_not_finite({plain}) AND NOT bool_or(longhaul_not_finite({value.text})){over}"
    return Sql(f"CASE WHEN {infinite} THEN {again} ELSE {plain} END", kind)


def _spread(google: str, duckdb: str, least: int) -> None:
    @aggregate(google)
    def spread(writer: Writer, call: exp.Expression, over: str) -> Sql:
        value, distinct = _argument(writer, call, "distinct")
        odd = f"longhaul_not_finite({value.text})"
        plain = f"{duckdb}({distinct}longhaul_moderate({value.text})){over}"
        enough = f"count({distinct}{value.text}){over} >= {least}"
        if value.kind not in ("", "FLOAT64"):
            return Sql(f"{duckdb}({distinct}{value.text}){over}", "FLOAT64")
        # Of values whose squares are no FLOAT64 the scaled ones are taken.
        scale = "longhaul_unscaled" if "STDDEV" in google else "longhaul_unscaled_square"
        huge = f"{scale}({duckdb}({distinct}longhaul_scaled({value.text})){over})"
        is_huge = f"bool_or(longhaul_is_huge({value.text})){over}"
        nan = f"{enough} AND bool_or({odd}){over}"
        return Sql(f"CASE WHEN {nan} THEN 'NaN'::DOUBLE WHEN {is_huge} THEN {huge} ELSE {plain} END", "FLOAT64")


for _google, _duckdb, _least in (
    ("STDDEV", "stddev_samp", 2),
    ("STDDEV_SAMP", "stddev_samp", 2),
    ("STDDEV_POP", "stddev_pop", 1),
    ("VARIANCE", "var_samp", 2),
    ("VAR_SAMP", "var_samp", 2),
    ("VAR_POP", "var_pop", 1),
):
    _spread(_google, _duckdb, _least)
