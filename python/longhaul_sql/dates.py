"""Dates and times. TIMESTAMP is an instant (TIMESTAMPTZ in a session in UTC), DATETIME has no zone."""

from __future__ import annotations

import re

from sqlglot import exp

from longhaul_sql.operands import bare, time_literal
from longhaul_sql.registry import function, name_of
from longhaul_sql.signatures import is_text
from longhaul_sql.types import DUCKDB, TIMES, Sql, declared, string
from longhaul_sql.writer import Writer

WEEKDAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
MICROSECONDS = {
    "MICROSECOND": 1,
    "MILLISECOND": 1_000,
    "SECOND": 1_000_000,
    "MINUTE": 60_000_000,
    "HOUR": 3_600_000_000,
    "DAY": 86_400_000_000,
}
CALENDAR = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")


_PARTS_OF_TIME = ("HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND")


def part_of(node: exp.Expression) -> tuple[str, int]:
    """A date part's name, and for weeks the days from the first day of the week to the next Monday."""
    if isinstance(node, exp.Anonymous) and name_of(node) == "WEEK" and len(node.expressions) == 1:
        weekday = node.expressions[0].name.upper()
        if weekday in WEEKDAYS:
            return "WEEK", (7 - WEEKDAYS.index(weekday)) % 7
    name = node.name.upper() if isinstance(node, (exp.Column, exp.Var)) else ""
    if name == "ISOWEEK":
        return "WEEK", 0
    return name, 1 if name == "WEEK" else 0


def _wrong_part(writer: Writer, call: exp.Expression, node: exp.Expression, parts: tuple[str, ...]) -> Exception:
    name = "EXTRACT" if isinstance(call, exp.Extract) else name_of(call)
    return writer.refuse(node, f"{name} is not translated for this part", found=writer.excerpt(node), expected=", ".join(parts))


def temporal(writer: Writer, node: exp.Expression, kind: str) -> Sql:
    """An argument of a date function: a text literal is one of the kind that the function takes."""
    if isinstance(node, exp.Literal) and node.is_string:
        return time_literal(writer, node, kind)
    return writer.value(node)


#: Besides what only the tables know: of another kind BigQuery takes nothing, or gives a result of that kind.
_TAKEN = {"DATE": ("DATE",), "DATETIME": ("DATE", "DATETIME"), "TIMESTAMP": ("TIMESTAMP",)}


def _of_kind(writer: Writer, call: exp.Expression, node: exp.Expression, kind: str) -> Sql:
    value = temporal(writer, node, kind)
    said = declared(value.kind)
    if said in ("", "NULL", *_TAKEN[kind]) or (said == "STRING" and is_text(node)):
        return value
    other = f", or {said}_{name_of(call).partition('_')[2]}" if said in _TAKEN else ""
    hint = f"CAST(… AS {kind}){other}"
    raise writer.refuse(node, f"{name_of(call)} takes a {kind}", found=f"a {said}: {writer.excerpt(node)}", hint=hint)


def date_argument(writer: Writer, node: exp.Expression) -> str:
    value = temporal(writer, node, "DATE")
    return value.text if value.kind == "DATE" else f"CAST({value.text} AS DATE)"


def made_of(value: Sql, kind: str) -> str:
    """A date or time of another one, or of a text, of which DuckDB would take more than GoogleSQL does."""
    return f"longhaul_{kind.lower()}({value.text})" if value.kind in ("", "STRING") else f"CAST({value.text} AS {DUCKDB[kind]})"


def interval(writer: Writer, node: exp.Expression, call: exp.Expression) -> tuple[str, str]:
    if not isinstance(node, exp.Interval) or not isinstance(node.args.get("unit"), exp.Var):
        raise writer.refuse(node, f"{name_of(call)} takes an INTERVAL", found=writer.excerpt(node), expected="INTERVAL n DAY")
    number = node.this
    text = str(number.this) if isinstance(number, exp.Literal) else writer.operand(number)
    if isinstance(number, exp.Literal) and not re.fullmatch(r"-?\d+", text):
        raise writer.refuse(node, "an INTERVAL has a whole number", found=writer.excerpt(node))
    return text, node.args["unit"].name.upper()


