"""Arithmetic of FLOAT64: where finite numbers give an infinity, GoogleSQL raises an error."""

from __future__ import annotations

from sqlglot import exp

from longhaul_sql import expressions, times  # noqa: F401 - their rules are wrapped here
from longhaul_sql.registry import AGGREGATES, name_of
from longhaul_sql.types import Sql
from longhaul_sql.writer import EXPRESSIONS, Rule, Writer

_OPERATORS = (exp.Add, exp.Sub, exp.Mul, exp.Div)
_LONGEST = 400
"""Characters of an operand that is written twice."""


def _checked(node_type: type[exp.Expression]) -> None:
    plain, parts = EXPRESSIONS[node_type]

    def rule(writer: Writer, node: exp.Expression) -> Sql:
        written = plain(writer, node)
        return written if _is_part(node) or written.kind not in ("", "FLOAT64") else _with_check(writer, node, written)

    checked: Rule = rule
    EXPRESSIONS[node_type] = (checked, parts)


def _is_part(node: exp.Expression) -> bool:
    parent = node.parent
    while isinstance(parent, (exp.Paren, exp.Neg)):
        parent = parent.parent
    return isinstance(parent, _OPERATORS)


def _leaves(node: exp.Expression) -> list[exp.Expression]:
    if isinstance(node, _OPERATORS):
        return [*_leaves(node.this), *_leaves(node.expression)]
    if isinstance(node, (exp.Neg, exp.Paren)):
        return _leaves(node.this)
    return [] if isinstance(node, exp.Literal) else [node]


def _with_check(writer: Writer, node: exp.Expression, written: Sql) -> Sql:
    """One check for the whole tree of operators, whose operands are then written twice and not once for each level."""
    leaves = _leaves(node)
    if node.find_ancestor(exp.Group) is not None or _is_of_group(node, leaves):
        return written
    operands = {value.text: value for value in map(writer.value, leaves)}
    if any(len(text) > _LONGEST or "SELECT" in text or value.kind == "INTERVAL" for text, value in operands.items()):
        return written
    finite = " AND ".join(f"NOT longhaul_not_finite({text})" for text, value in operands.items() if value.kind in ("", "FLOAT64"))
    # Not in a macro: DuckDB loses the name of a struct's field that is one when the subquery is correlated.
    infinite = f"longhaul_not_finite({written.text}) AND {finite or 'TRUE'}"
    return Sql(f"CASE WHEN {infinite} THEN error('floating point overflow') ELSE {written.text} END", written.kind)


def _is_of_group(node: exp.Expression, leaves: list[exp.Expression]) -> bool:
    """Whether it stands beside GROUP BY outside of the aggregates: it may be made of keys that are expressions themselves."""
    select = node.find_ancestor(exp.Select)
    if select is None or select.args.get("group") is None or _in_aggregate(node, select):
        return False
    return any(_columns_outside(leaf) for leaf in leaves)


def _in_aggregate(node: exp.Expression, select: exp.Expression) -> bool:
    parent = node.parent
    while parent is not None and parent is not select:
        if (isinstance(parent, exp.Anonymous) and name_of(parent) in AGGREGATES) or isinstance(parent, (exp.Where, exp.Join, exp.From)):
            return True
        parent = parent.parent
    return False


def _columns_outside(leaf: exp.Expression) -> bool:
    return any(not _in_aggregate(column, leaf) and not _is_aggregate(leaf) for column in leaf.find_all(exp.Column))


def _is_aggregate(node: exp.Expression) -> bool:
    return isinstance(node, exp.Anonymous) and name_of(node) in AGGREGATES


for _type in _OPERATORS:
    _checked(_type)
