"""Aggregate and window functions."""

from __future__ import annotations

from sqlglot import exp

from longhaul_sql.coercion import with_common
from longhaul_sql.nan import is_nan, may_be_nan, order_key
from longhaul_sql.operands import bare
from longhaul_sql.ordering import order_text
from longhaul_sql.registry import Arguments, aggregate, arguments_of, name_of, window_function
from longhaul_sql.types import Kind, Sql, array_of, string
from longhaul_sql.writer import Writer


def _one(writer: Writer, call: exp.Expression, values: list[exp.Expression]) -> str:
    if len(values) != 1:
        raise writer.refuse(call, f"{name_of(call)} takes 1 argument", found=str(len(values)))
    with writer.in_aggregate():
        return writer.value(values[0]).text


def _simple(google: str, duckdb: str, kind: str, *known: str) -> None:
    @aggregate(google)
    def simple(writer: Writer, call: exp.Expression, over: str) -> Sql:
        arguments = arguments_of(writer, call, *known)
        distinct = "DISTINCT " if arguments.distinct else ""
        return Sql(f"{duckdb}({distinct}{_one(writer, call, arguments.values)}){over}", kind)


for _google, _duckdb, _kind in (
    ("LOGICAL_OR", "bool_or", "BOOL"),
    ("LOGICAL_AND", "bool_and", "BOOL"),
):
    _simple(_google, _duckdb, _kind)


@aggregate("COUNT")
def count(writer: Writer, call: exp.Expression, over: str) -> Sql:
    if len(call.expressions) == 1 and isinstance(call.expressions[0], exp.Star):
        counted = f"count(*){over}"
        # Of a frame that ends before it starts DuckDB counts fewer than no rows.
        return Sql(f"greatest({counted}, 0::BIGINT)" if " BETWEEN " in over else counted, "INT64")
    arguments = arguments_of(writer, call, "distinct")
    distinct = "DISTINCT " if arguments.distinct else ""
    return Sql(f"count({distinct}{_one(writer, call, arguments.values)}){over}", "INT64")


@aggregate("APPROX_COUNT_DISTINCT")
def approx_count_distinct(writer: Writer, call: exp.Expression, over: str) -> Sql:
    writer.warn(call, "APPROX_COUNT_DISTINCT is exact here and approximate on BigQuery")
    return Sql(f"count(DISTINCT {_one(writer, call, arguments_of(writer, call).values)}){over}", "INT64")


@aggregate("COUNTIF")
def countif(writer: Writer, call: exp.Expression, over: str) -> Sql:
    values = arguments_of(writer, call).values
    if len(values) != 1:
        raise writer.refuse(call, "COUNTIF takes 1 argument", found=str(len(values)))
    with writer.in_aggregate():
        condition = writer.condition_value(values[0], "filter").text
    return Sql(f"count(CASE WHEN {condition} THEN 1 END){over}", "INT64")


@aggregate("ANY_VALUE")
def any_value(writer: Writer, call: exp.Expression, over: str) -> Sql:
    arguments = arguments_of(writer, call, "having")
    value = _one(writer, call, arguments.values)
    if arguments.having is None:
        writer.warn(call, "ANY_VALUE may be of another row on BigQuery where the rows of a group differ")
        return Sql(f"any_value({value}){over}")
    with writer.in_aggregate():
        key = writer.value(arguments.having.expression).text
    return Sql(f"{'arg_max_null' if arguments.having.args.get('max') else 'arg_min_null'}({value}, {key}){over}")


@aggregate("MAX_BY", "MIN_BY")
def max_by(writer: Writer, call: exp.Expression, over: str) -> Sql:
    values = arguments_of(writer, call).values
    if len(values) != 2:
        raise writer.refuse(call, f"{name_of(call)} takes 2 arguments", found=str(len(values)))
    with writer.in_aggregate():
        value, key = (writer.value(each).text for each in values)
    return Sql(f"arg_{name_of(call)[:3].lower()}_null({value}, {key}){over}")


