"""Expressions that are not function calls."""

from __future__ import annotations

import re

from sqlglot import exp

from longhaul_sql.coercion import alike, kind_of_all, with_common
from longhaul_sql.comparisons import compare
from longhaul_sql.nan import may_be_nan, not_nan
from longhaul_sql.operands import INT64_MAX, arithmetic_kind, bare
from longhaul_sql.queries import scalar_subquery, subquery_text
from longhaul_sql.registry import AGGREGATES, FUNCTIONS, WINDOW_FUNCTIONS, unknown_function
from longhaul_sql.signatures import require_operands
from longhaul_sql.types import TIMES, Kind, Sql, declared, quote, string
from longhaul_sql.windows import windowed
from longhaul_sql.writer import Writer, kind_within, writes

_PSEUDO = re.compile(r"^_(PARTITION|TABLE_SUFFIX|FILE_NAME|CHANGE_)", re.IGNORECASE)


@writes(exp.Literal, "this", "is_string")
def literal(writer: Writer, node: exp.Expression) -> Sql:
    text = str(node.this)
    if node.is_string:
        return Sql(string(text), "STRING")
    if text.isdigit():
        if int(text) > INT64_MAX:
            raise writer.refuse(node, "this number is no INT64", found=text, expected=f"at most {INT64_MAX}")
        return Sql(f"{int(text)}::BIGINT", "INT64")
    # DuckDB would make a DECIMAL of it; GoogleSQL makes a FLOAT64.
    return Sql(text if "e" in text.lower() else f"{text}e0", "FLOAT64")


@writes(exp.RawString, "this")
def raw_string(writer: Writer, node: exp.Expression) -> Sql:
    return Sql(string(str(node.this)), "STRING")


@writes(exp.Null)
def null(writer: Writer, node: exp.Expression) -> Sql:
    return Sql("NULL", "NULL")


@writes(exp.Boolean, "this")
def boolean(writer: Writer, node: exp.Expression) -> Sql:
    return Sql("TRUE" if node.this else "FALSE", "BOOL")


@writes(exp.Parameter, "this")
def parameter(writer: Writer, node: exp.Expression) -> Sql:
    name = node.name
    if name not in writer.parameters:
        writer.parameters.append(name)
    if writer.parameter_types is None:
        return Sql(f"${name}")
    declared = writer.parameter_types.get(name)
    if declared is None:
        known = ", ".join(f"@{each}" for each in writer.parameter_types) or "none"
        raise writer.refuse(node, f"@{name} has no value", found=f"@{name}", expected=f"one of the parameters: {known}")
    data_type = exp.DataType.build(declared, dialect="bigquery")
    return Sql(f"CAST(${name} AS {writer.duckdb_type(data_type)})", writer.kind_of(data_type))


@writes(exp.Column, "this", "table", "db", "catalog")
def column(writer: Writer, node: exp.Expression) -> Sql:
    parts = [part for key in ("catalog", "db", "table", "this") if (part := node.args.get(key)) is not None]
    if not all(isinstance(part, exp.Identifier) for part in parts):
        raise writer.refuse(node, "a star is not translated here", found=writer.excerpt(node), hint="name the columns")
    names = [part.name for part in parts]
    if _PSEUDO.match(names[-1]):
        raise writer.refuse(node, "pseudo-columns are not translated", found=names[-1], hint="use a column of the table")
    lower = names[0].lower()
    if len(names) > 1 and lower in writer.scope.lost - set(writer.scope.columns):
        raise writer.refuse(
            node,
            f"the table {names[0]} of a join is not translated after this step of the pipe",
            found=writer.excerpt(node),
            hint="SELECT its columns, with AS, in a step before",
        )
    aliases = writer.scope.aliases
    if len(names) == 1 and aliases is not None and lower in aliases:
        if writer.scope.in_aggregate:
            raise writer.refuse(
                node,
                f"{names[0]} may be a column or the alias of the SELECT list",
                found=names[0],
                hint="qualify the column with its table, or give the alias another name",
            )
        return aliases[lower]
    if len(names) == 1 and lower in writer.scope.tables:
        if lower in writer.scope.with_offset:
            raise writer.refuse(node, "a row of UNNEST WITH OFFSET as a value is not translated", found=names[0], hint="name its fields")
        columns = writer.scope.columns.get(lower)
        return Sql(quote(names[0]), Kind("STRUCT", fields=columns) if columns is not None else "STRUCT")
    if len(names) == 1 and lower in writer.variables:
        return Sql(variable(writer, lower), writer.variables[lower])
    return Sql(".".join(quote(name) for name in names), writer.kind_of_column(names))


