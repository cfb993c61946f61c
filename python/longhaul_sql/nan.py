"""NaN: in GoogleSQL it equals nothing and comes before all numbers; DuckDB takes it for equal to itself and the greatest.

The macros look at the type of their argument when the statement is planned: for other types than FLOAT64 nothing of them is left.
"""

from __future__ import annotations

from sqlglot import exp

from longhaul_sql.types import Sql


def may_be_nan(node: exp.Expression, value: Sql) -> bool:
    while isinstance(node, (exp.Paren, exp.Neg)):
        node = node.this
    return value.kind in ("", "FLOAT64") and not isinstance(node, (exp.Literal, exp.Null))


def is_nan(text: str) -> str:
    return f"longhaul_is_nan({text})"


def not_nan(text: str) -> str:
    """NULL instead of NaN."""
    return f"longhaul_not_nan({text})"


def order_key(text: str) -> str:
    """What a row is ordered by before the value itself: NULL, then NaN, then numbers."""
    return f"longhaul_order({text})"


def least_of(text: str, greatest: str) -> str:
    """The least of values of which DuckDB's greatest is NaN if one of them is."""
    return f"CASE WHEN {is_nan(greatest)} THEN {greatest} ELSE {text} END"
