"""Functions of STRING and BYTES. Which of the two it is, DuckDB tells by the type: see prelude_texts.sql."""

from __future__ import annotations

import re

from sqlglot import exp

from longhaul_sql.registry import function, name_of
from longhaul_sql.signatures import require_operands
from longhaul_sql.types import DUCKDB, Sql, declared, string
from longhaul_sql.writer import Writer, writes

TEXTS = ("STRING", "BYTES")


def text_kind(values: list[Sql]) -> str:
    """STRING or BYTES where one of the values is known to be, or nothing."""
    known = {value.kind for value in values if value.kind in TEXTS}
    return known.pop() if len(known) == 1 else ""


def typed(writer: Writer, node: exp.Expression, kind: str) -> Sql:
    """A value; a NULL whose type nobody said is one of `kind`."""
    value = writer.value(node)
    types = {"STRING": "VARCHAR", "BYTES": "BLOB", "INT64": "BIGINT", "BOOL": "BOOLEAN"}
    return Sql(f"NULL::{types[kind]}", kind) if value.kind == "NULL" else value


def _text_arguments(writer: Writer, nodes: list[exp.Expression]) -> list[Sql]:
    values = [writer.value(node) for node in nodes]
    kind = text_kind(values) or "STRING"
    null = Sql("NULL::BLOB" if kind == "BYTES" else "NULL::VARCHAR", kind)
    return [null if value.kind == "NULL" else value for value in values]


def _plain(google: str, duckdb: str, arguments: int, kind: str) -> None:
    """`kind` '' is that of the arguments."""

    @function(google, arguments=arguments)
    def plain(writer: Writer, call: exp.Expression) -> Sql:
        values = _text_arguments(writer, call.expressions)
        return Sql(f"{duckdb}({', '.join(value.text for value in values)})", kind or text_kind(values))


for _google, _duckdb, _arguments, _kind in (
    ("LENGTH", "longhaul_length", 1, "INT64"),
    ("CHAR_LENGTH", "length", 1, "INT64"),
    ("CHARACTER_LENGTH", "length", 1, "INT64"),
    ("BYTE_LENGTH", "longhaul_byte_length", 1, "INT64"),
    ("OCTET_LENGTH", "longhaul_byte_length", 1, "INT64"),
    ("LOWER", "longhaul_lower", 1, ""),
    ("UPPER", "longhaul_upper", 1, ""),
    ("REVERSE", "longhaul_reverse", 1, ""),
    ("REPLACE", "longhaul_replace", 3, ""),
    ("TRANSLATE", "longhaul_translate", 3, ""),
    ("STARTS_WITH", "longhaul_starts_with", 2, "BOOL"),
    ("ENDS_WITH", "longhaul_ends_with", 2, "BOOL"),
    ("STRPOS", "longhaul_strpos", 2, "INT64"),
    ("REGEXP_CONTAINS", "longhaul_regexp_contains", 2, "BOOL"),
    ("REGEXP_REPLACE", "longhaul_regexp_replace", 3, ""),
    ("CONTAINS_SUBSTR", "longhaul_contains_substr", 2, "BOOL"),
    ("SOUNDEX", "longhaul_soundex", 1, "STRING"),
    ("ASCII", "longhaul_ascii", 1, "INT64"),
    ("UNICODE", "longhaul_unicode", 1, "INT64"),
    ("TO_CODE_POINTS", "longhaul_to_code_points", 1, "ARRAY"),
    ("FARM_FINGERPRINT", "longhaul_farm_fingerprint", 1, "INT64"),
    ("SHA512", "longhaul_sha512", 1, "BYTES"),
    ("SHA1", "longhaul_sha1", 1, "BYTES"),
    ("SHA256", "longhaul_sha256", 1, "BYTES"),
    ("MD5", "longhaul_md5", 1, "BYTES"),
):
    _plain(_google, _duckdb, _arguments, _kind)


def _of_bytes(google: str, duckdb: str, takes: str, kind: str) -> None:
    @function(google, arguments=1)
    def of_bytes(writer: Writer, call: exp.Expression) -> Sql:
        return Sql(f"{duckdb}({typed(writer, call.expressions[0], takes).text})", kind)


