"""JSON: values of type JSON, and texts of JSON."""

from __future__ import annotations

from sqlglot import exp

from longhaul_sql.operands import bare
from longhaul_sql.printf import untyped
from longhaul_sql.registry import function, name_of
from longhaul_sql.signatures import require_array
from longhaul_sql.texts import typed
from longhaul_sql.types import Sql, declared, element_of, fields_of, string
from longhaul_sql.writer import Writer, Written, writes

_OLD = ("JSON_EXTRACT", "JSON_EXTRACT_SCALAR", "JSON_EXTRACT_ARRAY", "JSON_EXTRACT_STRING_ARRAY")


def options(writer: Writer, call: exp.Expression, **known: str) -> tuple[list[exp.Expression], dict[str, str]]:
    """The arguments without names, and the texts of those with one; `known` are their defaults in DuckDB."""
    plain = [each for each in call.expressions if not isinstance(each, exp.Kwarg)]
    found = dict(known)
    for each in call.expressions:
        if not isinstance(each, exp.Kwarg):
            continue
        name = each.this.name.lower()
        if name not in known:
            expected = ", ".join(f"{each} => …" for each in known) or "no named argument"
            raise writer.refuse(each, f"{name_of(call)} has no argument {name}", found=writer.excerpt(each), expected=expected)
        found[name] = writer.value(each.expression).text
    return plain, found


def require(writer: Writer, call: exp.Expression, plain: list[exp.Expression], least: int, most: int) -> None:
    if not least <= len(plain) <= most:
        number = str(least) if least == most else f"{least} to {most}"
        raise writer.refuse(call, f"{name_of(call)} takes {number} arguments", found=str(len(plain)))


def json_argument(writer: Writer, node: exp.Expression) -> str:
    """An argument that must be JSON: of a STRING it would not be the same function."""
    value = writer.value(node)
    if value.kind == "NULL":
        return "NULL::JSON"
    if value.kind not in ("", "JSON"):
        raise writer.refuse(node, f"JSON was expected, not {value.kind}", found=writer.excerpt(node), hint="use PARSE_JSON or TO_JSON")
    return value.text


@writes(exp.ParseJSON, "this", "is_literal", "expression")
def json_literal(writer: Writer, node: exp.Expression) -> Sql:
    # Fields and elements of the literal are read as those of the text in it.
    path, text = [], node.this
    while isinstance(text, (exp.Dot, exp.Bracket)):
        path.append(text)
        text = text.this
    value: exp.Expression = Written(sql=Sql(f"longhaul_parse_json({writer.value(text).text}, 'exact')", "JSON"))
    for each in reversed(path):
        part = each.copy()
        part.set("this", value)
        value = part
    return writer.value(value)


@function("PARSE_JSON")
def parse_json(writer: Writer, call: exp.Expression) -> Sql:
    plain, found = options(writer, call, wide_number_mode="'exact'")
    require(writer, call, plain, 1, 1)
    return Sql(f"longhaul_parse_json({typed(writer, plain[0], 'STRING').text}, {found['wide_number_mode']})", "JSON")


@function("TO_JSON")
def to_json(writer: Writer, call: exp.Expression) -> Sql:
    plain, found = options(writer, call, stringify_wide_numbers="FALSE")
    require(writer, call, plain, 1, 1)
    return Sql(f"longhaul_to_json({untyped(writer.value(plain[0]))}, {found['stringify_wide_numbers']})", "JSON")


@function("TO_JSON_STRING", arguments=(1, 2))
def to_json_string(writer: Writer, call: exp.Expression) -> Sql:
    value = untyped(writer.value(call.expressions[0]))
    pretty = typed(writer, call.expressions[1], "BOOL").text if len(call.expressions) == 2 else "FALSE"
    return Sql(f"longhaul_to_json_string({value}, {pretty})", "STRING")


def _looking(google: str, duckdb: str, kind: str) -> None:
    @function(google, arguments=(1, 2))
    def looking(writer: Writer, call: exp.Expression) -> Sql:
        value = typed(writer, call.expressions[0], "STRING")
        path = typed(writer, call.expressions[1], "STRING").text if len(call.expressions) == 2 else string("$")
        old = "TRUE" if google in _OLD else "FALSE"
        # The part of JSON is JSON, that of a text a text.
        result = value.kind if kind == "same" and value.kind in ("STRING", "JSON") else "" if kind == "same" else kind
        return Sql(f"{duckdb}({value.text}, {path}, {old})", result)