def variable(writer: Writer, name: str) -> str:
    """A variable's value. In GoogleSQL a column of that name would win, so there must be none."""
    tables = sorted({table.split(".")[-1] for table in writer.reads})
    value = f"SELECT value FROM {quote(variable_table(name))}"
    if not tables:
        return f"({value})"
    among = ", ".join(string(table) for table in tables)
    column_of = f"SELECT 1 FROM duckdb_columns() WHERE table_name IN ({among}) AND lower(column_name) = {string(name)}"
    message = string(f"{name} is a variable and a column of a table: give the variable another name")
    return f"(SELECT CASE WHEN EXISTS ({column_of}) THEN error({message}) ELSE value END FROM {quote(variable_table(name))})"


def variable_table(name: str) -> str:
    return f"longhaul_variable_{name.lower()}"


@writes(exp.Paren, "this")
def paren(writer: Writer, node: exp.Expression) -> Sql:
    inner = writer.value(node.this)
    return Sql(f"({inner.text})", inner.kind)


@writes(exp.Dot, "this", "expression")
def dot(writer: Writer, node: exp.Expression) -> Sql:
    if not isinstance(node.expression, exp.Identifier):
        name = f"{node.this.sql('bigquery')}.{node.expression.name or ''}".upper()
        hint = "BigQuery ML runs on BigQuery only; use a step of kind evaluate" if name.startswith("ML.") else None
        raise writer.refuse(node, f"{name} is not translated", found=writer.excerpt(node), hint=hint)
    value = writer.value(node.this)
    if value.kind == "JSON":
        return Sql(f"longhaul_json_at({value.text}, {string(node.expression.name)})", "JSON")
    if value.kind == "ARRAY":
        raise writer.refuse(node, "an array has no fields", found=writer.excerpt(node), hint="SELECT e.field FROM UNNEST(array) AS e")
    return Sql(f"({value.operand}).{quote(node.expression.name)}", kind_within(value.kind, [node.expression.name]))


_NUMBERS = ("INT64", "FLOAT64")


def refuse_null(writer: Writer, node: exp.Expression, operator: str) -> None:
    """GoogleSQL knows no type of a literal NULL beside an operator."""
    for side in (node.this, node.args.get("expression")):
        if isinstance(side, exp.Null):
            raise writer.refuse(node, f"an operand of {operator} is a literal NULL", found=writer.excerpt(node), hint="CAST(NULL AS …)")


def _arithmetic(writer: Writer, node: exp.Expression, operator: str) -> Sql:
    refuse_null(writer, node, operator)
    left, right = writer.value(node.this), writer.value(node.expression)
    require_operands(writer, operator, node, [(node.this, left.kind), (node.expression, right.kind)])
    said = (declared(left.kind), declared(right.kind))
    time = next((kind for kind in said if kind in TIMES), None)
    if time is not None:
        other = said[1] if said[0] == time else said[0]
        goes = other in ("", "INTERVAL") or (time == "DATE" and other == "INT64" and operator != "*")
        if not goes or any(side.kind in TIMES for side in (left, right)):
            raise writer.refuse(
                node,
                f"{operator} of {time} and {other}" + (" is not translated" if goes else " is none that there is"),
                found=writer.excerpt(node),
                hint=f"use {time}_ADD, {time}_SUB or {time}_DIFF",
            )
    kind = arithmetic_kind(left, right)
    left_text = left.operand if kind == "INT64" else bare(writer, node.this)
    right_text = right.operand if kind == "INT64" else bare(writer, node.expression)
    if operator == "-" and not any(side.kind in _NUMBERS for side in (left, right)):
        # Of two dates GoogleSQL makes an INTERVAL and DuckDB a number: a date cannot be negated, so this fails instead.
        return Sql(f"{left_text} + (-{right_text})", kind, atom=False)
    return Sql(f"{left_text} {operator} {right_text}", kind, atom=False)


