"""Aggregates of the rows in which another value is greatest or least: SUM(x HAVING MAX y)."""

from __future__ import annotations

from sqlglot import exp

from longhaul_sql import aggregates, conditions, statistics  # noqa: F401 - their rules are wrapped here
from longhaul_sql.nan import is_nan
from longhaul_sql.operands import bare
from longhaul_sql.registry import AGGREGATES, Arguments, aggregate, arguments_of, name_of
from longhaul_sql.types import Sql, array_of
from longhaul_sql.writer import Writer

_OF_LISTS = {
    "STDDEV": "stddev_samp",
    "STDDEV_SAMP": "stddev_samp",
    "STDDEV_POP": "stddev_pop",
    "VARIANCE": "var_samp",
    "VAR_SAMP": "var_samp",
    "VAR_POP": "var_pop",
    "LOGICAL_OR": "bool_or",
    "LOGICAL_AND": "bool_and",
    "BIT_AND": "bit_and",
    "BIT_OR": "bit_or",
    "BIT_XOR": "bit_xor",
}
_COUNTED = ("COUNT", "COUNTIF", "APPROX_COUNT_DISTINCT")


def _of_list(writer: Writer, call: exp.Expression, arguments: Arguments, kind: str) -> Sql:
    """The aggregate of `longhaul_of.l`, the list of its values."""
    name, values = name_of(call), "longhaul_of.l"
    kept = f"list_filter({values}, lambda v: v IS NOT NULL)"
    if arguments.distinct:
        values = kept = f"list_distinct({kept})"
    if name in _COUNTED:
        if isinstance(arguments.values[0], exp.Star):
            return Sql(f"len({values})", "INT64")
        if name == "COUNTIF":
            return Sql(f"len(list_filter({values}, lambda v: v))", "INT64")
        return Sql(f"len({f'list_distinct({kept})' if name.startswith('APPROX') else kept})", "INT64")
    if name == "ARRAY_AGG":
        listed = kept if arguments.ignore_nulls else values
        if arguments.limit is not None:
            listed = f"({listed})[1:{bare(writer, arguments.limit)}]"
        return Sql(f"CASE WHEN len({listed}) > 0 THEN {listed} END", array_of(kind))
    if name == "MAX":
        return Sql(f"list_max({kept})", kind)
    if name == "MIN":
        nan = f"list_filter({kept}, lambda v: {is_nan('v')})"
        return Sql(f"CASE WHEN len({nan}) > 0 THEN ({nan})[1] ELSE list_min({kept}) END", kind)
    if name in ("SUM", "AVG"):
        plain = f"list_{name.lower()}({kept})"
        finite = f"len(list_filter({kept}, lambda v: longhaul_not_finite(v))) = 0"
        checked = f"CASE WHEN longhaul_not_finite({plain}) AND {finite} THEN error('{name}: floating point overflow') ELSE {plain} END"
        return Sql(f"cast_to_type({checked}, {kept}[1])" if name == "SUM" else checked, kind if name == "SUM" else "FLOAT64")
    return Sql(f"list_aggregate({kept}, '{_OF_LISTS[name]}')", "FLOAT64" if "_" in _OF_LISTS[name] and kind != "BOOL" else kind)


def _with_having(name: str) -> None:
    plain = AGGREGATES[name]

    @aggregate(name)
    def rule(writer: Writer, call: exp.Expression, over: str) -> Sql:
        if not any(isinstance(each, exp.HavingMax) for item in call.expressions for each in _modifiers(item)):
            return plain(writer, call, over)
        arguments = arguments_of(writer, call, "having", "distinct", "ignore_nulls", "respect_nulls", "limit")
        if over or arguments.having is None or len(arguments.values) != 1:
            raise writer.refuse(call, f"this use of HAVING in {name} is not translated", found=writer.excerpt(call))
        word = "MAX" if arguments.having.args.get("max") else "MIN"
        key_node, value_node = arguments.having.expression, arguments.values[0]
        best = AGGREGATES[word](writer, exp.Anonymous(this=word, expressions=[key_node.copy()]), "")
        with writer.in_aggregate():
            key = writer.value(key_node).text
            value = Sql("TRUE", "BOOL") if isinstance(value_node, exp.Star) else writer.value(value_node)
        same = f"e.k = longhaul_best.m AND NOT {is_nan('e.k')}"
        rows = f"list_transform(list_filter(longhaul_best.r, lambda e: {same}), lambda e: e.v)"
        gathered = f"list({{v: {value.text}, k: {key}}})"
        lists = f"list_transform([{{r: {gathered}, m: {best.text}}}], lambda longhaul_best: {{l: {rows}}})"
        found = _of_list(writer, call, arguments, value.kind)
        # Of no rows at all there is no list.
        none = "0" if name in _COUNTED else "NULL"
        text = f"list_transform({lists}, lambda longhaul_of: {found.text})[1]"
        return Sql(f"CASE WHEN count(*) = 0 THEN {none} ELSE {text} END", found.kind)


def _modifiers(node: exp.Expression) -> list[exp.Expression]:
    found = [node]
    while isinstance(node, (exp.Limit, exp.Order, exp.IgnoreNulls, exp.RespectNulls, exp.HavingMax)) and node.this is not None:
        node = node.this
        found.append(node)
    return found


for _name in (*_COUNTED, "ARRAY_AGG", "MAX", "MIN", "SUM", "AVG", *_OF_LISTS):
    _with_having(_name)
