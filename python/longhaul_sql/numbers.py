"""Bits, and functions of FLOAT64 that DuckDB has otherwise."""

from __future__ import annotations

from sqlglot import exp

from longhaul_sql.maths import double
from longhaul_sql.operands import INT64_MAX, arithmetic_kind
from longhaul_sql.registry import function, name_of
from longhaul_sql.signatures import require_operands
from longhaul_sql.texts import typed
from longhaul_sql.types import Sql, string
from longhaul_sql.writer import Writer, writes


@writes(exp.HexString, "this", "is_integer")
def hexadecimal(writer: Writer, node: exp.Expression) -> Sql:
    value = int(str(node.this), 16)
    if value > INT64_MAX:
        raise writer.refuse(node, "this number is no INT64", found=f"0x{node.this}", expected=f"at most {INT64_MAX}")
    return Sql(f"{value}::BIGINT", "INT64")


def _bitwise(node_type: type[exp.Expression], operator: str, duckdb: str) -> None:
    @writes(node_type, "this", "expression")
    def bitwise(writer: Writer, node: exp.Expression) -> Sql:
        left, right = typed(writer, node.this, "INT64"), typed(writer, node.expression, "INT64")
        require_operands(writer, operator, node, [(node.this, left.kind), (node.expression, right.kind)])
        kind = left.kind if left.kind in ("INT64", "BYTES") else ""
        return Sql(f"{duckdb}({left.text}, {right.text})", kind)


for _type, _operator, _duckdb in (
    (exp.BitwiseAnd, "&", "longhaul_bit_and"),
    (exp.BitwiseOr, "|", "longhaul_bit_or"),
    (exp.BitwiseXor, "^", "longhaul_bit_xor"),
    (exp.BitwiseLeftShift, "<<", "longhaul_shift_left"),
    (exp.BitwiseRightShift, ">>", "longhaul_shift_right"),
):
    _bitwise(_type, _operator, _duckdb)


@writes(exp.BitwiseNot, "this")
def bitwise_not(writer: Writer, node: exp.Expression) -> Sql:
    value = typed(writer, node.this, "INT64")
    require_operands(writer, "~", node, [(node.this, value.kind)])
    return Sql(f"longhaul_bit_not({value.text})", value.kind)


@function("BIT_COUNT", arguments=1)
def bit_count(writer: Writer, call: exp.Expression) -> Sql:
    value = typed(writer, call.expressions[0], "INT64")
    if value.kind not in ("", "INT64", "BYTES"):
        raise writer.refuse(call, f"BIT_COUNT takes INT64 or BYTES, not {value.kind}", found=writer.excerpt(call))
    return Sql(f"longhaul_bits({value.text})", "INT64")


def _of_double(google: str, duckdb: str) -> None:
    @function(google, arguments=1)
    def of_double(writer: Writer, call: exp.Expression) -> Sql:
        return Sql(f"{duckdb}({double(writer, call.expressions[0])})", "FLOAT64")


for _google, _duckdb in (
    ("EXP", "longhaul_exp"),
    ("LN", "longhaul_ln"),
    ("LOG10", "longhaul_log10"),
    ("SQRT", "longhaul_sqrt"),
    ("SIN", "longhaul_sin"),
    ("COS", "longhaul_cos"),
    ("TAN", "longhaul_tan"),
    ("ASIN", "longhaul_asin"),
    ("ACOS", "longhaul_acos"),
    ("TANH", "tanh"),
    ("ASINH", "asinh"),
    ("ACOSH", "longhaul_acosh"),
    ("ATANH", "longhaul_atanh"),
    ("CBRT", "cbrt"),
):
    _of_double(_google, _duckdb)


@function("SINH", "COSH", arguments=1)
def growing(writer: Writer, call: exp.Expression) -> Sql:
    value, name = double(writer, call.expressions[0]), name_of(call)
    return Sql(f"longhaul_real({name.lower()}({value}), {value}, {string(name)})", "FLOAT64")


@function("COT", "CSC", "SEC", "COTH", "CSCH", "SECH", arguments=1)
def reciprocal(writer: Writer, call: exp.Expression) -> Sql:
    name = name_of(call)
    of = {"COT": "longhaul_tan", "CSC": "longhaul_sin", "SEC": "longhaul_cos", "COTH": "tanh", "CSCH": "sinh", "SECH": "cosh"}[name]
    return Sql(f"longhaul_reciprocal({of}({double(writer, call.expressions[0])}), {string(name)})", "FLOAT64")


@function("POW", "POWER", arguments=2)
def power(writer: Writer, call: exp.Expression) -> Sql:
    return Sql(f"longhaul_pow({', '.join(double(writer, each) for each in call.expressions)})", "FLOAT64")


@function("LOG", arguments=(1, 2))
def log(writer: Writer, call: exp.Expression) -> Sql:
    texts = [double(writer, each) for each in call.expressions]
    return Sql(f"longhaul_log({', '.join(texts)})" if len(texts) == 2 else f"longhaul_ln({texts[0]})", "FLOAT64")


@function("IEEE_DIVIDE", arguments=2)
def ieee_divide(writer: Writer, call: exp.Expression) -> Sql:
    left, right = (double(writer, each) for each in call.expressions)
    return Sql(f"({left} / {right})", "FLOAT64")


@function("SAFE_ADD", "SAFE_SUBTRACT", "SAFE_MULTIPLY", arguments=2)
def safe_operator(writer: Writer, call: exp.Expression) -> Sql:
    operator = {"SAFE_ADD": "+", "SAFE_SUBTRACT": "-", "SAFE_MULTIPLY": "*"}[name_of(call)]
    left, right = (writer.value(each) for each in call.expressions)
    return Sql(f"TRY({left.operand} {operator} {right.operand})", arithmetic_kind(left, right))


@function("SAFE_NEGATE", arguments=1)
def safe_negate(writer: Writer, call: exp.Expression) -> Sql:
    value = writer.value(call.expressions[0])
    return Sql(f"TRY(-{value.operand})", value.kind)