@writes(exp.Add, "this", "expression")
def add(writer: Writer, node: exp.Expression) -> Sql:
    return _arithmetic(writer, node, "+")


@writes(exp.Sub, "this", "expression")
def subtract(writer: Writer, node: exp.Expression) -> Sql:
    return _arithmetic(writer, node, "-")


@writes(exp.Mul, "this", "expression")
def multiply(writer: Writer, node: exp.Expression) -> Sql:
    return _arithmetic(writer, node, "*")


@writes(exp.Div, "this", "expression", "typed", "safe")
def divide(writer: Writer, node: exp.Expression) -> Sql:
    divisor = node.expression
    left = bare(writer, node.this)
    require_operands(writer, "/", node, [(each, writer.type_of(each)) for each in (node.this, divisor)])
    if isinstance(divisor, exp.Literal) and not divisor.is_string and float(divisor.this) != 0:
        return Sql(f"{left} / {bare(writer, divisor)}", "FLOAT64", atom=False)
    numbers = writer.value(node.this), writer.value(divisor)
    require_operands(writer, "/", node, [(node.this, numbers[0].kind), (divisor, numbers[1].kind)])
    return Sql(f"longhaul_divide({numbers[0].text}, {numbers[1].text})", "FLOAT64")


@writes(exp.Neg, "this")
def negate(writer: Writer, node: exp.Expression) -> Sql:
    if isinstance(node.this, exp.Literal) and not node.this.is_string and str(node.this.this) == str(INT64_MAX + 1):
        return Sql(f"(-{INT64_MAX}::BIGINT - 1)", "INT64")
    inner = writer.value(node.this)
    require_operands(writer, "the operator -", node, [(node.this, inner.kind)])
    if isinstance(node.this, exp.Literal):
        return Sql(f"(-{inner.text})", inner.kind)
    return Sql(f"-{inner.operand}", inner.kind, atom=False)


@writes(exp.DPipe, "this", "expression", "safe")
def concatenate(writer: Writer, node: exp.Expression) -> Sql:
    left, right = alike(writer, node, [writer.value(node.this), writer.value(node.expression)])
    require_operands(writer, "||", node, [(node.this, left.kind), (node.expression, right.kind)])
    kind = left.kind if left.kind == right.kind and left.kind else ""
    return Sql(f"{left.operand} || {right.operand}", kind, atom=False)


@writes(exp.And, "this", "expression")
def both(writer: Writer, node: exp.Expression) -> Sql:
    return _connected(writer, node, "AND")


@writes(exp.Or, "this", "expression")
def either(writer: Writer, node: exp.Expression) -> Sql:
    return _connected(writer, node, "OR")


def _connected(writer: Writer, node: exp.Expression, operator: str) -> Sql:
    left, right = writer.value(node.this), writer.value(node.expression)
    require_operands(writer, operator, node, [(node.this, left.kind), (node.expression, right.kind)])
    return Sql(f"{left.operand} {operator} {right.operand}", "BOOL", atom=False)


@writes(exp.Not, "this")
def negation(writer: Writer, node: exp.Expression) -> Sql:
    refuse_null(writer, node, "NOT")
    inner = writer.value(node.this)
    require_operands(writer, "NOT", node, [(node.this, inner.kind)])
    return Sql(f"NOT {inner.operand}", "BOOL", atom=False)


