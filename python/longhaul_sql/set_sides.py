"""The two sides of a set operation: names, literals and kinds that each takes from the other."""

from __future__ import annotations

from sqlglot import exp

from longhaul_sql.coercion import by_place, differ, has_other_names, kind_of_all, text_as_time
from longhaul_sql.projections import Projection
from longhaul_sql.signatures import is_text
from longhaul_sql.types import TIMES, Sql, declared, quote
from longhaul_sql.writer import Writer


def with_names_of(left: Projection, right: Projection, right_text: str) -> str:
    """The right side of a set operation, or rows for a table, with the names that the left has for fields of structs."""
    pairs = list(zip(left.columns, right.columns, strict=False))
    known = all(side.star_is_known or not side.has_star for side in (left, right)) and len(left.columns) == len(right.columns)
    if not known or not any(has_other_names(other.kind, one.kind) for (_, one), (_, other) in pairs):
        return right_text
    places = [f"longhaul_c{place}" for place in range(len(pairs))]
    listed = ", ".join(by_place(place, other.kind, one.kind) for place, ((_, one), (_, other)) in zip(places, pairs, strict=True))
    return f"(SELECT {listed} FROM {right_text} AS longhaul_right({', '.join(places)}))"


def _texts(node: exp.Expression, columns: int) -> set[int]:
    """Places of the columns that are literals or parameters, or NULL, in all SELECTs of one union."""
    if isinstance(node, exp.Union):
        return _texts(node.this, columns) & _texts(node.expression, columns)
    if not isinstance(node, exp.Select) or len(node.expressions) != columns:
        return set()
    return {at for at, each in enumerate(node.expressions) if is_text(each.unalias()) or isinstance(each.unalias(), exp.Null)}


def coerced(writer: Writer, nodes: tuple[exp.Expression, exp.Expression], own: Projection, other: Projection, text: str) -> str:
    """A side of a set operation whose literals of texts are the dates and times that the other side has.

    Raises:
        Refusal: a column has types on the two sides that are never one.
    """
    node = nodes[0]
    ours, others = (_texts(each, len(side.columns)) for each, side in zip(nodes, (own, other), strict=True))
    places = [f"longhaul_t{place}" for place in range(len(own.columns))]
    made: dict[int, Sql] = {}
    for place, ((_, mine), (_, theirs)) in enumerate(zip(own.columns, other.columns, strict=False)):
        if own.has_star or other.has_star or not differ(mine.kind, theirs.kind):
            continue
        said, wanted = declared(mine.kind), declared(theirs.kind)
        if said == "STRING" and wanted in TIMES and place in ours:
            one = node.expressions[place].unalias() if isinstance(node, exp.Select) else node
            made[place] = text_as_time(writer, one, Sql(places[place], "STRING"), wanted)
        elif not (wanted == "STRING" and said in TIMES and place in others):
            raise writer.refuse(
                node, f"column {place + 1} is {said} on one side and {wanted} on the other", found=writer.excerpt(node),
                hint=f"CAST(… AS {said}), or the other",
            )  # fmt: skip
    if not made:
        return text
    listed = [f"{made[at].text if at in made else places[at]} AS {quote(name)}" for at, (name, _) in enumerate(own.columns)]
    for at, value in made.items():
        name = own.columns[at][0]
        own.columns[at] = (name, Sql(quote(name), value.kind))
    inner = text if text.startswith("(") and text.endswith(")") else f"({text})"
    return f"(SELECT {', '.join(listed)} FROM {inner} AS longhaul_texts({', '.join(places)}))"


def common_projection(left: Projection, right: Projection) -> Projection:
    """The columns of a set operation are those of its left side; what they are, both must say."""
    kinds = [value.kind for _, value in right.columns]
    columns = []
    for i, (name, value) in enumerate(left.columns):
        other = kinds[i] if i < len(kinds) and not right.has_star else ""
        kind = other if value.kind == "NULL" else value.kind if other == "NULL" else kind_of_all([value, Sql("", other)])
        columns.append((name, Sql(value.text, kind, value.atom)))
    return Projection(left.texts, columns, left.has_star, left.star_is_known, left.anonymous, left.anonymous_names)