@aggregate("ARRAY_AGG")
def array_agg(writer: Writer, call: exp.Expression, over: str) -> Sql:
    arguments = arguments_of(writer, call, "distinct", "ignore_nulls", "respect_nulls", "order", "limit")
    writer.nullable_arrays = True
    if not arguments.order:
        writer.warn(call, "ARRAY_AGG without ORDER BY: the order of the elements is not defined")
    value, kind = _one(writer, call, arguments.values), writer.value(arguments.values[0]).kind
    where = f" FILTER (WHERE ({value}) IS NOT NULL)" if arguments.ignore_nulls else ""
    if arguments.distinct:
        text = _distinct_list(writer, arguments, value, f"{where}{over}")
    elif len(arguments.order) == 1 and not over:
        text = _ordered_list(writer, arguments.order[0], value, where)
    else:
        with writer.in_aggregate():
            ordered = order_text(writer, arguments.order)
        text = f"list({value}{ordered}){where}{over}"
    if arguments.limit is not None:
        text = f"({text})[1:{bare(writer, arguments.limit)}]"
    return Sql(text, array_of(kind))


def _distinct_list(writer: Writer, arguments: Arguments, value: str, rest: str) -> str:
    """DISTINCT can be ordered by the value itself only."""
    text = f"list(DISTINCT {value}){rest}"
    if not arguments.order:
        return text
    item = arguments.order[0]
    with writer.in_aggregate():
        same = writer.value(item.this).text == value
    if len(arguments.order) != 1 or not same:
        raise writer.refuse(item, "DISTINCT is ordered by the value itself", found=writer.excerpt(item))
    first = bool(item.args.get("nulls_first"))
    descending = bool(item.args.get("desc"))
    if first == descending:
        raise writer.refuse(item, "NULLS FIRST/LAST with DISTINCT is not translated", found=writer.excerpt(item))
    ordered = f"list_sort({text}, '{'DESC' if descending else 'ASC'}', 'NULLS {'FIRST' if first else 'LAST'}')"
    return f"longhaul_nan_sorted({ordered}, {'FALSE' if descending else 'TRUE'})"


def _ordered_list(writer: Writer, item: exp.Expression, value: str, where: str) -> str:
    """Values and keys are gathered apart and put in order at the end.

    Ordered inside of the aggregate, every group holds a vector of 2,048 rows: of wide structs that is 14 GB for 24,000 groups.
    """
    with writer.in_aggregate():
        key = writer.value(item.this)
    direction = f"'{'DESC' if item.args.get('desc') else 'ASC'}', 'NULLS {'FIRST' if item.args.get('nulls_first') else 'LAST'}'"
    plain = f"list_select(list({value}){where}, list_grade_up(list({key.text}){where}, {direction}))"
    if key.kind not in ("", "FLOAT64"):
        return plain
    pair = f"CASE WHEN {key.operand} IS NOT NULL THEN {{number: {order_key(key.text)}, value: {key.text}}} END"
    numbers = f"list_select(list({value}){where}, list_grade_up(list({pair}){where}, {direction}))"
    return f"CASE WHEN typeof(any_value({key.text})) IN ('DOUBLE', 'FLOAT') THEN {numbers} ELSE {plain} END"


@aggregate("ARRAY_CONCAT_AGG")
def array_concat_agg(writer: Writer, call: exp.Expression, over: str) -> Sql:
    arguments = arguments_of(writer, call, "order", "limit")
    if over:
        raise writer.refuse(call, "ARRAY_CONCAT_AGG is no window function", found=writer.excerpt(call))
    writer.nullable_arrays = True
    value = _one(writer, call, arguments.values)
    with writer.in_aggregate():
        ordered = order_text(writer, arguments.order)
    arrays = f"list({value}{ordered}) FILTER (WHERE ({value}) IS NOT NULL)"
    if arguments.limit is not None:
        arrays = f"({arrays})[1:{bare(writer, arguments.limit)}]"
    return Sql(f"flatten({arrays})", writer.value(arguments.values[0]).kind or "ARRAY")