def _zoned(writer: Writer, text: str, zone: exp.Expression | None) -> str:
    return f"longhaul_zone({text}, {writer.value(zone).text})" if zone is not None else text


def in_years(text: str, kind: str) -> Sql:
    """A DATE, DATETIME or TIMESTAMP that must be within the years 1 to 9999."""
    return Sql(f"longhaul_in_years_{kind.lower()}({text})", kind)


@function("DATE_ADD", "DATE_SUB", "TIMESTAMP_ADD", "TIMESTAMP_SUB", "DATETIME_ADD", "DATETIME_SUB", arguments=2)
def add_sub(writer: Writer, call: exp.Expression) -> Sql:
    kind, operation = name_of(call).split("_")
    value = _of_kind(writer, call, call.expressions[0], kind)
    number, unit = interval(writer, call.expressions[1], call)
    parts = {"DATE": CALENDAR, "TIMESTAMP": tuple(MICROSECONDS), "DATETIME": (*MICROSECONDS, "WEEK", "MONTH", "QUARTER", "YEAR")}[kind]
    if unit not in parts:
        raise _wrong_part(writer, call, call.expressions[1], parts)
    if unit == "QUARTER":
        number, unit = f"(3 * {number})", "MONTH"
    operator = "+" if operation == "ADD" else "-"
    return in_years(f"CAST({value.operand} {operator} INTERVAL ({number}) {unit} AS {DUCKDB[kind]})", kind)


@function("DATE_DIFF", "DATETIME_DIFF", arguments=3)
def boundaries(writer: Writer, call: exp.Expression) -> Sql:
    """The number of boundaries of the part between the two."""
    kind = name_of(call).split("_")[0]
    later, earlier = (_of_kind(writer, call, each, kind) for each in call.expressions[:2])
    part, shift = part_of(call.expressions[2])
    if part == "WEEK":
        return Sql(f"longhaul_week_diff({earlier.text}, {later.text}, {shift})", "INT64")
    if part == "ISOYEAR":
        return Sql(f"(extract('isoyear' FROM {later.operand}) - extract('isoyear' FROM {earlier.operand}))", "INT64")
    parts = ("DAY", "WEEK", "WEEK(…)", "ISOWEEK", "MONTH", "QUARTER", "YEAR", "ISOYEAR") + (
        tuple(MICROSECONDS) if kind == "DATETIME" else ()
    )
    if part not in parts:
        raise _wrong_part(writer, call, call.expressions[2], parts)
    to = DUCKDB[kind]
    return Sql(f"date_diff({string(part.lower())}, CAST({earlier.text} AS {to}), CAST({later.text} AS {to}))", "INT64")


@function("TIMESTAMP_DIFF", arguments=3)
def elapsed(writer: Writer, call: exp.Expression) -> Sql:
    """Whole units that have elapsed, not boundaries."""
    later, earlier = (_of_kind(writer, call, each, "TIMESTAMP") for each in call.expressions[:2])
    part, _ = part_of(call.expressions[2])
    if part not in MICROSECONDS:
        raise _wrong_part(writer, call, call.expressions[2], tuple(MICROSECONDS))
    return Sql(f"longhaul_elapsed({later.text}, {earlier.text}, {MICROSECONDS[part]})", "INT64")


