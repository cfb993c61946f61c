"""Functions of texts. Positions and lengths count characters, as in GoogleSQL for STRING."""

from __future__ import annotations

import re

from sqlglot import exp

from longhaul_sql.operands import bare
from longhaul_sql.registry import function, name_of
from longhaul_sql.types import Sql, string
from longhaul_sql.writer import Writer


def _texts(writer: Writer, call: exp.Expression) -> list[str]:
    return [writer.value(each).text for each in call.expressions]


def _plain(google: str, duckdb: str, arguments: int, kind: str) -> None:
    @function(google, arguments=arguments)
    def plain(writer: Writer, call: exp.Expression) -> Sql:
        return Sql(f"{duckdb}({', '.join(_texts(writer, call))})", kind)


for _google, _duckdb, _arguments, _kind in (
    ("LENGTH", "length", 1, "INT64"),
    ("CHAR_LENGTH", "length", 1, "INT64"),
    ("CHARACTER_LENGTH", "length", 1, "INT64"),
    ("LOWER", "lower", 1, "STRING"),
    ("UPPER", "upper", 1, "STRING"),
    ("REVERSE", "reverse", 1, "STRING"),
    ("REPLACE", "replace", 3, "STRING"),
    ("STARTS_WITH", "starts_with", 2, "BOOL"),
    ("ENDS_WITH", "suffix", 2, "BOOL"),
    ("STRPOS", "strpos", 2, "INT64"),
    ("INSTR", "strpos", 2, "INT64"),
    ("REGEXP_CONTAINS", "regexp_matches", 2, "BOOL"),
    ("FARM_FINGERPRINT", "longhaul_farm_fingerprint", 1, "INT64"),
):
    _plain(_google, _duckdb, _arguments, _kind)


@function("CONCAT")
def concat(writer: Writer, call: exp.Expression) -> Sql:
    # DuckDB's concat skips NULLs.
    return Sql("(" + " || ".join(writer.operand(each) for each in call.expressions) + ")", "STRING")


@function("SUBSTR", "SUBSTRING", arguments=(2, 3))
def substr(writer: Writer, call: exp.Expression) -> Sql:
    text, start, *length = (bare(writer, each) for each in call.expressions)
    if length:
        return Sql(f"longhaul_substr({text}, {start}, {length[0]})", "STRING")
    return Sql(f"substr({text}, longhaul_from({text}, {start}))", "STRING")


@function("LEFT", "RIGHT", arguments=2)
def left_right(writer: Writer, call: exp.Expression) -> Sql:
    text, number = (bare(writer, each) for each in call.expressions)
    name = name_of(call)
    return Sql(f"{name.lower()}({text}, longhaul_count({number}, {string(name)}))", "STRING")


@function("REPEAT", arguments=2)
def repeat(writer: Writer, call: exp.Expression) -> Sql:
    text, number = (bare(writer, each) for each in call.expressions)
    return Sql(f"repeat({text}, longhaul_count({number}, 'REPEAT'))", "STRING")


@function("LPAD", "RPAD", arguments=(2, 3))
def pad(writer: Writer, call: exp.Expression) -> Sql:
    text, number, *fill = (bare(writer, each) for each in call.expressions)
    return Sql(f"{name_of(call).lower()}({text}, longhaul_pad({text}, {number}), {fill[0] if fill else string(' ')})", "STRING")


@function("TRIM", "LTRIM", "RTRIM", arguments=(1, 2))
def trim(writer: Writer, call: exp.Expression) -> Sql:
    text, *characters = _texts(writer, call)
    return Sql(f"{name_of(call).lower()}({text}, {characters[0] if characters else 'longhaul_space()'})", "STRING")


@function("SPLIT", arguments=(1, 2))
def split(writer: Writer, call: exp.Expression) -> Sql:
    text, *separator = _texts(writer, call)
    return Sql(f"string_split({text}, {separator[0] if separator else string(',')})", "ARRAY")


def _pattern(writer: Writer, node: exp.Expression) -> int:
    """Number of groups of a regular expression, which decides what is extracted."""
    pattern = writer.string_literal(node, "the regular expression")
    try:
        groups = re.compile(pattern).groups
    except re.error:
        groups = len(re.findall(r"(?<!\\)\((?!\?)", pattern))
    if groups > 1:
        raise writer.refuse(
            node, "the regular expression has more than one group", found=pattern, hint="write (?:…) for those that are not extracted"
        )
    return groups


@function("REGEXP_EXTRACT", "REGEXP_SUBSTR", arguments=2)
def regexp_extract(writer: Writer, call: exp.Expression) -> Sql:
    text, pattern = _texts(writer, call)
    return Sql(f"longhaul_regexp_extract({text}, {pattern}, {_pattern(writer, call.expressions[1])})", "STRING")


@function("REGEXP_EXTRACT_ALL", arguments=2)
def regexp_extract_all(writer: Writer, call: exp.Expression) -> Sql:
    text, pattern = _texts(writer, call)
    return Sql(f"regexp_extract_all({text}, {pattern}, {_pattern(writer, call.expressions[1])})", "ARRAY")


@function("REGEXP_REPLACE", arguments=3)
def regexp_replace(writer: Writer, call: exp.Expression) -> Sql:
    return Sql(f"regexp_replace({', '.join(_texts(writer, call))}, 'g')", "STRING")


@function("TO_HEX", arguments=1)
def to_hex(writer: Writer, call: exp.Expression) -> Sql:
    digest = call.expressions[0]
    if isinstance(digest, exp.Anonymous) and name_of(digest) in ("MD5", "SHA256", "SHA1"):
        return Sql(f"{name_of(digest).lower()}({', '.join(_texts(writer, digest))})", "STRING")
    return Sql(f"lower(hex({writer.value(digest).text}))", "STRING")
