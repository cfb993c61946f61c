"""Arrays and structs."""

from __future__ import annotations

from sqlglot import exp

from longhaul_sql.coercion import alike, kind_of_all
from longhaul_sql.dates import date_argument, interval
from longhaul_sql.operands import bare
from longhaul_sql.registry import function, name_of
from longhaul_sql.types import Sql, array_of, declared, element_of
from longhaul_sql.writer import Writer


@function("ARRAY_LENGTH", arguments=1)
def array_length(writer: Writer, call: exp.Expression) -> Sql:
    return Sql(f"len({writer.value(call.expressions[0]).text})", "INT64")


@function("ARRAY_FIRST", "ARRAY_LAST", arguments=1)
def array_end(writer: Writer, call: exp.Expression) -> Sql:
    value, place = writer.value(call.expressions[0]).text, "0" if name_of(call) == "ARRAY_FIRST" else None
    return Sql(f"longhaul_at({value}, {place or f'len({value}) - 1'})")


@function("ARRAY_REVERSE", arguments=1)
def array_reverse(writer: Writer, call: exp.Expression) -> Sql:
    return Sql(f"list_reverse({writer.value(call.expressions[0]).text})", "ARRAY")


@function("ARRAY_CONCAT")
def array_concat(writer: Writer, call: exp.Expression) -> Sql:
    writer.nullable_arrays = True
    values = alike(writer, call, [writer.value(each) for each in call.expressions])
    return Sql("(" + " || ".join(each.operand for each in values) + ")", kind_of_all(values) or "ARRAY")


@function("ARRAY_TO_STRING", arguments=(2, 3))
def array_to_string(writer: Writer, call: exp.Expression) -> Sql:
    value = writer.value(call.expressions[0])
    said = declared(element_of(value.kind))
    if said not in ("", "NULL", "STRING", "BYTES"):
        raise writer.refuse(
            call.expressions[0],
            f"ARRAY_TO_STRING takes an ARRAY of STRING or BYTES, not of {said}",
            found=writer.excerpt(call),
            hint="ARRAY(SELECT CAST(e AS STRING) FROM UNNEST(array) AS e)",
        )
    array, separator, *null_text = (value.text, *(writer.value(each).text for each in call.expressions[1:]))
    if null_text:
        array = f"list_transform({array}, lambda longhaul_e: coalesce(longhaul_e, {null_text[0]}))"
    return Sql(f"array_to_string({array}, {separator})", "STRING")


@function("GENERATE_ARRAY", arguments=(2, 3))
def generate_array(writer: Writer, call: exp.Expression) -> Sql:
    if any(writer.value(each).kind == "FLOAT64" for each in call.expressions):
        numbers = [f"CAST({writer.value(each).text} AS DOUBLE)" for each in call.expressions]
        return Sql(f"longhaul_float_series({', '.join([*numbers, '1e0'][:3])})", array_of("FLOAT64"))
    start, end, *step = (bare(writer, each) for each in call.expressions)
    return Sql(f"longhaul_series({start}, {end}, {step[0] if step else 1})", array_of("INT64"))


@function("GENERATE_DATE_ARRAY", arguments=(2, 3))
def generate_date_array(writer: Writer, call: exp.Expression) -> Sql:
    start, end = (date_argument(writer, each) for each in call.expressions[:2])
    number, unit = interval(writer, call.expressions[2], call) if len(call.expressions) == 3 else ("1", "DAY")
    days = {"DAY": 1, "WEEK": 7}.get(unit)
    months = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}.get(unit)
    if days:
        return Sql(f"longhaul_date_series({start}, {end}, {number} * {days})", "ARRAY")
    if months:
        return Sql(f"longhaul_month_series({start}, {end}, {number} * {months})", "ARRAY")
    raise writer.refuse(
        call, f"GENERATE_DATE_ARRAY has no step of {unit}", found=writer.excerpt(call), expected="DAY, WEEK, MONTH, QUARTER or YEAR"
    )