@aggregate("STRING_AGG")
def string_agg(writer: Writer, call: exp.Expression, over: str) -> Sql:
    arguments = arguments_of(writer, call, "distinct", "order", "limit")
    if not arguments.order:
        writer.warn(call, "STRING_AGG without ORDER BY: the order of the texts is not defined")
    value = _one(writer, call, arguments.values[:1])
    if len(arguments.values) > 2:
        raise writer.refuse(call, "STRING_AGG takes 1 to 2 arguments", found=str(len(arguments.values)))
    with writer.in_aggregate():
        kinds = {writer.value(each).kind for each in arguments.values}
    if len(arguments.values) == 2 and isinstance(arguments.values[1], exp.Null):
        raise writer.refuse(call, "the separator of STRING_AGG is NULL", found=writer.excerpt(call), expected="a text")
    separator = writer.value(arguments.values[1]).text if len(arguments.values) == 2 else string(",")
    if len(arguments.values) == 2 and isinstance(arguments.values[1], exp.Parameter):
        separator = f"longhaul_separator({separator})"
    where = f" FILTER (WHERE ({value}) IS NOT NULL){over}"
    if arguments.distinct:
        texts = _distinct_list(writer, arguments, value, where)
    else:
        with writer.in_aggregate():
            ordered = order_text(writer, arguments.order)
        texts = f"list({value}{ordered}){where}"
    if arguments.limit is not None:
        texts = f"({texts})[1:{bare(writer, arguments.limit)}]"
    if "STRING" in kinds:
        return Sql(f"array_to_string({texts}, {separator})", "STRING")
    # BYTES, or what only the tables know.
    joined = f"{texts}, {separator}" if len(arguments.values) == 2 else texts
    return Sql(f"longhaul_joined({joined})", "BYTES" if "BYTES" in kinds else "")


@aggregate("APPROX_QUANTILES")
def approx_quantiles(writer: Writer, call: exp.Expression, over: str) -> Sql:
    arguments = arguments_of(writer, call, "distinct", "ignore_nulls")
    if over or len(arguments.values) != 2:
        raise writer.refuse(call, "APPROX_QUANTILES takes a value and a number", found=writer.excerpt(call))
    number = writer.integer_literal(arguments.values[1], "the number of quantiles")
    value = _one(writer, call, arguments.values[:1])
    writer.warn(call, "APPROX_QUANTILES is exact here and approximate on BigQuery")
    distinct = "DISTINCT " if arguments.distinct else ""
    ordered = f"longhaul_nan_sorted(list_sort(list({distinct}{value}) FILTER (WHERE ({value}) IS NOT NULL)), TRUE)"
    return Sql(f"longhaul_quantiles({ordered}, {number})", array_of(writer.value(arguments.values[0]).kind))


@aggregate("APPROX_TOP_COUNT")
def approx_top_count(writer: Writer, call: exp.Expression, over: str) -> Sql:
    values = arguments_of(writer, call).values
    if over or len(values) != 2:
        raise writer.refuse(call, "APPROX_TOP_COUNT takes a value and a number", found=writer.excerpt(call))
    number = writer.integer_literal(values[1], "the number of values")
    if number < 1:
        raise writer.refuse(call, "APPROX_TOP_COUNT takes a positive number", found=writer.excerpt(call))
    value, kind = _one(writer, call, values[:1]), writer.value(values[0]).kind
    writer.warn(call, "APPROX_TOP_COUNT is exact here and approximate on BigQuery")
    element = Kind("STRUCT", fields=[("value", kind), ("count", "INT64")])
    return Sql(f"longhaul_top_count(histogram({value}), count(*) - count({value}), any_value({value}), {number})", array_of(element))


def _window(google: str, arguments: int, kind: str) -> None:
    @window_function(google)
    def rule(writer: Writer, call: exp.Expression, over: str) -> Sql:
        if len(call.expressions) != arguments:
            raise writer.refuse(call, f"{google} takes {arguments} arguments", found=str(len(call.expressions)))
        return Sql(f"{google.lower()}({', '.join(bare(writer, each) for each in call.expressions)}){over}", kind)