@function("DATE_TRUNC", "DATETIME_TRUNC", "TIMESTAMP_TRUNC", arguments=(2, 3))
def trunc(writer: Writer, call: exp.Expression) -> Sql:
    kind = name_of(call).split("_")[0]
    value = temporal(writer, call.expressions[0], kind)
    zone = call.expressions[2] if len(call.expressions) == 3 else None
    if zone is not None and kind != "TIMESTAMP":
        raise writer.refuse(zone, f"{name_of(call)} takes no time zone", found=writer.excerpt(call))
    part, shift = part_of(call.expressions[1])
    parts = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR") + (
        () if kind == "DATE" else ("HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND")
    )
    if part not in (*parts, "ISOYEAR"):
        raise _wrong_part(writer, call, call.expressions[1], (*parts, "WEEK(…)", "ISOWEEK", "ISOYEAR"))
    inner = _zoned(writer, f"CAST({value.text} AS TIMESTAMPTZ)", zone) if zone is not None else value.text
    text = f"longhaul_week_trunc({inner}, {shift})" if part == "WEEK" else f"longhaul_trunc({string(part.lower())}, {inner})"
    if part == "ISOYEAR":
        text = f"cast_to_type(longhaul_isoyear_start({inner}), {inner})"
    return Sql(_zoned(writer, text, zone), value.kind or ("TIMESTAMP" if zone is not None else ""), atom=zone is None)


_EXTRACT = {
    "YEAR": "year",
    "ISOYEAR": "isoyear",
    "QUARTER": "quarter",
    "MONTH": "month",
    "DAY": "day",
    "DAYOFYEAR": "doy",
    "HOUR": "hour",
    "MINUTE": "minute",
    "SECOND": "second",
}


@function("EXTRACT")
def extract(writer: Writer, call: exp.Expression) -> Sql:
    source, zone = call.expression, None
    if isinstance(source, exp.AtTimeZone):
        source, zone = source.this, source.args["zone"]
    value = writer.value(source)
    text = _zoned(writer, f"CAST({value.text} AS TIMESTAMPTZ)", zone) if zone is not None else value.text
    part, shift = part_of(call.this)
    said = declared(value.kind)
    if said == "DATE" and part in (*_PARTS_OF_TIME, "TIME"):
        raise writer.refuse(call, f"a DATE has no {part}", found=writer.excerpt(call), hint="of a DATETIME or TIMESTAMP")
    if said == "TIME" and part not in _PARTS_OF_TIME:
        raise writer.refuse(call, f"a TIME has no {part}", found=writer.excerpt(call), expected=", ".join(_PARTS_OF_TIME))
    if said not in ("", "NULL", "INTERVAL", *TIMES) or (zone is not None and said not in ("", "NULL", "TIMESTAMP")):
        wanted = "a TIMESTAMP" if zone is not None else "a date or time"
        raise writer.refuse(call, f"EXTRACT takes {wanted}, not {said}", found=writer.excerpt(call), hint="CAST(… AS TIMESTAMP)")
    if part == "WEEK":
        if isinstance(call.this, exp.Var) and call.this.name.upper() == "ISOWEEK":
            return Sql(f"extract('week' FROM {text})", "INT64")
        return Sql(f"longhaul_week_number({text}, {(8 - shift) % 7 if shift else 1})", "INT64")
    if part == "DAYOFWEEK":
        return Sql(f"(extract('dow' FROM {text}) + 1)", "INT64")
    if part in ("MILLISECOND", "MICROSECOND"):
        return Sql(f"(extract({string(part.lower())} FROM {text}) % {1000 if part == 'MILLISECOND' else 1_000_000})", "INT64")
    if part == "TIME":
        return Sql(f"CAST({text} AS TIME)", part)
    if part in ("DATE", "DATETIME"):
        return in_years(f"CAST({text} AS {DUCKDB[part]})", part)
    if part not in _EXTRACT:
        raise _wrong_part(
            writer, call, call.this, (*_EXTRACT, "WEEK", "WEEK(…)", "ISOWEEK", "DAYOFWEEK", "MILLISECOND", "MICROSECOND", "DATE")
        )
    return Sql(f"extract({string(_EXTRACT[part])} FROM {text})", "INT64")


