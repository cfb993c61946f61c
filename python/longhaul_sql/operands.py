"""Operands: numbers that take their neighbour's type, texts that are dates."""

from __future__ import annotations

import datetime
import re

from sqlglot import exp

from longhaul_sql.types import DUCKDB, Kind, Sql, declared, string
from longhaul_sql.writer import Writer

INT64_MAX = 2**63 - 1
_TIMESTAMP = re.compile(r"^\d{4}-\d{1,2}-\d{1,2}(?:[ T]\d{1,2}:\d{1,2}(?::\d{1,2}(?:\.\d{1,6})?)?(Z|[+-]\d{1,2}(?::\d{2})?)?)?$")
_ZONED = re.compile(r"^(\d{4}-\d{1,2}-\d{1,2}(?:[ T]\d{1,2}:\d{1,2}(?::\d{1,2}(?:\.\d{1,9})?)?)?) ?((?i:UTC)|[A-Za-z]\w+/[\w/+-]+)$")
_DATE = re.compile(r"^\d{4}-\d{1,2}-\d{1,2}$")
_TIME = re.compile(r"^(?:[01]?\d|2[0-3]):[0-5]?\d:[0-5]?\d(?:\.\d{1,6})?$")


def bare(writer: Writer, node: exp.Expression) -> str:
    """An operand; a whole number beside another value takes that one's type."""
    if isinstance(node, exp.Literal) and not node.is_string and str(node.this).isdigit() and int(node.this) <= INT64_MAX:
        return str(node.this)
    return writer.operand(node)


def common_kind(kinds: list[str]) -> str:
    known = {kind for kind in kinds if kind != "NULL"}
    if known == {"INT64", "FLOAT64"}:
        return "FLOAT64"
    return known.pop() if len(known) == 1 and "" not in known else ""


def arithmetic_kind(left: Sql, right: Sql) -> str:
    if "FLOAT64" in (left.kind, right.kind):
        return "FLOAT64"
    if left.kind == right.kind == "INT64":
        return "INT64"
    said = {declared(left.kind), declared(right.kind)}
    return Kind("", declared="FLOAT64" if "FLOAT64" in said else "INT64") if said <= {"INT64", "FLOAT64"} else ""


def _complete(text: str) -> str:
    """The time with two digits for each of its parts, of which seconds may be left out."""
    found = re.match(r"(\d{4}-\d{1,2}-\d{1,2})[ T](\d{1,2}):(\d{1,2})(?::(\d{1,2}))?(.*)$", text)
    if found is None:
        return text
    day, hour, minute, second, rest = found.groups()
    return f"{day} {int(hour):02}:{int(minute):02}:{int(second or 0):02}{rest}"


_FURTHEST_ZONE_MINUTES = 14 * 60


def _exists(text: str, zone: str | None) -> bool:
    year, month, day, *time = (int(part) for part in re.findall(r"\d+", text.split(".")[0])[:6])
    hours, minutes = [*re.findall(r"\d+", zone or ""), "0", "0"][:2]
    offset = int(hours) * 60 + int(minutes)
    try:
        hour, minute = [*time, 0, 0][:2]
        local = datetime.datetime(year, month, day, hour, minute)
        local + datetime.timedelta(minutes=offset if zone is not None and zone.startswith("-") else -offset)
    except (ValueError, OverflowError):
        return False
    return (len(time) < 3 or time[2] <= 59) and int(minutes) <= 59 and offset <= _FURTHEST_ZONE_MINUTES


def time_literal(writer: Writer, node: exp.Expression, kind: str) -> Sql:
    """A text as a date or time; without an offset a TIMESTAMP is in UTC."""
    text = str(node.this).strip()
    if kind != "DATE" and re.search(r":60(?:\.\d*)?(?=$|[ Zz+-])", text):
        return Sql(f"longhaul_{kind.lower()}({string(text)})", kind)
    if kind == "TIME":
        if not _TIME.match(text):
            raise writer.refuse(node, "this text is no TIME", found=text, expected="HH:MM:SS[.ffffff]")
        return Sql(f"CAST({string(text)} AS TIME)", kind)
    zoned = _ZONED.match(text) if kind == "TIMESTAMP" else None
    if zoned and zoned.group(2).upper() != "UTC":
        local = time_literal(writer, exp.Literal.string(zoned.group(1)), "DATETIME")
        return Sql(f"longhaul_zone({local.text}, {string(zoned.group(2))})", kind)
    if zoned:
        text = zoned.group(1) + "+00" if ":" in zoned.group(1) else f"{zoned.group(1)} 00:00:00+00"
    # What is shorter than a microsecond is left out.
    text = re.sub(r"(\.\d{6})\d{1,3}(?=$|[Z+-])", r"\1", text)
    match = (_DATE if kind == "DATE" else _TIMESTAMP).match(text)
    if not match or (kind == "DATETIME" and match.group(1)):
        raise writer.refuse(
            node, f"this text is no {kind} that is translated", found=text, expected="YYYY-MM-DD[ HH:MM:SS[.ffffff][+HH:MM]]"
        )
    text = _complete(text)
    if not _exists(text, match.group(1) if match.re is _TIMESTAMP else None):
        raise writer.refuse(node, f"there is no such {kind}", found=text, expected="a day of the calendar, and a time of at most 23:59:59")
    if kind == "TIMESTAMP" and not match.group(1):
        text = f"{text}+00" if ":" in text else f"{text} 00:00:00+00"
    return Sql(f"CAST({string(text)} AS {DUCKDB[kind]})", kind)
