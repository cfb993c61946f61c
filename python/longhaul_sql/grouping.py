"""GROUP BY: names of the SELECT list come first, ALL is written out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from longhaul_sql.registry import AGGREGATES, WINDOW_FUNCTIONS, name_of
from longhaul_sql.signatures import require_groupable
from longhaul_sql.types import Sql
from longhaul_sql.writer import Writer

if TYPE_CHECKING:
    from longhaul_sql.projections import Projection


def group_text(writer: Writer, node: exp.Expression, projection: Projection, aliases: dict[str, Sql]) -> str:
    """' GROUP BY …', or nothing."""
    group = node.args.get("group")
    if group is None:
        return ""
    writer.require_parts(group, {"expressions", "all"}, "GROUP BY")
    if group.args.get("all"):
        return _all(node, projection)
    items = []
    for each in group.expressions:
        if isinstance(each, (exp.Rollup, exp.Cube, exp.GroupingSets)):
            items.append(_sets(writer, each, projection, aliases))
        else:
            items.append(_group_item(writer, each, projection, aliases, ordinals=True))
    return f" GROUP BY {', '.join(items)}"


def _sets(writer: Writer, node: exp.Expression, projection: Projection, aliases: dict[str, Sql]) -> str:
    """ROLLUP, CUBE and GROUPING SETS, whose items may be lists of keys and, in the last, the others."""
    word = {exp.Rollup: "ROLLUP", exp.Cube: "CUBE"}.get(type(node), "GROUPING SETS")
    parts = []
    for each in node.expressions:
        if isinstance(each, (exp.Rollup, exp.Cube)):
            parts.append(_sets(writer, each, projection, aliases))
        elif isinstance(each, exp.Tuple):
            keys = (_group_item(writer, item, projection, aliases, ordinals=False) for item in each.expressions)
            parts.append(f"({', '.join(keys)})")
        else:
            parts.append(_group_item(writer, each, projection, aliases, ordinals=False))
    return f"{word} ({', '.join(parts)})"


def _group_item(writer: Writer, item: exp.Expression, projection: Projection, aliases: dict[str, Sql], *, ordinals: bool) -> str:
    if isinstance(item, exp.Literal) and not item.is_string:
        return str(item.this)
    if isinstance(item, exp.Tuple) and not item.expressions:
        return "()"
    name = item.name.lower() if isinstance(item, exp.Column) and len(item.parts) == 1 else None
    texts = [value.text for _, value in projection.columns]
    if name in aliases:
        text = aliases[name].text
        require_groupable(writer, item, aliases[name].kind, "GROUP BY")
        if sum(each.lower() == name for each, _ in projection.columns) > 1:
            raise writer.refuse(item, f"two columns are named {item.name}", found=item.name)
    else:
        value = writer.value(item)
        require_groupable(writer, item, value.kind, "GROUP BY")
        text = value.text
        if name is not None or not ordinals:
            return text
    # As a place in the list the expression is written, and computed, once.
    if ordinals and not projection.has_star and text in texts:
        return str(texts.index(text) + 1)
    return text if not ordinals else f"({text})"


def _all(node: exp.Expression, projection: Projection) -> str:
    """The expressions of the SELECT list with a column of FROM and without an aggregate; of constants there is one group."""
    if projection.has_star:
        return " GROUP BY ALL"
    keys = [str(place) for place, each in enumerate(node.expressions, 1) if _is_key(each)]
    return f" GROUP BY {', '.join(keys) or '()'}"


def _is_key(item: exp.Expression) -> bool:
    def own(part: exp.Expression) -> bool:
        query = part.find_ancestor(exp.Query)
        return query is None or query is item.find_ancestor(exp.Query)

    calls = [each for each in item.find_all(exp.Anonymous) if own(each)]
    if any(name_of(each) in AGGREGATES or name_of(each) in WINDOW_FUNCTIONS for each in calls):
        return False
    return item.find(exp.Column) is not None
