"""Pipes: each step is a query over the one before, or a clause of it where that means the same.

sqlglot puts steps into one SELECT also where their order matters: a WHERE after a LIMIT, a PIVOT after a WHERE, SELECT DISTINCT.
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp
from sqlglot.tokens import TokenType

EVERY_ROW = 2**62
"""More rows than there are, and the most that DuckDB takes in LIMIT."""
_SOURCE = {"expressions", "from_", "joins", "with_"}
_FILTERED = _SOURCE | {"where"}
LOST = "lost"
"""Names of joined tables that GoogleSQL still knows, and a query over their join does not."""
_NAMES_END = "names_end"
"""Marks a step after which the names of the tables before it mean nothing."""


def _over(query: Any, alias: str | None = None) -> exp.Select:
    """`SELECT * FROM (query)`, where the next step begins."""
    outer = exp.select("*").from_(query.subquery(alias, copy=False), copy=False)
    if query.args.get("joins") and not query.meta.get(_NAMES_END):
        sources = [query.args["from_"].this, *(each.this for each in query.args["joins"])]
        outer.meta[LOST] = [each.alias_or_name.lower() for each in sources if each.alias_or_name]
    return outer


def _is_plain(query: exp.Select) -> bool:
    [first, *rest] = query.expressions or [exp.Null()]
    return not rest and isinstance(first, exp.Star) and not any(first.args.values())


def _name_of(query: exp.Select) -> str | None:
    """The name of the one table of the step, if it still means something."""
    if query.meta.get(_NAMES_END) or query.args.get("joins"):
        return None
    source = query.args["from_"].this if query.args.get("from_") else None
    if isinstance(source, exp.Unnest):
        alias = source.args.get("alias")
        return None if alias is None or alias.args.get("columns") else str(source.alias) or None
    name = source.alias_or_name if isinstance(source, (exp.Table, exp.Subquery)) else ""
    return name if name and not name.startswith("__tmp") and name.isidentifier() else None


def _step(query: exp.Select, parts: set[str]) -> exp.Select:
    """The query itself if it has only these clauses, else one over it."""
    used = {key for key, value in query.args.items() if value not in (None, False, [])}
    if used <= parts and _is_plain(query):
        return query
    return _over(query, _name_of(query))


def _where(parser: Any, query: exp.Select) -> exp.Select:
    base = _step(query, _FILTERED)
    condition = parser._parse_where()
    windows = [each for each in condition.find_all(exp.Window) if each.find_ancestor(exp.Query) is None]
    if not windows:
        return base.where(condition, copy=False)
    outer = _step(query, _SOURCE)
    outer.set("qualify", exp.Qualify(this=condition.this))
    return outer


def _extend(parser: Any, query: exp.Select) -> exp.Select:
    parser._advance()
    return _step(query, _FILTERED).select(exp.Star(), *parser._parse_expressions(), append=False, copy=False)


def _select(parser: Any, query: exp.Select) -> exp.Select:
    base = _step(query, _FILTERED)
    select = parser._parse_select(consume_pipe=False)
    for part in ("expressions", "distinct", "kind", "windows"):
        base.set(part, select.args.get(part))
    base.meta[_NAMES_END] = True
    return base


def _aggregate(parser: Any, query: exp.Select) -> exp.Select:
    parser._advance()
    base = _step(query, _FILTERED)
    base.set("expressions", [])
    if not parser._match_set((TokenType.GROUP_BY,), advance=False) and not parser._match_text_seq("GROUP", "AND", advance=False):
        base = parser._parse_pipe_syntax_aggregate_group_order_by(base, group_by_exists=False)
    if parser._match(TokenType.GROUP_BY) or (parser._match_text_seq("GROUP", "AND") and parser._match(TokenType.ORDER_BY)):
        base = parser._parse_pipe_syntax_aggregate_group_order_by(base)
    for items in ([base.args.get("group")], base.args["order"].expressions if base.args.get("order") else []):
        for each in items:
            _as_columns(each)
    base.meta[_NAMES_END] = True
    return base


def _as_columns(node: exp.Expression | None) -> None:
    """Names that sqlglot put in as they are, as columns."""
    if node is None:
        return
    for key, value in list(node.args.items()):
        if isinstance(value, exp.Identifier):
            node.set(key, exp.Column(this=value))
        elif isinstance(value, list):
            node.set(key, [exp.Column(this=each) if isinstance(each, exp.Identifier) else each for each in value])


def _order(parser: Any, query: exp.Select) -> exp.Select:
    base = _step(query, _FILTERED)
    base.set("order", parser._parse_order())
    return base


def _limit(parser: Any, query: exp.Select) -> exp.Select:
    base = _over(query, _name_of(query)) if query.args.get("limit") or query.args.get("offset") else query
    base.set("limit", parser._parse_limit())
    base.set("offset", parser._parse_offset())
    return base


def _as(parser: Any, query: exp.Select) -> exp.Select:
    parser._advance()
    return _over(query, parser._parse_id_var().name)


def _distinct(parser: Any, query: exp.Select) -> exp.Select:
    parser._advance()
    base = _step(query, _FILTERED)
    base.set("distinct", exp.Distinct())
    return base


def _pivot(parser: Any, query: exp.Select) -> exp.Select:
    base = _step(query, _SOURCE)
    if base.args.get("joins") or not isinstance(base.args["from_"].this, (exp.Table, exp.Subquery)):
        base = _over(query, _name_of(query))
    base.args["from_"].this.set("pivots", parser._parse_pivots())
    base.meta[_NAMES_END] = True
    return base


def _with(parser: Any, query: exp.Select) -> exp.Select:
    parser._advance()
    clause = parser._parse_with(skip_with_token=True)
    outer = _over(query, _name_of(query))
    outer.set("with_", clause)
    return outer


def _star_step(parser: Any, query: exp.Select, **parts: list[exp.Expression]) -> exp.Select:
    base = _step(query, _FILTERED)
    base.set("expressions", [exp.Star(**parts)])
    return base


def _assignment(parser: Any) -> exp.Expression:
    name = parser._parse_id_var()
    parser._match(TokenType.EQ)
    return exp.Alias(this=parser._parse_disjunction(), alias=name)


def _set(parser: Any, query: exp.Select) -> exp.Select:
    parser._advance()
    return _star_step(parser, query, replace=parser._parse_csv(lambda: _assignment(parser)))


def _drop(parser: Any, query: exp.Select) -> exp.Select:
    parser._advance()
    return _star_step(parser, query, except_=parser._parse_csv(parser._parse_column))


def _rename(parser: Any, query: exp.Select) -> exp.Select:
    parser._advance()

    def one() -> exp.Expression:
        before = parser._parse_id_var()
        parser._match(TokenType.ALIAS)
        return exp.Alias(this=exp.Column(this=before), alias=parser._parse_id_var())

    return _star_step(parser, query, rename=parser._parse_csv(one))


def _assert(parser: Any, query: exp.Select) -> exp.Select:
    """Rows pass; one for which the condition is not TRUE is an error."""
    parser._advance()
    condition, *payload = parser._parse_csv(parser._parse_disjunction)
    words: list[exp.Expression] = [exp.Literal.string("Assert failed")]
    for each in payload:
        words += [exp.Literal.string(" "), exp.Anonymous(this="FORMAT", expressions=[exp.Literal.string("%t"), each])]
    error = exp.Anonymous(this="ERROR", expressions=[exp.Anonymous(this="CONCAT", expressions=words)])
    checked = exp.Anonymous(this="IF", expressions=[condition, exp.Boolean(this=True), error])
    # No later condition may be applied before it: DuckDB pushes none through a LIMIT.
    return _over(query, _name_of(query)).where(checked, copy=False).limit(EVERY_ROW, copy=False)


def join(parser: Any, query: exp.Query) -> exp.Query | None:
    base = _step(query, _SOURCE) if isinstance(query, exp.Select) else query
    found = parser._parse_join()
    return base.join(found, copy=False) if found is not None and isinstance(base, exp.Select) else None


PIPES: dict[str, Any] = {
    "AGGREGATE": _aggregate,
    "AS": _as,
    "ASSERT": _assert,
    "DISTINCT": _distinct,
    "DROP": _drop,
    "EXTEND": _extend,
    "LIMIT": _limit,
    "ORDER BY": _order,
    "PIVOT": _pivot,
    "RENAME": _rename,
    "SELECT": _select,
    "SET": _set,
    "UNPIVOT": _pivot,
    "WHERE": _where,
    "WITH": _with,
}
