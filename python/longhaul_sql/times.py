"""Dates and times as texts, TIME, INTERVAL, buckets and rows of timestamps."""

from __future__ import annotations

import re

from sqlglot import exp

from longhaul_sql import expressions
from longhaul_sql.dates import MICROSECONDS, date_argument, in_years, interval, part_of, temporal
from longhaul_sql.operands import bare
from longhaul_sql.registry import function, name_of
from longhaul_sql.texts import typed
from longhaul_sql.types import DUCKDB, Sql, string
from longhaul_sql.writer import Writer, writes

MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_OF_DATES = "YmdeFDxyCjbBhaAntc%"
_OF_TIMES = "HIklMSpPRrTXnt%"
_PARSED = {
    "DATE": _OF_DATES.replace("c", ""),
    "TIME": _OF_TIMES,
    "DATETIME": _OF_DATES + _OF_TIMES,
    "TIMESTAMP": _OF_DATES + _OF_TIMES + "sz",
}


def moment(writer: Writer, node: exp.Expression, kind: str) -> str:
    """An argument of a date function, of the type that the function takes."""
    return f"CAST({temporal(writer, node, kind).text} AS {DUCKDB[kind]})"


# --- texts ------------------------------------------------------------------------------------------------------------


@function("FORMAT_DATE", "FORMAT_TIME", "FORMAT_DATETIME", "FORMAT_TIMESTAMP", arguments=(2, 3))
def format_time(writer: Writer, call: exp.Expression) -> Sql:
    kind = name_of(call).split("_")[1]
    pattern = typed(writer, call.expressions[0], "STRING").text
    value = moment(writer, call.expressions[1], kind)
    if len(call.expressions) == 3:
        if kind != "TIMESTAMP":
            raise writer.refuse(call.expressions[2], f"{name_of(call)} takes no time zone", found=writer.excerpt(call))
        return Sql(f"longhaul_format_timestamp({pattern}, {value}, {typed(writer, call.expressions[2], 'STRING').text})", "STRING")
    local = {"TIMESTAMP": f"({value} AT TIME ZONE 'UTC')", "TIME": f"(DATE '1970-01-01' + {value})"}.get(
        kind, f"CAST({value} AS TIMESTAMP)"
    )
    return Sql(f"longhaul_strftime({pattern}, '{kind}', {local}, 0::BIGINT)", "STRING")


@function("PARSE_DATE", "PARSE_TIME", "PARSE_DATETIME", "PARSE_TIMESTAMP", arguments=(2, 3))
def parse_time(writer: Writer, call: exp.Expression) -> Sql:
    kind = name_of(call).split("_")[1]
    pattern = typed(writer, call.expressions[0], "STRING")
    literal = str(call.expressions[0].this) if isinstance(call.expressions[0], exp.Literal) else None
    if literal is not None:
        _require_elements(writer, call.expressions[0], literal, kind)
    micros = f"longhaul_strptime({pattern.text}, {typed(writer, call.expressions[1], 'STRING').text})"
    if len(call.expressions) == 3:
        zone = call.expressions[2]
        if kind != "TIMESTAMP" or literal is None:
            raise writer.refuse(zone, f"{name_of(call)} takes no time zone here", found=writer.excerpt(call))
        if not re.search(r"%(?:z|Ez|s)", literal):
            return Sql(f"longhaul_zone(make_timestamp({micros}), {typed(writer, zone, 'STRING').text})", kind)
    if kind == "TIMESTAMP":
        return Sql(f"(make_timestamp({micros}) AT TIME ZONE 'UTC')", kind)
    return Sql(f"CAST(make_timestamp({micros}) AS {DUCKDB[kind]})", kind)


def _require_elements(writer: Writer, node: exp.Expression, pattern: str, kind: str) -> None:
    for element in re.finditer(r"%(?:E4Y|Ez|E([0-9*#])S|[EO]?(.|$))", pattern, re.DOTALL):
        letter = element.group(2)
        has_time, has_zone = kind != "DATE", kind == "TIMESTAMP"
        fine = has_time if element.group(1) else has_zone if element.group() == "%Ez" else kind != "TIME" if letter is None else letter
        if fine is False or (isinstance(fine, str) and (fine == "" or fine not in _PARSED[kind])):
            raise writer.refuse(
                node,
                f"the format element {element.group()} is not translated in PARSE_{kind}",
                found=pattern,
                expected=" ".join(f"%{each}" for each in _PARSED[kind]),
            )


# --- TIME -------------------------------------------------------------------------------------------------------------