for _google, _arguments, _kind in (
    ("ROW_NUMBER", 0, "INT64"),
    ("RANK", 0, "INT64"),
    ("DENSE_RANK", 0, "INT64"),
    ("PERCENT_RANK", 0, "FLOAT64"),
    ("CUME_DIST", 0, "FLOAT64"),
):
    _window(_google, _arguments, _kind)


@window_function("NTILE")
def ntile(writer: Writer, call: exp.Expression, over: str) -> Sql:
    if len(call.expressions) != 1:
        raise writer.refuse(call, "NTILE takes 1 argument", found=str(len(call.expressions)))
    return Sql(f"ntile(longhaul_positive({bare(writer, call.expressions[0])}, 'NTILE')){over}", "INT64")


@window_function("FIRST_VALUE", "LAST_VALUE", "NTH_VALUE")
def navigation(writer: Writer, call: exp.Expression, over: str) -> Sql:
    arguments = arguments_of(writer, call, "ignore_nulls", "respect_nulls")
    value, *rest = arguments.values
    nulls = " IGNORE NULLS" if arguments.ignore_nulls else ""
    number = f", longhaul_positive({bare(writer, rest[0])}, {string(name_of(call))})" if rest else ""
    return Sql(f"{name_of(call).lower()}({writer.value(value).text}{number}{nulls}){over}")


@window_function("LAG", "LEAD")
def lag(writer: Writer, call: exp.Expression, over: str) -> Sql:
    arguments = arguments_of(writer, call)
    if not 1 <= len(arguments.values) <= 3:
        raise writer.refuse(call, f"{name_of(call)} takes 1 to 3 arguments", found=str(len(arguments.values)))
    value, *rest = arguments.values
    if rest and isinstance(rest[0], exp.Neg):
        raise writer.refuse(rest[0], f"{name_of(call)} takes an offset of at least 0", found=writer.excerpt(rest[0]))
    shifted = writer.value(value)
    if len(rest) == 2:
        with_common(writer, (value, rest[1]), (shifted, writer.value(rest[1])), name_of(call))
    text = ", ".join([shifted.text, *(bare(writer, each) for each in rest)])
    return Sql(f"{name_of(call).lower()}({text}){over}")


@window_function("PERCENTILE_CONT", "PERCENTILE_DISC")
def percentile(writer: Writer, call: exp.Expression, over: str) -> Sql:
    arguments = arguments_of(writer, call, "ignore_nulls", "respect_nulls")
    if len(arguments.values) != 2:
        raise writer.refuse(call, f"{name_of(call)} takes 2 arguments", found=str(len(arguments.values)))
    value, share = (writer.value(each).text for each in arguments.values)
    if arguments.respect_nulls:
        name, numbers = name_of(call).lower(), f"CAST({value} AS DOUBLE)" if name_of(call) == "PERCENTILE_CONT" else value
        ordered = f"longhaul_nan_sorted(list_sort(list({numbers}){over}, 'ASC', 'NULLS FIRST'), TRUE)"
        kind = "FLOAT64" if name_of(call) == "PERCENTILE_CONT" else writer.value(arguments.values[0]).kind
        return Sql(f"longhaul_{name}({ordered}, {share})", kind)
    node, kind = arguments.values[0], writer.value(arguments.values[0]).kind
    function, numbers, result = ("quantile_disc", value, kind)
    if name_of(call) == "PERCENTILE_CONT":
        function, numbers, result = ("quantile_cont", f"CAST({value} AS DOUBLE)", "FLOAT64")
    if not may_be_nan(node, writer.value(node)):
        return Sql(f"{function}({numbers}, {share}){over}", result)
    has_nan = f"bool_or({is_nan(numbers)}){over}"
    if result != "FLOAT64":
        return Sql(f"longhaul_without_nan({function}({numbers}, {share}){over}, {has_nan})", result)
    # DuckDB takes NaN for the greatest: -infinity stands for it where there is none of its own.
    least = f"bool_or({numbers} = '-inf'::DOUBLE){over}"
    return Sql(f"longhaul_percentile({function}(longhaul_nan_is_least({numbers}), {share}){over}, {has_nan}, {least})", result)
