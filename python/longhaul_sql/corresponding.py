"""Set operations BY NAME and CORRESPONDING: columns are matched by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from longhaul_sql.coercion import kind_of_all
from longhaul_sql.types import Sql, quote
from longhaul_sql.writer import Writer

if TYPE_CHECKING:
    from longhaul_sql.queries import Query


def names_of(writer: Writer, node: exp.Expression, query: Query) -> dict[str, str]:
    """Names of the columns as they are written, by their lower case."""
    projection = query.projection
    if projection.has_star and not projection.star_is_known:
        raise writer.refuse(
            node, "BY NAME over a * is not translated: its columns are not known here", found=writer.excerpt(node), hint="name the columns"
        )
    anonymous = set(projection.anonymous_names)
    names = [name for name, _ in projection.columns if name not in anonymous]
    found: dict[str, str] = {}
    for name in names:
        if name.lower() in found:
            raise writer.refuse(node, f"two columns are named {name}", found=name, hint="give each column one name")
        found[name.lower()] = name
    return found


def matched(writer: Writer, node: exp.Expression, left: Query, right: Query) -> tuple[str, str, list[tuple[str, Sql]]]:
    """Both sides with the same columns in the same order, and these columns."""
    lefts, rights = names_of(writer, node.this, left), names_of(writer, node.args["expression"], right)
    mode = str(node.args.get("side") or node.args.get("kind") or "").upper()
    mode = "" if mode == "OUTER" else mode
    listed = list(node.args.get("on") or [])
    if listed:
        wanted = {each.name.lower(): each.name for each in listed}
        for each in listed:
            have = [each.name.lower() in side for side in (lefts, rights)]
            known = have[0] if mode == "LEFT" else any(have) if mode == "FULL" else all(have)
            if not known:
                raise writer.refuse(each, f"the column {each.name} is not on both sides", found=each.name)
        chosen = wanted
    elif mode == "FULL":
        chosen = {**lefts, **{key: name for key, name in rights.items() if key not in lefts}}
    elif mode == "LEFT":
        chosen = lefts
    elif mode == "INNER":
        chosen = {key: name for key, name in lefts.items() if key in rights}
    else:
        chosen = lefts
        if set(lefts) != set(rights):
            different = ", ".join(sorted(set(lefts) ^ set(rights)))
            raise writer.refuse(
                node,
                "BY NAME without a mode takes the same columns on both sides",
                found=different,
                hint="write INNER, LEFT or FULL before the operator",
            )
    if not chosen or (mode in ("LEFT", "INNER") and not set(chosen) & set(rights) and not listed):
        raise writer.refuse(node, "the two sides have no column in common", found=writer.excerpt(node))
    kinds = [{name.lower(): value.kind for name, value in side.projection.columns} for side in (left, right)]
    columns = []
    for key, name in chosen.items():
        columns.append((name, Sql(quote(name), kind_of_all([Sql("", side[key]) for side in kinds if key in side]))))
    return _selected(left.text, lefts, chosen), _selected(right.text, rights, chosen), columns


def _selected(text: str, names: dict[str, str], chosen: dict[str, str]) -> str:
    listed = ", ".join(
        (f"{quote(names[key])} AS {quote(name)}" if names[key] != name else quote(name)) if key in names else f"NULL AS {quote(name)}"
        for key, name in chosen.items()
    )
    return f"(SELECT {listed} FROM ({text}))"