@function("DATE", arguments=(1, 3))
def date(writer: Writer, call: exp.Expression) -> Sql:
    if len(call.expressions) == 3:
        return in_years(f"make_date({', '.join(bare(writer, each) for each in call.expressions)})", "DATE")
    if len(call.expressions) == 2:
        instant = f"CAST({temporal(writer, call.expressions[0], 'TIMESTAMP').text} AS TIMESTAMPTZ)"
        return Sql(f"CAST({_zoned(writer, instant, call.expressions[1])} AS DATE)", "DATE")
    value = temporal(writer, call.expressions[0], "DATE")
    # Of a text the function takes the day of a time, too, which CAST does not.
    return Sql(f"longhaul_day_of({value.text})" if value.kind in ("", "STRING") else made_of(value, "DATE"), "DATE")


@function("TIMESTAMP", arguments=(1, 2))
def timestamp(writer: Writer, call: exp.Expression) -> Sql:
    if len(call.expressions) == 2:
        local = made_of(writer.value(call.expressions[0]), "DATETIME")
        # Without a text there is no time zone that could be wrong.
        zoned = f"CASE WHEN {local} IS NOT NULL THEN {_zoned(writer, local, call.expressions[1])} END"
        return in_years(zoned, "TIMESTAMP")
    return Sql(made_of(temporal(writer, call.expressions[0], "TIMESTAMP"), "TIMESTAMP"), "TIMESTAMP")


@function("DATETIME", arguments=(1, 6))
def datetime(writer: Writer, call: exp.Expression) -> Sql:
    if len(call.expressions) == 6:
        numbers = ", ".join(bare(writer, each) for each in call.expressions)
        return in_years(f"longhaul_civil_of({numbers})", "DATETIME")
    if len(call.expressions) > 2:
        raise writer.refuse(call, "DATETIME takes 1, 2 or 6 arguments", found=str(len(call.expressions)))
    if len(call.expressions) == 2:
        instant = f"CAST({temporal(writer, call.expressions[0], 'TIMESTAMP').text} AS TIMESTAMPTZ)"
        return Sql(_zoned(writer, instant, call.expressions[1]), "DATETIME", atom=False)
    return Sql(made_of(temporal(writer, call.expressions[0], "DATETIME"), "DATETIME"), "DATETIME")


@function("UNIX_SECONDS", "UNIX_MILLIS", "UNIX_MICROS", arguments=1)
def unix(writer: Writer, call: exp.Expression) -> Sql:
    unit = {"UNIX_SECONDS": 1_000_000, "UNIX_MILLIS": 1000, "UNIX_MICROS": 1}[name_of(call)]
    micros = f"epoch_us(CAST({temporal(writer, call.expressions[0], 'TIMESTAMP').text} AS TIMESTAMPTZ))"
    if unit == 1:
        return Sql(micros, "INT64")
    # Rounded down, before 1970 too.
    return Sql(f"(({micros} - (({micros} % {unit}) + {unit}) % {unit}) // {unit})", "INT64")


@function("UNIX_DATE", arguments=1)
def unix_date(writer: Writer, call: exp.Expression) -> Sql:
    return Sql(f"date_diff('day', DATE '1970-01-01', {date_argument(writer, call.expressions[0])})", "INT64")


@function("DATE_FROM_UNIX_DATE", arguments=1)
def date_from_unix_date(writer: Writer, call: exp.Expression) -> Sql:
    return in_years(f"(DATE '1970-01-01' + CAST({bare(writer, call.expressions[0])} AS INTEGER))", "DATE")


@function("TIMESTAMP_SECONDS", "TIMESTAMP_MILLIS", "TIMESTAMP_MICROS", arguments=1)
def timestamp_from(writer: Writer, call: exp.Expression) -> Sql:
    unit = {"TIMESTAMP_SECONDS": 1_000_000, "TIMESTAMP_MILLIS": 1000, "TIMESTAMP_MICROS": 1}[name_of(call)]
    micros = f"CAST({bare(writer, call.expressions[0])} AS BIGINT) * {unit}"
    return in_years(f"(make_timestamp({micros}) AT TIME ZONE 'UTC')", "TIMESTAMP")
