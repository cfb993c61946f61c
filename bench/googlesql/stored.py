"""Values of a parquet file as GoogleSQL's values: lists of a letter for the type and the value."""

from __future__ import annotations

import math
import re
from typing import Any

import pyarrow as pa


class Exotic(Exception):
    """Thrown for a type that BigQuery does not have."""


def stored_value(t: pa.DataType, v: Any) -> Any:
    if v is None:
        return None
    if pa.types.is_integer(t):
        return ["i", str(v)]
    if pa.types.is_floating(t):
        return ["f", "nan" if math.isnan(v) else ("inf" if v > 0 else "-inf") if math.isinf(v) else repr(v)]
    if pa.types.is_boolean(t):
        return ["B", v]
    if pa.types.is_string(t) or pa.types.is_large_string(t):
        return ["s", v]
    if pa.types.is_binary(t) or pa.types.is_large_binary(t):
        return ["b", v.hex()]
    if pa.types.is_date(t):
        return ["d", str(days_of(v.year, v.month, v.day))]
    if pa.types.is_timestamp(t):
        us = days_of(v.year, v.month, v.day) * 86_400_000_000 + ((v.hour * 60 + v.minute) * 60 + v.second) * 1_000_000 + v.microsecond
        return ["ts" if t.tz else "dt", str(us)]
    if pa.types.is_time(t):
        return ["t", v.isoformat()]
    if pa.types.is_decimal(t):
        return ["n", str(v)]
    if pa.types.is_list(t) or pa.types.is_large_list(t):
        return ["a", True, [stored_value(t.value_type, x) for x in v]]
    if pa.types.is_struct(t):
        return ["S", [[t.field(i).name, stored_value(t.field(i).type, v[t.field(i).name])] for i in range(t.num_fields)]]
    if pa.types.is_map(t):
        raise Exotic("map")
    if pa.types.is_null(t):
        return None
    raise Exotic(str(t))


def google_type(t: pa.DataType) -> Any:
    if pa.types.is_integer(t):
        return "INT64"
    if pa.types.is_floating(t):
        return "DOUBLE" if t == pa.float64() else "FLOAT32!"
    if pa.types.is_boolean(t):
        return "BOOL"
    if pa.types.is_string(t):
        return "STRING"
    if pa.types.is_binary(t):
        return "BYTES"
    if pa.types.is_date(t):
        return "DATE"
    if pa.types.is_timestamp(t):
        return "TIMESTAMP" if t.tz else "DATETIME"
    if pa.types.is_time(t):
        return "TIME"
    if pa.types.is_decimal(t):
        return "NUMERIC"
    if pa.types.is_list(t):
        return ["ARRAY", google_type(t.value_type)]
    if pa.types.is_struct(t):
        return ["STRUCT", [[t.field(i).name, google_type(t.field(i).type)] for i in range(t.num_fields)]]
    if pa.types.is_fixed_size_binary(t):
        return "FIXED_BINARY(" + str(t) + ")"
    return str(t)


def micros(text: str) -> int:
    """Microseconds since the epoch of '2001-02-03 04:05:06.789+00'; year 1 to 9999"""
    m = re.fullmatch(
        r"(\d{1,5})-(\d{1,2})-(\d{1,2})(?:[ T](\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,12}))?)?\s*(Z|UTC|[+-]\d{1,2}(?::?\d{2})?)?",
        text.strip(),
    )
    if not m:
        raise ValueError("time " + text)
    y, mo, d = (int(x) for x in m.groups()[:3])
    h, mi, s = (int(x or 0) for x in m.groups()[3:6])
    us = int((m.group(7) or "0")[:6].ljust(6, "0")) if m.group(7) else 0
    off = 0
    if m.group(8) and m.group(8) not in ("Z", "UTC"):
        o = re.fullmatch(r"([+-])(\d{1,2}):?(\d{2})?", m.group(8))
        off = (1 if o.group(1) == "+" else -1) * (int(o.group(2)) * 60 + int(o.group(3) or 0))
    days = days_of(y, mo, d)
    return ((days * 24 + h) * 60 + mi - off) * 60_000_000 + s * 1_000_000 + us


def days_of(y: int, m: int, d: int) -> int:
    """Days since 1970 of a date of any year."""
    y -= m <= 2
    era = (y if y >= 0 else y - 399) // 400
    yoe = y - era * 400
    doy = (153 * (m + (-3 if m > 2 else 9)) + 2) // 5 + d - 1
    doe = yoe * 365 + yoe // 4 - yoe // 100 + doy
    return era * 146097 + doe - 719468
