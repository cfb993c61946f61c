"""The part after OVER: named windows are written out, and frames of distances leave NULL and NaN to their peers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from longhaul_sql.nan import is_nan, not_nan
from longhaul_sql.ordering import order_text
from longhaul_sql.signatures import require_groupable
from longhaul_sql.types import Sql
from longhaul_sql.writer import Writer


@dataclass(frozen=True)
class Window:
    partition: list[exp.Expression]
    order: list[exp.Expression]
    spec: exp.Expression | None


def windowed(writer: Writer, node: exp.Expression, rule: Callable[[str], Sql]) -> Sql:
    """Writes a function over a window; `rule` writes it with the text of an OVER clause."""
    window = _resolve(writer, node)
    spec = window.spec
    if spec is not None:
        writer.require_parts(spec, {"kind", "start", "start_side", "end", "end_side"}, "a window frame")
    keys = [writer.value(each) for each in window.partition]
    for key, each in zip(keys, window.partition, strict=True):
        require_groupable(writer, each, key.kind, "PARTITION BY")
    partition = "PARTITION BY " + ", ".join(key.text for key in keys) if keys else ""
    if spec is None or spec.args["kind"].upper() != "RANGE" or not any(_is_distance(spec.args.get(which)) for which in ("start", "end")):
        return rule(_over(partition, order_text(writer, window.order), _frame(writer, spec)))
    return _by_distance(writer, window, spec, partition, rule)


def _by_distance(writer: Writer, window: Window, spec: exp.Expression, partition: str, rule: Callable[[str], Sql]) -> Sql:
    if len(window.order) != 1:
        raise writer.refuse(spec, "RANGE with a distance needs one key in ORDER BY", found=writer.excerpt(spec))
    item = window.order[0]
    key = writer.value(item.this)
    if key.kind not in ("", "INT64", "FLOAT64", "NULL"):
        raise writer.refuse(item, f"RANGE with a distance needs a number in ORDER BY, not {key.kind}", found=writer.excerpt(item))
    nulls = "FIRST" if item.args.get("nulls_first") else "LAST"
    direction = f"{'DESC' if item.args.get('desc') else 'ASC'} NULLS {nulls}"
    if key.kind not in ("", "FLOAT64", "NULL"):
        return rule(_over(partition, f"ORDER BY {_wide(key)} {direction}", _frame(writer, spec)))
    # To NULL and NaN no other value has a distance: they see their peers, and what an unbounded side adds.
    unusual = bool(item.args.get("desc")) == bool(item.args.get("nulls_first"))
    if unusual and any(_is_unbounded(spec.args.get(which)) for which in ("start", "end")):
        raise writer.refuse(item, "NULLS FIRST/LAST with an unbounded RANGE is not translated", found=writer.excerpt(item))
    start, end = (_is_unbounded(spec.args.get(which)) for which in ("start", "end"))
    peers = f"RANGE BETWEEN {'UNBOUNDED PRECEDING' if start else 'CURRENT ROW'} AND {'UNBOUNDED FOLLOWING' if end else 'CURRENT ROW'}"
    of_peers = rule(_over(partition, order_text(writer, window.order), peers))
    numbers = Sql(not_nan(key.text), key.kind)
    of_numbers = rule(_over(partition, f"ORDER BY {_wide(numbers)} {direction}", _frame(writer, spec)))
    apart = f"{key.operand} IS NULL OR {is_nan(key.text)}"
    return Sql(f"CASE WHEN {apart} THEN {of_peers.text} ELSE {of_numbers.text} END", of_numbers.kind)


def _wide(key: Sql) -> str:
    """The key with room for a distance beyond INT64."""
    if key.kind == "INT64":
        return f"CAST({key.text} AS HUGEINT)"
    return f"longhaul_wide({key.text})" if key.kind == "" else key.operand


def _resolve(writer: Writer, node: exp.Expression) -> Window:
    alias = node.args.get("alias")
    base = Window([], [], None)
    if isinstance(alias, exp.Identifier):
        select = node.find_ancestor(exp.Select)
        named = {each.name.lower(): each for each in (select.args.get("windows") or [])} if select is not None else {}
        found = named.get(alias.name.lower())
        if found is None or found is node:
            raise writer.refuse(node, f"there is no window {alias.name}", found=alias.name, expected=", ".join(named) or None)
        base = _resolve(writer, found)
    order = node.args.get("order")
    if order is not None:
        writer.require_parts(order, {"expressions"}, "ORDER BY")
    items = order.expressions if order is not None else base.order
    return Window(node.args.get("partition_by") or base.partition, items, node.args.get("spec") or base.spec)


def _over(partition: str, order: str, frame: str) -> str:
    return f" OVER ({' '.join(part for part in (partition, order.strip(), frame) if part)})"


def _is_unbounded(bound: object) -> bool:
    return isinstance(bound, str) and bound.upper() == "UNBOUNDED"


def _is_distance(bound: object) -> bool:
    return bound is not None and not isinstance(bound, str)


def _frame(writer: Writer, spec: exp.Expression | None) -> str:
    if spec is None:
        return ""
    end = _bound(writer, spec, "end") if spec.args.get("end") else "CURRENT ROW"
    return f"{spec.args['kind']} BETWEEN {_bound(writer, spec, 'start')} AND {end}"


def _bound(writer: Writer, spec: exp.Expression, which: str) -> str:
    bound, side = spec.args.get(which), spec.args.get(f"{which}_side") or ""
    if isinstance(bound, str):
        return f"{bound} {side}".strip()
    if isinstance(bound, exp.Literal) and not bound.is_string:
        return f"{bound.this} {side}"
    if isinstance(bound, exp.Parameter):
        return f"longhaul_distance({writer.value(bound).text}) {side}"
    raise writer.refuse(bound, "a window frame takes numbers", found=writer.excerpt(spec))