@function("TIME", arguments=(1, 3))
def time(writer: Writer, call: exp.Expression) -> Sql:
    if len(call.expressions) == 3:
        hour, minute, second = (bare(writer, each) for each in call.expressions)
        return Sql(f"longhaul_clock({hour}, {minute}, {second})", "TIME")
    if len(call.expressions) == 2:
        instant = moment(writer, call.expressions[0], "TIMESTAMP")
        return Sql(f"CAST(longhaul_zone({instant}, {typed(writer, call.expressions[1], 'STRING').text}) AS TIME)", "TIME")
    value = temporal(writer, call.expressions[0], "TIME")
    text = f"({value.text} AT TIME ZONE 'UTC')" if value.kind == "TIMESTAMP" else value.text
    if value.kind == "":
        text = f"CAST({value.text} AS TIMESTAMP)"
    if value.kind == "STRING":
        return Sql(f"longhaul_time({value.text})", "TIME")
    return Sql(f"CAST({text} AS TIME)", "TIME")


_TIME_PARTS = tuple(part for part in MICROSECONDS if part != "DAY")


def _micros_of_time(value: str) -> str:
    return f"epoch_us(DATE '1970-01-01' + {value})"


@function("TIME_ADD", "TIME_SUB", arguments=2)
def time_add(writer: Writer, call: exp.Expression) -> Sql:
    value = moment(writer, call.expressions[0], "TIME")
    number, unit = interval(writer, call.expressions[1], call)
    if unit not in _TIME_PARTS:
        raise writer.refuse(call, f"{name_of(call)} has no part {unit}", found=writer.excerpt(call), expected=", ".join(_TIME_PARTS))
    sign = "+" if name_of(call) == "TIME_ADD" else "-"
    micros = f"({_micros_of_time(value)} {sign} CAST({number} AS HUGEINT) * {MICROSECONDS[unit]})"
    day = MICROSECONDS["DAY"]
    return Sql(f"CAST(make_timestamp(CAST((({micros} % {day}) + {day}) % {day} AS BIGINT)) AS TIME)", "TIME")


@function("TIME_DIFF", arguments=3)
def time_diff(writer: Writer, call: exp.Expression) -> Sql:
    later, earlier = (moment(writer, each, "TIME") for each in call.expressions[:2])
    part = part_of(call.expressions[2])[0]
    if part not in _TIME_PARTS:
        raise writer.refuse(call, f"TIME_DIFF has no part {part}", found=writer.excerpt(call), expected=", ".join(_TIME_PARTS))
    unit = MICROSECONDS[part]
    return Sql(f"({_micros_of_time(later)} // {unit} - {_micros_of_time(earlier)} // {unit})", "INT64")


@function("TIME_TRUNC", arguments=2)
def time_trunc(writer: Writer, call: exp.Expression) -> Sql:
    value = moment(writer, call.expressions[0], "TIME")
    part = part_of(call.expressions[1])[0]
    if part not in _TIME_PARTS:
        raise writer.refuse(call, f"TIME_TRUNC has no part {part}", found=writer.excerpt(call), expected=", ".join(_TIME_PARTS))
    unit = MICROSECONDS[part]
    return Sql(f"CAST(make_timestamp({_micros_of_time(value)} // {unit} * {unit}) AS TIME)", "TIME")


# --- ends, buckets and rows ---------------------------------------------------------------------------------------------


@function("LAST_DAY", arguments=(1, 2))
def last_day(writer: Writer, call: exp.Expression) -> Sql:
    value = date_argument(writer, call.expressions[0])
    node = call.expressions[1] if len(call.expressions) == 2 else None
    part, shift = part_of(node) if node is not None else ("MONTH", 0)
    if part in MONTHS:
        text = f"CAST(date_trunc({string(part.lower())}, {value}) + INTERVAL {MONTHS[part]} MONTH AS DATE) - 1"
    elif part == "WEEK":
        text = f"CAST(longhaul_week_trunc({value}, {shift}) AS DATE) + 6"
    elif part == "ISOYEAR":
        text = f"longhaul_isoyear_end({value})"
    else:
        raise writer.refuse(
            call,
            f"LAST_DAY has no part {part}",
            found=writer.excerpt(call),
            expected="WEEK, WEEK(…), ISOWEEK, MONTH, QUARTER, YEAR or ISOYEAR",
        )
    return Sql(f"({text})", "DATE")