for _google, _duckdb, _takes, _kind in (
    ("TO_BASE32", "longhaul_to_base32", "BYTES", "STRING"),
    ("TO_BASE64", "to_base64", "BYTES", "STRING"),
    ("FROM_BASE32", "longhaul_from_base32", "STRING", "BYTES"),
    ("FROM_BASE64", "longhaul_from_base64", "STRING", "BYTES"),
    ("FROM_HEX", "longhaul_from_hex", "STRING", "BYTES"),
    ("SAFE_CONVERT_BYTES_TO_STRING", "longhaul_lenient_text_of", "BYTES", "STRING"),
    ("CHR", "longhaul_chr", "INT64", "STRING"),
):
    _of_bytes(_google, _duckdb, _takes, _kind)


@function("CODE_POINTS_TO_STRING", "CODE_POINTS_TO_BYTES", arguments=1)
def code_points(writer: Writer, call: exp.Expression) -> Sql:
    kind = name_of(call).rsplit("_", 1)[1]
    value = writer.value(call.expressions[0])
    text = "NULL::BIGINT[]" if value.kind == "NULL" else f"CAST({value.text} AS BIGINT[])"
    return Sql(f"longhaul_{name_of(call).lower()}({text})", kind)


@function("TO_HEX", arguments=1)
def to_hex(writer: Writer, call: exp.Expression) -> Sql:
    return Sql(f"lower(hex({typed(writer, call.expressions[0], 'BYTES').text}))", "STRING")


@function("INSTR", arguments=(2, 4))
def instr(writer: Writer, call: exp.Expression) -> Sql:
    value, part = _text_arguments(writer, call.expressions[:2])
    numbers = [typed(writer, each, "INT64").text for each in call.expressions[2:]] + ["1::BIGINT", "1::BIGINT"]
    return Sql(f"longhaul_instr({value.text}, {part.text}, {numbers[0]}, {numbers[1]})", "INT64")


@function("SUBSTR", "SUBSTRING", arguments=(2, 3))
def substr(writer: Writer, call: exp.Expression) -> Sql:
    [value] = _text_arguments(writer, call.expressions[:1])
    numbers = [typed(writer, each, "INT64").text for each in call.expressions[1:]]
    return Sql(f"longhaul_sub({', '.join([value.text, *numbers])})", text_kind([value]))


@function("LEFT", "RIGHT", "REPEAT", arguments=2)
def with_number(writer: Writer, call: exp.Expression) -> Sql:
    [value] = _text_arguments(writer, call.expressions[:1])
    return Sql(f"longhaul_{name_of(call).lower()}({value.text}, {typed(writer, call.expressions[1], 'INT64').text})", text_kind([value]))


@function("LPAD", "RPAD", arguments=(2, 3))
def pad(writer: Writer, call: exp.Expression) -> Sql:
    value, *fill = _text_arguments(writer, [call.expressions[0], *call.expressions[2:]])
    number = typed(writer, call.expressions[1], "INT64").text
    # Blanks of the type that the value has.
    blank = fill[0].text if fill else f"cast_to_type(' ', {value.text})"
    return Sql(f"longhaul_{name_of(call).lower()}({value.text}, {number}, {blank})", text_kind([value]))


@function("TRIM", "LTRIM", "RTRIM", arguments=(1, 2))
def trim(writer: Writer, call: exp.Expression) -> Sql:
    name = name_of(call)
    values = _text_arguments(writer, call.expressions)
    if len(values) == 1:
        return Sql(f"longhaul_{name.lower()}_space({values[0].text})", "STRING")
    side = {"TRIM": "both", "LTRIM": "left", "RTRIM": "right"}[name]
    return Sql(f"longhaul_trim_{side}({values[0].text}, {values[1].text})", text_kind(values))


@function("SPLIT", arguments=(1, 2))
def split(writer: Writer, call: exp.Expression) -> Sql:
    values = _text_arguments(writer, call.expressions)
    if len(values) == 1 and values[0].kind == "BYTES":
        raise writer.refuse(call, "SPLIT of BYTES takes a delimiter", found=writer.excerpt(call), expected="SPLIT(value, b',')")
    separator = values[1].text if len(values) == 2 else string(",")
    return Sql(f"longhaul_split({values[0].text}, {separator})", "ARRAY")


