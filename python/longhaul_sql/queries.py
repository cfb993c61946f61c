"""SELECT with its clauses, set operations and WITH."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from longhaul_sql.ordering import order_text
from longhaul_sql.sources import Source, from_text
from longhaul_sql.types import Sql, quote
from longhaul_sql.writer import Scope, Writer

SELECT_PARTS = {
    "with_",
    "kind",
    "distinct",
    "expressions",
    "from_",
    "joins",
    "where",
    "group",
    "having",
    "qualify",
    "windows",
    "order",
    "limit",
    "offset",
}
SET_PARTS = {"with_", "this", "expression", "distinct", "order", "limit", "offset"}
_SET_OPERATORS: dict[type[exp.Expression], str] = {exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT"}


@dataclass
class Projection:
    """The SELECT list."""

    texts: list[str] = field(default_factory=list)
    columns: list[tuple[str, Sql]] = field(default_factory=list)
    """Named columns in order; a star counts for none."""
    has_star: bool = False
    anonymous: list[int] = field(default_factory=list)

    @property
    def names(self) -> set[str]:
        return {name.lower() for name, _ in self.columns}


@dataclass
class Query:
    text: str
    projection: Projection
    ordered: bool


def query_text(writer: Writer, node: exp.Expression) -> Query:
    if isinstance(node, exp.Select):
        return _select(writer, node)
    if isinstance(node, tuple(_SET_OPERATORS)):
        return _set_operation(writer, node)
    if isinstance(node, exp.Subquery):
        writer.require_parts(node, {"this", "with_"}, "a query in parentheses")
        with_text, added = _with(writer, node)
        inner = query_text(writer, node.this)
        _leave_with(writer, added)
        return Query(f"{with_text}({inner.text})", inner.projection, False)
    raise writer.refuse(node, "this is no query that is translated", found=writer.excerpt(node), expected="SELECT")


def subquery_text(writer: Writer, node: exp.Expression) -> str:
    """A query inside of an expression, without its parentheses."""
    while isinstance(node, exp.Subquery) and not node.alias and set(_used(node)) == {"this"}:
        node = node.this
    # Aliases of the outer SELECT list are no names in here.
    with writer.with_aliases(None):
        return query_text(writer, node).text


def scalar_subquery(writer: Writer, node: exp.Expression) -> Sql:
    return Sql(f"({subquery_text(writer, node)})")


def _used(node: exp.Expression) -> list[str]:
    return [key for key, value in node.args.items() if value not in (None, False, [])]


def _with(writer: Writer, node: exp.Expression) -> tuple[str, bool]:
    clause = node.args.get("with_")
    if clause is None:
        return "", False
    writer.require_parts(clause, {"expressions"}, "WITH")
    names: set[str] = set()
    writer.ctes.append(names)
    parts = []
    for each in clause.expressions:
        writer.require_parts(each, {"this", "alias"}, "WITH")
        if each.args["alias"].args.get("columns"):
            raise writer.refuse(each, "column names of WITH are not translated", found=each.alias, hint="name the columns with AS")
        inner = query_text(writer, each.this)
        parts.append(f"{quote(each.alias)} AS ({inner.text})")
        names.add(each.alias.lower())
    return f"WITH {', '.join(parts)} ", True


def _leave_with(writer: Writer, added: bool) -> None:
    if added:
        writer.ctes.pop()


def _set_operation(writer: Writer, node: exp.Expression) -> Query:
    writer.require_parts(node, SET_PARTS, "this set operation")
    with_text, added = _with(writer, node)
    left, right = query_text(writer, node.this), query_text(writer, node.args["expression"])
    operator = _SET_OPERATORS[type(node)]
    if not node.args.get("distinct"):
        if operator != "UNION":
            raise writer.refuse(node, f"{operator} ALL is no GoogleSQL", expected=f"{operator} DISTINCT")
        operator = "UNION ALL"
    left_text = left.text if isinstance(node.this, (exp.Select, exp.Subquery)) and not left.ordered else f"({left.text})"
    right_text = f"({right.text})" if not isinstance(node.expression, exp.Subquery) else right.text
    writer.scopes.append(Scope())
    text = f"{with_text}{left_text} {operator} {right_text}"
    order = node.args.get("order")
    text += order_text(writer, order.expressions if order else [], left.projection.names) + _limit(writer, node)
    writer.scopes.pop()
    _leave_with(writer, added)
    return Query(text, left.projection, order is not None)


def _select(writer: Writer, node: exp.Expression) -> Query:
    writer.require_parts(node, SELECT_PARTS, "SELECT")
    with_text, added = _with(writer, node)
    writer.scopes.append(Scope())
    source = from_text(writer, node)
    writer.scope.tables = source.rows
    projection = _projection(writer, node, source)
    kind = node.args.get("kind")
    if kind and kind != "STRUCT":
        raise writer.refuse(node, f"SELECT AS {kind} is not translated", found=f"AS {kind}")
    listed = ", ".join(projection.texts)
    if kind == "STRUCT":
        listed = _as_struct(writer, node, projection)
    distinct = ""
    if node.args.get("distinct") is not None:
        writer.require_parts(node.args["distinct"], set(), "DISTINCT")
        distinct = "DISTINCT "
    text = f"{with_text}SELECT {distinct}{listed}{source.text}"
    if (where := node.args.get("where")) is not None:
        text += f" WHERE {writer.value(where.this).text}"
    aliases = _alias_values(node, projection)
    text += _group(writer, node, projection, aliases)
    with writer.with_aliases(aliases):
        if (having := node.args.get("having")) is not None:
            text += f" HAVING {writer.value(having.this).text}"
        qualify = node.args.get("qualify")
        qualified = f" QUALIFY {writer.value(qualify.this).text}" if qualify is not None else ""
    text += _named_windows(writer, node) + qualified
    order = node.args.get("order")
    with writer.with_aliases(aliases):
        text += order_text(writer, order.expressions if order else [], projection.names)
    text += _limit(writer, node)
    if node.args.get("limit") is not None and order is None:
        writer.warn(node.args["limit"], "LIMIT without ORDER BY: which rows is not defined")
    writer.scopes.pop()
    _leave_with(writer, added)
    return Query(text, projection, order is not None)


def _limit(writer: Writer, node: exp.Expression) -> str:
    text = ""
    for key, word in (("limit", "LIMIT"), ("offset", "OFFSET")):
        clause = node.args.get(key)
        if clause is None:
            continue
        writer.require_parts(clause, {"this", "expression"}, word)
        number = clause.expression
        if not isinstance(number, exp.Parameter) and not (isinstance(number, exp.Literal) and not number.is_string):
            raise writer.refuse(clause, f"{word} takes a number or a parameter", found=writer.excerpt(clause))
        text += f" {word} {number.this if isinstance(number, exp.Literal) else writer.value(number).text}"
    return text


def _projection(writer: Writer, node: exp.Expression, source: Source) -> Projection:
    projection = Projection()
    for each in node.expressions:
        star = each if isinstance(each, exp.Star) else each.this if isinstance(each, exp.Column) else None
        if isinstance(star, exp.Star):
            projection.texts.append(_star(writer, each, star, source))
            projection.has_star = True
            continue
        value_node = each.this if isinstance(each, exp.Alias) else each
        value = writer.value(value_node)
        name = each.alias if isinstance(each, exp.Alias) else _own_name(value_node)
        if not name:
            name = f"f{len(projection.anonymous)}_"
            projection.anonymous.append(len(projection.texts))
        if name.lower() in writer.variables:
            raise writer.refuse(each, f"{name} is a variable and a column", found=name, hint="give the variable another name")
        plain = isinstance(value_node, exp.Column) and len(value_node.parts) == 1 and value.text == quote(name)
        projection.texts.append(value.text if plain else f"{value.text} AS {quote(name)}")
        projection.columns.append((name, value))
    return projection


def _own_name(node: exp.Expression) -> str:
    if isinstance(node, exp.Column):
        return node.name
    return node.expression.name if isinstance(node, exp.Dot) else ""


def _star(writer: Writer, node: exp.Expression, star: exp.Expression, source: Source) -> str:
    writer.require_parts(star, {"except_", "replace"}, "*")
    without = [each.name for each in star.args.get("except_") or []]
    replaced = star.args.get("replace") or []
    if isinstance(node, exp.Column):
        prefix = ".".join(quote(part.name) for part in node.parts[:-1]) + "."
        first: list[str] = []
        if node.parts[0].name.lower() in source.elements:
            raise writer.refuse(node, "a star over array elements is not translated", found=writer.excerpt(node), hint="name the fields")
    else:
        if source.elements:
            raise writer.refuse(node, "a star over array elements is not translated", found="*", hint="name the columns")
        prefix = ""
        # Of JOIN … USING the shared columns come first in GoogleSQL.
        first = [name for name in source.using if name.lower() not in {each.lower() for each in without}]
        if first and replaced:
            raise writer.refuse(node, "REPLACE over JOIN … USING is not translated", found=writer.excerpt(node), hint="join with ON")
    excluded = [*first, *without]
    text = f"{prefix}*"
    if excluded:
        text += f" EXCLUDE ({', '.join(quote(name) for name in excluded)})"
    if replaced:
        texts = ", ".join(f"{writer.value(each.this).text} AS {quote(each.alias)}" for each in replaced)
        text += f" REPLACE ({texts})"
    return ", ".join([*(quote(name) for name in first), text])


def _as_struct(writer: Writer, node: exp.Expression, projection: Projection) -> str:
    if projection.has_star:
        raise writer.refuse(node, "SELECT AS STRUCT * is not translated", hint="name the columns")
    if projection.anonymous:
        raise writer.refuse(node.expressions[projection.anonymous[0]], "a field of this STRUCT has no name", hint="add AS name")
    return "{" + ", ".join(f"{quote(name)}: {value.text}" for name, value in projection.columns) + "}"


def _alias_values(node: exp.Expression, projection: Projection) -> dict[str, Sql]:
    """Names that come before the columns of FROM in GROUP BY, HAVING, QUALIFY and ORDER BY, unless they are just these columns."""
    values: dict[str, Sql] = {}
    for name, value in projection.columns:
        if value.text.split(".")[-1].lower() != quote(name).lower():
            values[name.lower()] = Sql(value.text, value.kind, atom=False)
    return values


def _group(writer: Writer, node: exp.Expression, projection: Projection, aliases: dict[str, Sql]) -> str:
    group = node.args.get("group")
    if group is None:
        return ""
    writer.require_parts(group, {"expressions", "all"}, "GROUP BY")
    if group.args.get("all"):
        return " GROUP BY ALL"
    items = []
    for each in group.expressions:
        if isinstance(each, exp.Rollup):
            inner = ", ".join(_group_item(writer, item, projection, aliases, ordinals=False) for item in each.expressions)
            items.append(f"ROLLUP ({inner})")
        else:
            items.append(_group_item(writer, each, projection, aliases, ordinals=True))
    return f" GROUP BY {', '.join(items)}"


def _group_item(writer: Writer, item: exp.Expression, projection: Projection, aliases: dict[str, Sql], *, ordinals: bool) -> str:
    if isinstance(item, exp.Literal) and not item.is_string:
        return str(item.this)
    name = item.name.lower() if isinstance(item, exp.Column) and len(item.parts) == 1 else None
    texts = [value.text for _, value in projection.columns]
    if name in aliases:
        text = aliases[name].text
        if sum(each.lower() == name for each, _ in projection.columns) > 1:
            raise writer.refuse(item, f"two columns are named {item.name}", found=item.name)
    else:
        text = writer.value(item).text
        if name is not None or not ordinals:
            return text
    # As a place in the list the expression is written, and computed, once.
    if ordinals and not projection.has_star and text in texts:
        return str(texts.index(text) + 1)
    return text if not ordinals else f"({text})"


def _named_windows(writer: Writer, node: exp.Expression) -> str:
    windows = node.args.get("windows") or []
    if not windows:
        return ""
    return " WINDOW " + ", ".join(f"{quote(each.name)} AS {window_clause(writer, each, named=True)}" for each in windows)


def window_clause(writer: Writer, node: exp.Expression, *, named: bool = False) -> str:
    """The part after OVER, or a definition in the WINDOW clause."""
    alias = node.args.get("alias")
    base = quote(alias.name) if isinstance(alias, exp.Identifier) else ""
    partition, order, spec = node.args.get("partition_by") or [], node.args.get("order"), node.args.get("spec")
    if base and not named and not (partition or order or spec):
        return base
    parts = [base] if base else []
    if partition:
        parts.append("PARTITION BY " + ", ".join(writer.value(each).text for each in partition))
    if order is not None:
        writer.require_parts(order, {"expressions"}, "ORDER BY")
        parts.append(order_text(writer, order.expressions).strip())
    if spec is not None:
        writer.require_parts(spec, {"kind", "start", "start_side", "end", "end_side"}, "a window frame")
        start = _bound(writer, spec, "start")
        end = _bound(writer, spec, "end") if spec.args.get("end") else "CURRENT ROW"
        parts.append(f"{spec.args['kind']} BETWEEN {start} AND {end}")
    return f"({' '.join(parts)})"


def _bound(writer: Writer, spec: exp.Expression, which: str) -> str:
    bound, side = spec.args.get(which), spec.args.get(f"{which}_side") or ""
    if isinstance(bound, str):
        return f"{bound} {side}".strip()
    if isinstance(bound, exp.Literal) and not bound.is_string:
        return f"{bound.this} {side}"
    if isinstance(bound, exp.Parameter):
        return f"{writer.value(bound).text} {side}"
    raise writer.refuse(bound, "a window frame takes numbers", found=writer.excerpt(spec))