for _google, _duckdb, _kind in (
    ("JSON_QUERY", "longhaul_json_query", "same"),
    ("JSON_EXTRACT", "longhaul_json_query", "same"),
    ("JSON_VALUE", "longhaul_json_value", "STRING"),
    ("JSON_EXTRACT_SCALAR", "longhaul_json_value", "STRING"),
    ("JSON_QUERY_ARRAY", "longhaul_json_query_array", "ARRAY"),
    ("JSON_EXTRACT_ARRAY", "longhaul_json_query_array", "ARRAY"),
    ("JSON_VALUE_ARRAY", "longhaul_json_value_array", "ARRAY"),
    ("JSON_EXTRACT_STRING_ARRAY", "longhaul_json_value_array", "ARRAY"),
):
    _looking(_google, _duckdb, _kind)


def _conversion(google: str, duckdb: str, kind: str) -> None:
    @function(google)
    def conversion(writer: Writer, call: exp.Expression) -> Sql:
        known = {"wide_number_mode": "'round'"} if "FLOAT64" in google and not google.startswith("LAX") else {}
        plain, found = options(writer, call, **known)
        require(writer, call, plain, 1, 1)
        value = json_argument(writer, plain[0])
        return Sql(f"{duckdb}({value}, {found.get('wide_number_mode', string('round'))})", kind)


for _name in ("BOOL", "INT64", "FLOAT64", "STRING"):
    for _lax in ("", "LAX_"):
        if _lax or _name != "STRING":
            _conversion(f"{_lax}{_name}", f"longhaul_json_{_lax.lower()}{_name.lower()}", _name)
        _conversion(f"{_lax}{_name}_ARRAY", f"longhaul_json_{_lax.lower()}{_name.lower()}_array", "ARRAY")


@function("STRING", arguments=(1, 2))
def string_of(writer: Writer, call: exp.Expression) -> Sql:
    value = writer.value(call.expressions[0])
    if len(call.expressions) == 2:
        zone = typed(writer, call.expressions[1], "STRING").text
        return Sql(f"longhaul_zoned_text(CAST({value.text} AS TIMESTAMPTZ), {zone})", "STRING")
    return Sql(f"longhaul_text({'NULL::JSON' if value.kind == 'NULL' else value.text})", "STRING")


@function("JSON_TYPE", "JSON_FLATTEN", arguments=1)
def of_json(writer: Writer, call: exp.Expression) -> Sql:
    kind = "STRING" if name_of(call) == "JSON_TYPE" else "ARRAY"
    return Sql(f"longhaul_{name_of(call).lower()}({json_argument(writer, call.expressions[0])})", kind)


@function("JSON_KEYS", arguments=(1, 3))
def json_keys(writer: Writer, call: exp.Expression) -> Sql:
    plain, _ = options(writer, call)
    require(writer, call, plain, 1, 2)
    depth = typed(writer, plain[1], "INT64").text if len(plain) == 2 else "1000::BIGINT"
    return Sql(f"longhaul_json_keys({json_argument(writer, plain[0])}, {depth})", "ARRAY")


@function("JSON_ARRAY")
def json_array(writer: Writer, call: exp.Expression) -> Sql:
    return Sql(f"longhaul_json_array({', '.join(untyped(writer.value(each)) for each in call.expressions)})", "JSON")


@function("JSON_OBJECT")
def json_object(writer: Writer, call: exp.Expression) -> Sql:
    values = [writer.value(each) for each in call.expressions]
    if len(values) % 2:
        raise writer.refuse(call, "JSON_OBJECT takes pairs of a name and a value", found=writer.excerpt(call))
    if len(values) == 2 and (values[0].kind == "ARRAY" or (values[1].kind == "ARRAY" and values[0].kind == "")):
        items = "[NULL::VARCHAR[]]" if values[1].kind == "NULL" else _typed_array(call.expressions[1], values[1])
        return Sql(f"longhaul_json_object_of_arrays(CAST({values[0].text} AS VARCHAR[]), {items})", "JSON")
    return Sql(f"longhaul_json_object({', '.join(untyped(value) for value in values)})", "JSON")


def _typed_array(node: exp.Expression, value: Sql) -> str:
    empty = isinstance(node, exp.Array) and not node.expressions
    return "[[]::BIGINT[]]" if empty else f"[{value.text}]"