@function("INITCAP", arguments=(1, 2))
def initcap(writer: Writer, call: exp.Expression) -> Sql:
    values = _text_arguments(writer, call.expressions)
    return Sql(f"longhaul_initcap({', '.join(value.text for value in values)})", "STRING")


@function("EDIT_DISTANCE", arguments=(2, 3))
def edit_distance(writer: Writer, call: exp.Expression) -> Sql:
    values = _text_arguments(writer, call.expressions[:2])
    most = []
    if len(call.expressions) == 3:
        limit = named(writer, call.expressions[2], "max_distance")
        most = [typed(writer, limit, "INT64")]
    return Sql(f"longhaul_edit_distance({', '.join(value.text for value in [*values, *most])})", "INT64")


def named(writer: Writer, node: exp.Expression, name: str) -> exp.Expression:
    """The value of `name => value`."""
    if isinstance(node, exp.Kwarg) and node.this.name.lower() == name:
        return node.expression
    raise writer.refuse(node, f"the argument {name} is given by its name", found=writer.excerpt(node), expected=f"{name} => …")


@function("NORMALIZE", "NORMALIZE_AND_CASEFOLD", arguments=(1, 2))
def normalize(writer: Writer, call: exp.Expression) -> Sql:
    form = "NFC"
    if len(call.expressions) == 2:
        form = call.expressions[1].name.upper()
        if form not in ("NFC", "NFD", "NFKC", "NFKD"):
            raise writer.refuse(
                call.expressions[1], f"{name_of(call)} has no form {form}", found=writer.excerpt(call), expected="NFC, NFD, NFKC or NFKD"
            )
    value = typed(writer, call.expressions[0], "STRING")
    return Sql(f"longhaul_{name_of(call).lower()}({value.text}, {string(form)})", "STRING")


_AS_CAST = frozenset({"", "FLOAT64", "INT64", "BOOL", "DATE", "DATETIME", "TIME", "TIMESTAMP"})


def _part_of_text(value: Sql) -> str:
    """What is no text goes the way of CAST: 1.0 is `1`. Where only the columns tell what it is, DuckDB chooses by them."""
    return f"longhaul_part_of_text({value.text})" if value.kind in _AS_CAST and declared(value.kind) not in TEXTS else value.operand


@function("CONCAT")
def concat(writer: Writer, call: exp.Expression) -> Sql:
    if not call.expressions:
        raise writer.refuse(call, "CONCAT takes an argument", found=writer.excerpt(call))
    values = _text_arguments(writer, call.expressions)
    null = next((value for value in values if value.text.startswith("NULL::")), None)
    if null is not None:
        return null
    # DuckDB's concat skips NULLs, and of NULLs alone the operator has no type.
    text, kind = " || ".join(_part_of_text(value) for value in values), text_kind(values)
    return Sql(f"CAST({text} AS {DUCKDB[kind]})" if kind else f"({text})", kind)


# --- regular expressions ------------------------------------------------------------------------------------------------


def groups_in(writer: Writer, node: exp.Expression) -> int | None:
    """Number of groups of a regular expression, which decides what is extracted; nothing where only the rows tell."""
    if not (isinstance(node, exp.Literal) and node.is_string):
        return None
    pattern = str(node.this)
    try:
        groups = re.compile(pattern).groups
    except re.error:
        groups = len(re.findall(r"(?<!\\)\((?!\?)", pattern))
    if groups > 1:
        raise writer.refuse(
            node, "the regular expression has more than one group", found=pattern, hint="write (?:…) for those that are not extracted"
        )
    return groups


@function("REGEXP_EXTRACT", "REGEXP_SUBSTR", arguments=(2, 4))
def regexp_extract(writer: Writer, call: exp.Expression) -> Sql:
    values = _text_arguments(writer, call.expressions[:2])
    texts = ", ".join(value.text for value in values)
    groups = groups_in(writer, call.expressions[1])
    if len(call.expressions) == 2 and groups == 0 and values[0].kind != "BYTES":
        return Sql(f"longhaul_regexp_extract({texts}, 0)", "STRING")
    numbers = [typed(writer, each, "INT64").text for each in call.expressions[2:]] + ["1::BIGINT", "1::BIGINT"]
    return Sql(f"longhaul_regexp_extract_at({texts}, {numbers[0]}, {numbers[1]})", text_kind(values))


