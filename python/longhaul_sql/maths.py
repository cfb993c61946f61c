"""Numbers and conditions."""

from __future__ import annotations

from sqlglot import exp

from longhaul_sql import nan
from longhaul_sql.coercion import alike, kind_of_all, with_common
from longhaul_sql.comparisons import compare
from longhaul_sql.nan import least_of, may_be_nan, not_nan
from longhaul_sql.operands import bare, common_kind
from longhaul_sql.registry import function, name_of
from longhaul_sql.types import Sql
from longhaul_sql.writer import Writer


def double(writer: Writer, node: exp.Expression) -> str:
    value = writer.value(node)
    return value.text if value.kind == "FLOAT64" else f"CAST({value.text} AS DOUBLE)"


def _of_double(google: str, duckdb: str) -> None:
    @function(google, arguments=1)
    def of_double(writer: Writer, call: exp.Expression) -> Sql:
        return Sql(f"{duckdb}({double(writer, call.expressions[0])})", "FLOAT64")


for _google, _duckdb in (
    ("SQRT", "sqrt"),
    ("LN", "ln"),
    ("LOG10", "log10"),
    ("FLOOR", "floor"),
    ("CEIL", "ceil"),
    ("CEILING", "ceil"),
    ("SIN", "sin"),
    ("COS", "cos"),
    ("TAN", "tan"),
    ("ASIN", "asin"),
    ("ACOS", "acos"),
    ("ATAN", "atan"),
):
    _of_double(_google, _duckdb)


@function("ATAN2", arguments=2)
def of_two(writer: Writer, call: exp.Expression) -> Sql:
    return Sql(f"atan2({', '.join(double(writer, each) for each in call.expressions)})", "FLOAT64")


@function("ROUND", "TRUNC", arguments=(1, 2))
def round_trunc(writer: Writer, call: exp.Expression) -> Sql:
    name = name_of(call).lower()
    number = double(writer, call.expressions[0])
    if len(call.expressions) == 1:
        return Sql(f"{name}({number})", "FLOAT64")
    digits = bare(writer, call.expressions[1])
    if name == "trunc":
        return Sql(f"(trunc({number} * pow(10e0, {digits})) / pow(10e0, {digits}))", "FLOAT64")
    return Sql(f"round({number}, CAST({digits} AS INTEGER))", "FLOAT64")


@function("ABS", arguments=1)
def absolute(writer: Writer, call: exp.Expression) -> Sql:
    value = writer.value(call.expressions[0])
    return Sql(f"abs({value.text})", value.kind)


@function("SIGN", arguments=1)
def sign(writer: Writer, call: exp.Expression) -> Sql:
    value = writer.value(call.expressions[0])
    signed = f"cast_to_type(sign({value.text}), {value.text})"
    if not may_be_nan(call.expressions[0], value):
        return Sql(signed, value.kind)
    return Sql(f"CASE WHEN {nan.is_nan(value.text)} THEN {value.text} ELSE {signed} END", value.kind)


def _guarded(google: str, duckdb: str, operator: str | None, kind: str) -> None:
    @function(google, arguments=2)
    def guarded(writer: Writer, call: exp.Expression) -> Sql:
        left, right = call.expressions
        divisor_is_safe = isinstance(right, exp.Literal) and not right.is_string and float(right.this) != 0
        if operator and divisor_is_safe:
            return Sql(f"({bare(writer, left)} {operator} {bare(writer, right)})", kind)
        return Sql(f"{duckdb}({bare(writer, left)}, {bare(writer, right)})", kind)


_guarded("DIV", "longhaul_div", "//", "INT64")
_guarded("MOD", "longhaul_mod", "%", "INT64")
_guarded("SAFE_DIVIDE", "longhaul_safe_divide", None, "FLOAT64")


@function("GREATEST", "LEAST")
def greatest(writer: Writer, call: exp.Expression) -> Sql:
    values = with_common(writer, call.expressions, [writer.value(each) for each in call.expressions], name_of(call))
    # DuckDB skips NULLs; in GoogleSQL one makes the result NULL.
    nulls = [f"{value.operand} IS NULL" for value, node in zip(values, call.expressions, strict=True) if not isinstance(node, exp.Literal)]
    kind = common_kind([value.kind for value in values])
    listed = ", ".join(value.text for value in values)
    text = f"{name_of(call).lower()}({listed})"
    if name_of(call) == "LEAST" and any(may_be_nan(node, value) for node, value in zip(call.expressions, values, strict=True)):
        text = least_of(text, f"greatest({listed})")
    return Sql(f"CASE WHEN {' OR '.join(nulls)} THEN NULL ELSE {text} END" if nulls else text, kind)


@function("IF", arguments=3)
def if_(writer: Writer, call: exp.Expression) -> Sql:
    condition = writer.condition_value(call.expressions[0], "filter")
    answers = call.expressions[1:]
    then, otherwise = with_common(writer, answers, alike(writer, call, [writer.value(each) for each in answers]), "IF")
    return Sql(f"CASE WHEN {condition.text} THEN {then.text} ELSE {otherwise.text} END", kind_of_all([then, otherwise]))


@function("IFNULL", arguments=2)
def ifnull(writer: Writer, call: exp.Expression) -> Sql:
    return coalesce(writer, call)


@function("COALESCE")
def coalesce(writer: Writer, call: exp.Expression) -> Sql:
    values = alike(writer, call, [writer.value(each) for each in call.expressions])
    values = with_common(writer, call.expressions, values, name_of(call))
    return Sql(f"coalesce({', '.join(value.text for value in values)})", kind_of_all(values))


@function("NULLIF", arguments=2)
def nullif(writer: Writer, call: exp.Expression) -> Sql:
    value, other = (writer.value(each) for each in call.expressions)
    with_common(writer, call.expressions, (value, other), "NULLIF")
    if "STRUCT" in (value.kind, other.kind):
        equal = compare(writer, "=", call.expressions[0], call.expressions[1], "filter").text
        return Sql(f"CASE WHEN {equal} THEN NULL ELSE {value.text} END", value.kind)
    nan = may_be_nan(call.expressions[0], value) and may_be_nan(call.expressions[1], other)
    return Sql(f"nullif({value.text}, {not_nan(other.text) if nan else bare(writer, call.expressions[1])})", value.kind)


@function("IS_NAN", "IS_INF", arguments=1)
def is_nan(writer: Writer, call: exp.Expression) -> Sql:
    return Sql(f"{name_of(call).lower().replace('_', '')}({double(writer, call.expressions[0])})", "BOOL")


@function("RANGE_BUCKET", arguments=2)
def range_bucket(writer: Writer, call: exp.Expression) -> Sql:
    number, bounds = call.expressions
    return Sql(f"longhaul_bucket({bare(writer, number)}, {writer.value(bounds).text})", "INT64")