@function("DATE_BUCKET", "DATETIME_BUCKET", "TIMESTAMP_BUCKET", arguments=(2, 3))
def bucket(writer: Writer, call: exp.Expression) -> Sql:
    kind = name_of(call).split("_")[0]
    known = temporal(writer, call.expressions[0], kind).kind
    kind = known if known in ("DATE", "DATETIME", "TIMESTAMP") else kind
    value = moment(writer, call.expressions[0], kind)
    number, unit = interval(writer, call.expressions[1], call)
    origin = moment(writer, call.expressions[2], kind) if len(call.expressions) == 3 else f"CAST('1950-01-01' AS {DUCKDB[kind]})"
    width = {**MICROSECONDS, "WEEK": 7 * MICROSECONDS["DAY"]}.get(unit)
    if width is None or (kind == "DATE" and unit not in ("DAY", "WEEK")):
        raise writer.refuse(
            call.expressions[1],
            f"{name_of(call)} by {unit} is not translated",
            found=writer.excerpt(call),
            hint=f"use {kind}_TRUNC" if unit in MONTHS else None,
        )
    micros = f"longhaul_bucket_micros(epoch_us({value}), epoch_us({origin}), CAST({number} AS BIGINT) * {width})"
    made = f"make_timestamp({micros})"
    return Sql(f"({made} AT TIME ZONE 'UTC')" if kind == "TIMESTAMP" else f"CAST({made} AS {DUCKDB[kind]})", kind)


@function("GENERATE_TIMESTAMP_ARRAY", arguments=3)
def generate_timestamp_array(writer: Writer, call: exp.Expression) -> Sql:
    start, end = (moment(writer, each, "TIMESTAMP") for each in call.expressions[:2])
    number, unit = interval(writer, call.expressions[2], call)
    if unit not in MICROSECONDS:
        raise writer.refuse(
            call, f"GENERATE_TIMESTAMP_ARRAY has no step of {unit}", found=writer.excerpt(call), expected=", ".join(MICROSECONDS)
        )
    return Sql(f"longhaul_timestamp_series({start}, {end}, ({number}) * {MICROSECONDS[unit]})", "ARRAY")


# --- INTERVAL ---------------------------------------------------------------------------------------------------------

_TO = {
    "MICROSECOND": "to_microseconds",
    "MILLISECOND": "to_milliseconds",
    "SECOND": "to_seconds",
    "MINUTE": "to_minutes",
    "HOUR": "to_hours",
    "DAY": "to_days",
    "WEEK": "to_weeks",
    "MONTH": "to_months",
    "QUARTER": "to_quarters",
    "YEAR": "to_years",
}


@writes(exp.Interval, "this", "unit")
def interval_value(writer: Writer, node: exp.Expression) -> Sql:
    unit = node.args.get("unit")
    if not isinstance(unit, exp.Var) or unit.name.upper() not in _TO:
        raise writer.refuse(
            node, "an INTERVAL of several parts is not translated", found=writer.excerpt(node), hint="add intervals of one part each"
        )
    number = str(node.this.this) if isinstance(node.this, exp.Literal) else bare(writer, node.this)
    if isinstance(node.this, exp.Literal) and not re.fullmatch(r"\s*[+-]?\d+\s*", number):
        raise writer.refuse(node, "an INTERVAL has a whole number", found=writer.excerpt(node))
    wide = unit.name.upper() in ("MICROSECOND", "MILLISECOND", "SECOND", "MINUTE", "HOUR")
    to = "BIGINT" if wide else "INTEGER"
    return Sql(f"{_TO[unit.name.upper()]}(CAST({number} AS {to}))", "INTERVAL")


def _with_interval(writer: Writer, node: exp.Expression, operator: str) -> Sql | None:
    """A time and an INTERVAL, or a DATE and a number of days."""
    left, right = writer.value(node.this), writer.value(node.expression)
    times = ("DATE", "DATETIME", "TIMESTAMP", "TIME", "INTERVAL")
    if operator == "+" and right.kind in times and left.kind in ("INTERVAL", "INT64") and right.kind != "INTERVAL":
        left, right = right, left
    if right.kind == "INTERVAL":
        kind = {"DATE": "DATETIME", "": ""}.get(left.kind, left.kind)
        if left.kind not in ("", "DATE", "DATETIME", "TIMESTAMP", "INTERVAL"):
            raise writer.refuse(node, f"{operator} of {left.kind or 'this'} and an INTERVAL is not translated", found=writer.excerpt(node))
        text = f"{left.operand} {operator} {right.operand}"
        return Sql(text, kind, atom=False) if kind in ("", "INTERVAL") else in_years(text, kind)
    if left.kind == "DATE" and right.kind == "INT64":
        return in_years(f"{left.operand} {operator} CAST({right.text} AS INTEGER)", "DATE")
    return None


@writes(exp.Add, "this", "expression")
def add(writer: Writer, node: exp.Expression) -> Sql:
    return _with_interval(writer, node, "+") or expressions.add(writer, node)


@writes(exp.Sub, "this", "expression")
def subtract(writer: Writer, node: exp.Expression) -> Sql:
    return _with_interval(writer, node, "-") or expressions.subtract(writer, node)