@function("REGEXP_EXTRACT_ALL", arguments=2)
def regexp_extract_all(writer: Writer, call: exp.Expression) -> Sql:
    values = _text_arguments(writer, call.expressions)
    groups_in(writer, call.expressions[1])
    return Sql(f"longhaul_regexp_extract_all({', '.join(value.text for value in values)})", "ARRAY")


@function("REGEXP_INSTR", arguments=(2, 5))
def regexp_instr(writer: Writer, call: exp.Expression) -> Sql:
    values = _text_arguments(writer, call.expressions[:2])
    groups_in(writer, call.expressions[1])
    numbers = [typed(writer, each, "INT64").text for each in call.expressions[2:]]
    numbers += ["1::BIGINT", "1::BIGINT", "0::BIGINT"][len(numbers) :]
    return Sql(f"longhaul_regexp_instr({', '.join([value.text for value in values] + numbers)})", "INT64")


# --- literals and LIKE ----------------------------------------------------------------------------------------------------


@writes(exp.ByteString, "this", "is_bytes")
def bytes_literal(writer: Writer, node: exp.Expression) -> Sql:
    data = str(node.this).encode("latin-1")
    return Sql("'" + "".join(f"\\x{each:02X}" for each in data) + "'::BLOB", "BYTES")


@writes(exp.Like, "this", "expression", "negate")
def like(writer: Writer, node: exp.Expression) -> Sql:
    pattern = node.expression
    if isinstance(pattern, (exp.Any, exp.All)):
        return _like_several(writer, node, pattern)
    values = _text_arguments(writer, [node.this, pattern])
    kinds = ["NULL" if value.text.startswith("NULL::") else value.kind for value in values]
    require_operands(writer, "LIKE", node, [(node.this, kinds[0]), (pattern, kinds[1])])
    if any(value.text.startswith("NULL::") for value in values):
        return Sql("NULL::BOOLEAN", "BOOL")
    # `\` at the end of a pattern, or before nothing that it escapes, is an error in GoogleSQL, as it is in DuckDB.
    if text_kind(values) == "STRING" and values[0].kind == values[1].kind:
        text = f"{values[0].operand} LIKE {values[1].operand} ESCAPE '\\'"
    else:
        text = f"longhaul_like({values[0].text}, {values[1].text})"
    return Sql(f"NOT ({text})" if node.args.get("negate") else text, "BOOL", atom=False)


def _like_several(writer: Writer, node: exp.Expression, patterns: exp.Expression) -> Sql:
    inner = patterns.this
    # NOT LIKE ALL: none of them matches; NOT LIKE ANY: not all of them do.
    any_of = isinstance(patterns, exp.Any) != bool(node.args.get("negate"))
    name = "any" if any_of else "all"
    operator = " OR " if any_of else " AND "
    if isinstance(inner, exp.Unnest):
        value, array = typed(writer, node.this, "STRING"), writer.value(inner.expressions[0]).text
        # An array of nothing has no type of its own.
        array = "[]::VARCHAR[]" if array == "[]" else array
        text = f"longhaul_like_{name}({value.text}, {array})"
        return Sql(f"NOT {text}" if node.args.get("negate") else text, "BOOL", atom=False)
    listed = inner.expressions if isinstance(inner, exp.Tuple) else [inner.this] if isinstance(inner, exp.Paren) else None
    if listed is None or (len(listed) == 1 and isinstance(listed[0], exp.Query)):
        raise writer.refuse(
            node,
            "LIKE ANY/ALL over the rows of a subquery is not translated",
            found=writer.excerpt(node),
            hint="use LIKE ANY UNNEST(ARRAY(SELECT …)), or write the patterns out",
        )
    negate = bool(node.args.get("negate"))
    single = [like(writer, exp.Like(this=node.this.copy(), expression=each.copy())).operand for each in listed]
    joined = f"({operator.join(single)})"
    return Sql(f"NOT {joined}" if negate else joined, "BOOL", atom=False)
