"""CAST and SAFE_CAST. What a column is, DuckDB tells when the statement is planned: see prelude.sql and prelude_texts.sql."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from longhaul_sql.coercion import by_place, parts_of
from longhaul_sql.operands import time_literal
from longhaul_sql.registry import name_of
from longhaul_sql.safely import safely
from longhaul_sql.signatures import require_cast
from longhaul_sql.structs import field_name
from longhaul_sql.texts import typed
from longhaul_sql.types import DType, Sql, fields_of, quote
from longhaul_sql.writer import Writer, fields_in, writes

_TIMES = ("DATE", "TIMESTAMP", "DATETIME", "TIME")
_BYTES_FORMATS = ("HEX", "BASE2", "BASE8", "BASE16", "BASE32", "BASE64", "BASE64M", "ASCII", "UTF-8", "UTF8")


@writes(exp.Cast, "this", "to", "format")
def cast(writer: Writer, node: exp.Expression) -> Sql:
    return _cast(writer, node, safe=False)


@writes(exp.TryCast, "this", "to", "format", "safe", "requires_string")
def safe_cast(writer: Writer, node: exp.Expression) -> Sql:
    return _cast(writer, node, safe=True)


def _cast(writer: Writer, node: exp.Expression, *, safe: bool) -> Sql:
    target, inner = node.args["to"], node.this
    kind = writer.kind_of(target)
    to = writer.duckdb_type(target)
    if node.args.get("format") is not None:
        return _with_format(writer, node, kind, safe=safe)
    if kind == "JSON" and writer.value(inner).kind not in ("NULL", "JSON"):
        raise writer.refuse(node, "BigQuery has no CAST to JSON", found=writer.excerpt(node), hint="use TO_JSON, or PARSE_JSON of a text")
    if isinstance(inner, exp.Struct):  # STRUCT<a INT64>(1)
        return Sql(f"CAST({_struct(writer, node, target, inner.expressions)} AS {to})", kind)
    if isinstance(inner, exp.Array):
        return Sql(f"CAST({_array(writer, target, inner)} AS {to})", kind)
    if kind == "STRUCT" and isinstance(inner, exp.Tuple):
        return Sql(f"CAST({_struct(writer, node, target, inner.expressions)} AS {to})", kind)
    if isinstance(inner, exp.Literal) and inner.is_string and not safe and kind in _TIMES:
        return time_literal(writer, inner, kind)
    value = writer.value(inner)
    require_cast(writer, node, value.kind, kind)
    if value.kind == "NULL" or (value.kind == kind and kind not in ("ARRAY", "STRUCT")):
        return Sql(f"CAST({value.text} AS {to})", kind)
    if kind == "STRUCT" and fields_of(value.kind) is not None and len(fields_of(value.kind) or ()) == len(target.expressions) and not safe:
        casts = [exp.Cast(this=part, to=each.copy()) for part, (_, each) in zip(parts_of(value) or [], fields_in(target), strict=True)]
        text = _struct(writer, node, target, casts)
        return Sql(f"CASE WHEN {value.operand} IS NOT NULL THEN CAST({text} AS {to}) END", kind)
    if kind == "STRUCT":
        raise writer.refuse(node, "CAST to STRUCT is not translated", found=writer.excerpt(node), hint="make it of its fields: STRUCT(…)")
    if kind == "ARRAY":
        element = target.expressions[0]
        if writer.kind_of(element) == "STRUCT":
            raise writer.refuse(node, "CAST to an ARRAY of STRUCT is not translated", found=writer.excerpt(node))
        each = _scalar(writer, node, "longhaul_e", "", writer.kind_of(element), writer.duckdb_type(element), safe=False)
        text = f"list_transform({value.text}, lambda longhaul_e: {each})"
        return Sql(safely(text) if safe else text, kind)
    return Sql(_scalar(writer, node, value.text, value.kind, kind, to, safe=safe), kind)


def _scalar(writer: Writer, node: exp.Expression, text: str, source: str, kind: str, to: str, *, safe: bool) -> str:
    prefix = "longhaul_safe_" if safe else "longhaul_"
    if kind == "INT64" and source != "BOOL":
        return f"{prefix}int64({text})"
    if kind == "STRING" and source == "INTERVAL":
        return f"longhaul_format('%t', [{text}])"
    if kind == "STRING" and source not in ("INT64", "DATE", "BOOL"):
        return safely(f"longhaul_as_string({text})") if safe else f"longhaul_as_string({text})"
    if kind == "BOOL" and source != "INT64":
        return f"{prefix}bool({text})"
    if kind in _TIMES and source in ("", "STRING"):
        return f"{prefix}{kind.lower()}({text})"
    if kind == "BYTES":
        return f"longhaul_as_bytes({text})"
    return f"{'TRY_CAST' if safe else 'CAST'}({text} AS {to})"


def _array(writer: Writer, target: exp.DataType, array: exp.Array) -> str:
    element = target.expressions[0] if target.expressions else None
    if element is None or element.this != DType.STRUCT:
        return writer.value(array).text
    rows = []
    for item in array.expressions:
        rows.append(_part(writer, element, item))
    return f"[{', '.join(rows)}]"


def _part(writer: Writer, target: exp.DataType, item: exp.Expression) -> str:
    """A value of a type that is written before: fields of structs have the names of the type, and a text for a DATE is one, as in CAST."""
    kind = writer.kind_of(target)
    if kind == "STRUCT":
        values = item.expressions if isinstance(item, exp.Tuple) else [item.this] if isinstance(item, exp.Paren) else None
        if isinstance(item, exp.Anonymous) and name_of(item) == "STRUCT":
            values = [each.this if isinstance(each, exp.Alias) else each for each in item.expressions]
        if values is not None:
            return _struct(writer, item, target, values)
        value = writer.value(item)
        return by_place(value.text, value.kind, kind)
    if kind == "ARRAY" and isinstance(item, exp.Array):
        return _array(writer, target, item)
    if isinstance(item, exp.Literal) and item.is_string and kind in _TIMES:
        return time_literal(writer, item, kind).text
    return writer.value(item).text


def _struct(writer: Writer, node: exp.Expression, struct: exp.DataType, values: Sequence[exp.Expression]) -> str:
    if len(struct.expressions) != len(values):
        raise writer.refuse(node, "this STRUCT has another number of values than fields", found=writer.excerpt(node))
    pairs = []
    for place, (field, value) in enumerate(zip(struct.expressions, values, strict=True)):
        name = field.name if isinstance(field, exp.ColumnDef) else ""
        kind = field.args["kind"] if isinstance(field, exp.ColumnDef) else field
        pairs.append(f"{quote(field_name(name, place))}: {_part(writer, kind, value)}")
    return "{" + ", ".join(pairs) + "}"


def _with_format(writer: Writer, node: exp.Expression, kind: str, *, safe: bool) -> Sql:
    pattern, zone = node.args["format"], None
    if isinstance(pattern, exp.AtTimeZone):
        pattern, zone = pattern.this, pattern.args["zone"]
    value = typed(writer, node.this, "STRING")
    require_cast(writer, node, value.kind, kind)
    written = typed(writer, pattern, "STRING").text
    of_times = _format_of_times(writer, kind, value, written, zone)
    if of_times is None and value.kind not in ("", "STRING", "BYTES", "NULL"):
        raise writer.refuse(
            node, f"CAST of {value.kind} with FORMAT is not translated", found=writer.excerpt(node), hint="use FORMAT('%…', x)"
        )
    if of_times is None and (value.kind != "BYTES" and kind != "BYTES"):
        raise writer.refuse(
            node,
            "CAST with FORMAT is translated where the type of the value is written",
            found=writer.excerpt(node),
            hint="use FORMAT_DATE, FORMAT_TIMESTAMP or FORMAT, or CAST the value first",
        )
    text = of_times or _format_of_bytes(writer, node, kind, value, pattern, written)
    return Sql(safely(text) if safe else text, kind)


def _format_of_times(writer: Writer, kind: str, value: Sql, pattern: str, zone: exp.Expression | None) -> str | None:
    place = typed(writer, zone, "STRING").text if zone is not None else "'UTC'"
    if kind == "STRING" and value.kind in _TIMES:
        if value.kind == "TIMESTAMP":
            return f"longhaul_cast_format_timestamp({pattern}, {value.text}, {place})"
        local = f"(DATE '1970-01-01' + {value.text})" if value.kind == "TIME" else f"CAST({value.text} AS TIMESTAMP)"
        return f"longhaul_cast_format({pattern}, '{value.kind}', {local}, 0::BIGINT)"
    if kind in _TIMES and value.kind in ("STRING", ""):
        micros = f"longhaul_cast_parse({pattern}, '{kind}', {value.text})"
        if kind == "TIMESTAMP":
            return f"longhaul_cast_parse_timestamp({pattern}, {value.text}, {place})"
        return f"CAST(make_timestamp({micros}) AS {kind if kind != 'DATETIME' else 'TIMESTAMP'})"
    return None


def _format_of_bytes(writer: Writer, node: exp.Expression, kind: str, value: Sql, pattern: exp.Expression, written: str) -> str:
    literal = str(pattern.this).upper() if isinstance(pattern, exp.Literal) and pattern.is_string else None
    if kind not in ("BYTES", "STRING"):
        raise writer.refuse(node, f"CAST of {value.kind} to {kind} has no FORMAT", found=writer.excerpt(node))
    if literal is not None and literal not in _BYTES_FORMATS:
        raise writer.refuse(pattern, "CAST has no such format of BYTES", found=writer.excerpt(pattern), expected=", ".join(_BYTES_FORMATS))
    function = "longhaul_bytes_of_text" if kind == "BYTES" else "longhaul_text_of_bytes"
    return f"{function}({value.text}, {written})"