@writes(exp.Is, "this", "expression")
def is_(writer: Writer, node: exp.Expression) -> Sql:
    if not isinstance(node.expression, (exp.Null, exp.Boolean)):
        raise writer.refuse(node, "IS takes NULL, TRUE or FALSE", found=writer.excerpt(node))
    value = writer.value(node.this)
    if isinstance(node.expression, exp.Boolean):
        require_operands(writer, "IS", node, [(node.this, value.kind)])
    return Sql(f"{value.operand} IS {writer.value(node.expression).text}", "BOOL", atom=False)


@writes(exp.Exists, "this")
def exists(writer: Writer, node: exp.Expression) -> Sql:
    return Sql(f"EXISTS ({subquery_text(writer, node.this)})", "BOOL")


@writes(exp.Case, "this", "ifs", "default")
def case(writer: Writer, node: exp.Expression) -> Sql:
    operand = node.args.get("this")
    text = "CASE"
    compared = writer.value(operand) if operand is not None else Sql("")
    by_fields = compared.kind == "STRUCT"
    if operand is not None and not by_fields:
        nan = may_be_nan(operand, compared) and any(may_be_nan(each.this, writer.value(each.this)) for each in node.args["ifs"])
        text += f" {not_nan(compared.text) if nan else compared.operand}"
    branches, default = node.args["ifs"], node.args.get("default")
    if operand is not None and not by_fields:
        whens = [branch.this for branch in branches]
        with_common(writer, [operand, *whens], [compared, *(writer.value(each) for each in whens)], "CASE")
    answers = [*(branch.args["true"] for branch in branches), *([default] if default else [])]
    results = with_common(writer, answers, alike(writer, node, [writer.value(each) for each in answers]), "CASE")
    for branch, then in zip(branches, results, strict=False):
        if operand is None:
            when = writer.condition_value(branch.this, "filter").text
        elif by_fields:
            when = compare(writer, "=", operand, branch.this, "filter").text
        else:
            when = bare(writer, branch.this)
        text += f" WHEN {when} THEN {then.text}"
    if default is not None:
        text += f" ELSE {results[-1].text}"
    return Sql(f"{text} END", kind_of_all(results))


@writes(exp.Subquery, "this")
def subquery(writer: Writer, node: exp.Expression) -> Sql:
    return scalar_subquery(writer, node)


@writes(exp.Anonymous, "this", "expressions")
def call(writer: Writer, node: exp.Expression) -> Sql:
    name = str(node.this if isinstance(node.this, str) else node.this.name).upper()
    if name in FUNCTIONS:
        return FUNCTIONS[name](writer, node)
    if name in AGGREGATES:
        return AGGREGATES[name](writer, node, "")
    if name in WINDOW_FUNCTIONS:
        raise writer.refuse(node, f"{name} needs OVER", found=writer.excerpt(node))
    raise unknown_function(writer, node, name)


@writes(exp.Window, "this", "partition_by", "order", "spec", "alias", "over")
def window(writer: Writer, node: exp.Expression) -> Sql:
    function = node.this
    if not isinstance(function, exp.Anonymous):
        raise writer.refuse(
            node, "this is no window function", found=writer.excerpt(node), hint="IGNORE NULLS goes inside of the parentheses"
        )
    name = str(function.this).upper()
    rule = WINDOW_FUNCTIONS.get(name) or AGGREGATES.get(name)
    if rule is not None:
        return windowed(writer, node, lambda over: rule(writer, function, over))
    if name in FUNCTIONS:
        raise writer.refuse(node, f"{name} is no window function", found=writer.excerpt(node))
    raise unknown_function(writer, function, name)


@writes(exp.Extract, "this", "expression")
def extract(writer: Writer, node: exp.Expression) -> Sql:
    return FUNCTIONS["EXTRACT"](writer, node)