@function("JSON_SET", "JSON_ARRAY_APPEND", "JSON_ARRAY_INSERT")
def changing(writer: Writer, call: exp.Expression) -> Sql:
    name = name_of(call)
    option, duckdb = {
        "JSON_SET": ("create_if_missing", "longhaul_json_set"),
        "JSON_ARRAY_APPEND": ("append_each_element", "longhaul_json_append"),
        "JSON_ARRAY_INSERT": ("insert_each_element", "longhaul_json_insert"),
    }[name]
    plain, found = options(writer, call, **{option: "TRUE"})
    if len(plain) < 3 or len(plain) % 2 == 0:
        raise writer.refuse(call, f"{name} takes JSON and pairs of a path and a value", found=writer.excerpt(call))
    values = [untyped(writer.value(each)) for each in plain[1:]]
    return Sql(f"{duckdb}({', '.join([json_argument(writer, plain[0]), found[option], *values])})", "JSON")


@function("JSON_REMOVE")
def json_remove(writer: Writer, call: exp.Expression) -> Sql:
    if len(call.expressions) < 2:
        raise writer.refuse(call, "JSON_REMOVE takes JSON and paths", found=writer.excerpt(call))
    first, *paths = call.expressions
    texts = [json_argument(writer, first), *(typed(writer, each, "STRING").text for each in paths)]
    return Sql(f"longhaul_json_remove({', '.join(texts)})", "JSON")


@function("JSON_STRIP_NULLS")
def json_strip_nulls(writer: Writer, call: exp.Expression) -> Sql:
    plain, found = options(writer, call, include_arrays="TRUE", remove_empty="FALSE")
    require(writer, call, plain, 1, 2)
    path = typed(writer, plain[1], "STRING").text if len(plain) == 2 else string("$")
    value = json_argument(writer, plain[0])
    return Sql(f"longhaul_json_strip_nulls({value}, {path}, {found['include_arrays']}, {found['remove_empty']})", "JSON")


@function("JSON_CONTAINS", arguments=2)
def json_contains(writer: Writer, call: exp.Expression) -> Sql:
    values = ", ".join(json_argument(writer, each) for each in call.expressions)
    return Sql(f"longhaul_json_contains({values})", "BOOL")


@writes(exp.Bracket, "this", "expressions", "offset", "safe")
def bracket(writer: Writer, node: exp.Expression) -> Sql:
    """`array[OFFSET(i)]`, `array[i]`, `json['name']` and `json[i]`."""
    if len(node.expressions) != 1:
        raise writer.refuse(node, "an array has one index", found=writer.excerpt(node))
    index = node.expressions[0]
    value = writer.value(node.this)
    kind = writer.value(index)
    require_array(writer, node, value if value.kind != "STRUCT" else Sql(""))
    if declared(value.kind) == "ARRAY" and declared(kind.kind) not in ("", "NULL", "INT64"):
        raise writer.refuse(index, f"the place in an array is an INT64, not {declared(kind.kind)}", found=writer.excerpt(node))
    if kind.kind == "STRING" or (value.kind == "JSON" and not node.args.get("offset")):
        return Sql(f"longhaul_json_at({value.text}, {kind.text})", "JSON")
    if value.kind == "STRUCT":
        return _field_at(writer, node, value, index)
    function_name = "longhaul_safe_at" if node.args.get("safe") else "longhaul_at"
    shift = " - 1" if node.args.get("offset") == 1 else ""
    array = value.text if value.kind == "ARRAY" else f"longhaul_list({value.text})"
    return Sql(f"{function_name}({array}, {bare(writer, index)}{shift})", element_of(value.kind))


def _field_at(writer: Writer, node: exp.Expression, value: Sql, index: exp.Expression) -> Sql:
    """`struct[OFFSET(0)]`"""
    fields = fields_of(value.kind)
    place = writer.integer_literal(index, "the place of a field") + (0 if node.args.get("offset") == 1 else 1)
    if node.args.get("safe") or node.args.get("offset") is None or place < 1 or (fields is not None and place > len(fields)):
        raise writer.refuse(
            node, "a STRUCT has no such field", found=writer.excerpt(node), expected="[OFFSET(0)] is the first, [ORDINAL(1)] too"
        )
    return Sql(f"struct_extract_at({value.text}, {place})", fields[place - 1][1] if fields is not None else "")
