"""SELECT with its clauses, set operations and WITH."""

from __future__ import annotations

from dataclasses import dataclass

from sqlglot import exp

from longhaul_sql.coercion import is_nameless, nameless
from longhaul_sql.corresponding import matched
from longhaul_sql.grouping import group_text
from longhaul_sql.ordering import order_text
from longhaul_sql.pipes import EVERY_ROW, LOST
from longhaul_sql.projections import Projection, alias_values, named_columns, projection_of, struct_text, used_parts
from longhaul_sql.set_sides import coerced, common_projection, with_names_of
from longhaul_sql.signatures import require_groupable
from longhaul_sql.sources import from_text
from longhaul_sql.types import Kind, Sql, quote
from longhaul_sql.writer import Columns, Scope, Writer

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
SET_PARTS = {"with_", "this", "expression", "distinct", "order", "limit", "offset", "by_name", "side", "kind", "on"}
_SET_OPERATORS: dict[type[exp.Expression], str] = {exp.Union: "UNION", exp.Intersect: "INTERSECT", exp.Except: "EXCEPT"}


@dataclass
class Query:
    text: str
    projection: Projection
    ordered: bool
    value: str = ""
    """The kind of its values where they are not its columns: of SELECT AS STRUCT."""


def query_text(writer: Writer, node: exp.Expression, *, as_value: bool = False) -> Query:
    """`as_value`: where SELECT AS STRUCT makes a value and not the columns of a table."""
    if isinstance(node, exp.Select):
        return _select(writer, node, as_value)
    if isinstance(node, tuple(_SET_OPERATORS)):
        return _set_operation(writer, node, as_value)
    if isinstance(node, exp.Subquery):
        writer.require_parts(node, {"this", "with_"}, "a query in parentheses")
        with_text, added = _with(writer, node)
        inner = query_text(writer, node.this, as_value=as_value)
        _leave_with(writer, added)
        return Query(f"{with_text}({inner.text})", inner.projection, False, inner.value)
    raise writer.refuse(node, "this is no query that is translated", found=writer.excerpt(node), expected="SELECT")


def subquery_text(writer: Writer, node: exp.Expression, *, as_value: bool = True) -> str:
    """A query inside of an expression, without its parentheses."""
    return subquery(writer, node, as_value=as_value).text


def subquery(writer: Writer, node: exp.Expression, *, as_value: bool) -> Query:
    while isinstance(node, exp.Subquery) and not node.alias and set(used_parts(node)) == {"this"}:
        node = node.this
    # Aliases of the outer SELECT list are no names in here.
    with writer.with_aliases(None):
        return query_text(writer, node, as_value=as_value)


def columns_of(query: Query) -> Columns:
    """Names and kinds of a query's columns, as far as they are known."""
    projection = query.projection
    if projection.has_star and not projection.star_is_known:
        return None
    return [(name, value.kind) for name, value in projection.columns]


def scalar_subquery(writer: Writer, node: exp.Expression) -> Sql:
    query = subquery(writer, node, as_value=True)
    return Sql(f"({query.text})", value_kind(query))


def value_kind(query: Query) -> str:
    """The kind of the values of a query of one column."""
    if query.value:
        return query.value
    columns = columns_of(query)
    return columns[0][1] if columns is not None and len(columns) == 1 else ""


def _with(writer: Writer, node: exp.Expression) -> tuple[str, bool]:
    clause = node.args.get("with_")
    if clause is None:
        return "", False
    writer.require_parts(clause, {"expressions", "recursive"}, "WITH")
    recursive = bool(clause.args.get("recursive"))
    names: dict[str, Columns] = {}
    writer.ctes.append(names)
    parts = []
    if recursive:
        # Each may name the others and itself.
        names.update({each.alias.lower(): None for each in clause.expressions})
    for each in _in_order(clause.expressions) if recursive else clause.expressions:
        writer.require_parts(each, {"this", "alias"}, "WITH")
        if each.args["alias"].args.get("columns"):
            raise writer.refuse(each, "column names of WITH are not translated", found=each.alias, hint="name the columns with AS")
        body = _recursion(each.this) if recursive else each.this
        if recursive:
            names[each.alias.lower()] = _columns_of_start(writer, each.alias, body)
        inner = query_text(writer, body)
        parts.append(f"{quote(each.alias)} AS ({inner.text})")
        names[each.alias.lower()] = columns_of(inner)
    return f"WITH {'RECURSIVE ' if recursive else ''}{', '.join(parts)} ", True


def _columns_of_start(writer: Writer, name: str, body: exp.Expression) -> Columns:
    """The columns of a recursion's first rows, which its other rows have too."""
    start = body
    while isinstance(start, (exp.SetOperation, exp.Subquery)) and start.args.get("with_") is None:
        start = start.this
    if not isinstance(start, exp.Select) or start is body or any(table.name.lower() == name.lower() for table in start.find_all(exp.Table)):
        return None
    warned, unnests = len(writer.warnings), writer.unnests
    columns = columns_of(query_text(writer, start))
    del writer.warnings[warned:]
    writer.unnests = unnests
    return columns


def _recursion(node: exp.Expression) -> exp.Expression:
    """DuckDB takes a recursion only where the set operation is the query itself; the parser writes a pipe as WITH and SELECT *."""
    body = node.unnest() if isinstance(node, exp.Subquery) else node
    clause = body.args.get("with_")
    steps = {each.alias: each.this for each in clause.expressions} if clause is not None else {}
    if not steps or not all(name.startswith("__tmp") for name in steps) or not isinstance(body, exp.Select):
        return node
    last = steps.get(body.args["from_"].this.name) if _is_star_of_table(body) else None
    if not isinstance(last, exp.SetOperation):
        return node
    whole = last.copy()
    while found := next((each for each in whole.find_all(exp.Table) if each.name in steps and not each.db), None):
        found.replace(exp.Subquery(this=steps[found.name].copy(), alias=exp.TableAlias(this=exp.to_identifier(found.alias_or_name))))
    return whole


def _is_star_of_table(node: exp.Select) -> bool:
    only = set(used_parts(node)) == {"expressions", "from_", "with_"} and len(node.expressions) == 1
    return only and isinstance(node.expressions[0], exp.Star) and isinstance(node.args["from_"].this, exp.Table)


def _in_order(ctes: list[exp.Expression]) -> list[exp.Expression]:
    """Each after those that it names."""
    left = {each.alias.lower(): each for each in ctes}
    ordered: list[exp.Expression] = []
    while left:
        names = {key: {table.name.lower() for table in each.this.find_all(exp.Table)} & set(left) - {key} for key, each in left.items()}
        key = next((key for key in left if not names[key]), next(iter(left)))
        ordered.append(left.pop(key))
    return ordered


def _leave_with(writer: Writer, added: bool) -> None:
    if added:
        writer.ctes.pop()


def _set_operation(writer: Writer, node: exp.Expression, as_value: bool) -> Query:
    writer.require_parts(node, SET_PARTS, "this set operation")
    with_text, added = _with(writer, node)
    left, right = (query_text(writer, node.args[side], as_value=as_value) for side in ("this", "expression"))
    operator = _SET_OPERATORS[type(node)]
    if not node.args.get("distinct"):
        if operator != "UNION":
            raise writer.refuse(node, f"BigQuery has no {operator} ALL", found=f"{operator} ALL", expected=f"{operator} DISTINCT")
        operator = "UNION ALL"
    left_text = left.text if isinstance(node.this, (exp.Select, exp.Subquery)) and not left.ordered else f"({left.text})"
    right_text = f"({right.text})" if not isinstance(node.expression, exp.Subquery) else right.text
    if not node.args.get("by_name"):
        for pair in zip(left.projection.columns, right.projection.columns, strict=False):
            kinds = [value.kind for _, value in pair]
            if "" in kinds and any(is_nameless(kind) for kind in kinds):
                raise nameless(writer, node.expression)
        left_text = coerced(writer, (node.this, node.expression), left.projection, right.projection, left_text)
        right_text = coerced(writer, (node.expression, node.this), right.projection, left.projection, right_text)
        right_text = with_names_of(left.projection, right.projection, right_text)
    projection = common_projection(left.projection, right.projection)
    if node.args.get("by_name"):
        left_text, right_text, columns = matched(writer, node, left, right)
        projection = Projection(columns=columns, texts=[value.text for _, value in columns])
    writer.scopes.append(Scope())
    text = f"{left_text} {operator} {right_text}"
    order = node.args.get("order")
    if order is not None:
        text = f"SELECT * FROM ({text}){order_text(writer, order.expressions, named_columns(projection))}"
    text = f"{with_text}{text}{_limit(writer, node)}"
    writer.scopes.pop()
    _leave_with(writer, added)
    return Query(text, projection, order is not None)


def _select(writer: Writer, node: exp.Expression, as_value: bool) -> Query:
    writer.require_parts(node, SELECT_PARTS, "SELECT")
    with_text, added = _with(writer, node)
    writer.scopes.append(Scope(lost=set(node.meta.get(LOST, ()))))
    source = from_text(writer, node)
    writer.scope.tables, writer.scope.columns = source.rows, source.columns
    if not node.expressions:
        raise writer.refuse(node, "the SELECT list is empty", expected="columns, or *")
    projection = projection_of(writer, node, source)
    kind = node.args.get("kind")
    if kind and kind != "STRUCT":
        raise writer.refuse(node, f"SELECT AS {kind} is not translated", found=f"AS {kind}")
    listed = ", ".join(projection.texts)
    if kind == "STRUCT" and as_value:
        listed = struct_text(writer, node, projection, source)
    distinct = ""
    if node.args.get("distinct") is not None:
        writer.require_parts(node.args["distinct"], set(), "DISTINCT")
        distinct = "DISTINCT "
        for _, column in projection.columns:
            require_groupable(writer, node.expressions[0], column.kind, "SELECT DISTINCT")
    text = f"SELECT {distinct}{listed}{source.text}"
    if (where := node.args.get("where")) is not None:
        text += f" WHERE {writer.condition_value(where.this, 'filter').text}"
    aliases = alias_values(node, projection)
    text += group_text(writer, node, projection, aliases)
    with writer.with_aliases(aliases):
        if (having := node.args.get("having")) is not None:
            text += f" HAVING {writer.condition_value(having.this, 'filter').text}"
        qualify = node.args.get("qualify")
        qualified = f" QUALIFY {writer.condition_value(qualify.this, 'filter').text}" if qualify is not None else ""
    text += qualified
    order = node.args.get("order")
    group_all = node.args.get("group") is not None and bool(node.args["group"].args.get("all"))
    if order is not None and _orders_result(order.expressions, projection, group_all=group_all):
        text = f"SELECT * FROM ({text}){order_text(writer, order.expressions, named_columns(projection))}"
    else:
        with writer.with_aliases(aliases):
            text += order_text(writer, order.expressions if order else [], projection.columns)
    text = f"{with_text}{text}{_limit(writer, node)}"
    if node.args.get("limit") is not None and order is None and node.args["limit"].expression.name != str(EVERY_ROW):
        writer.warn(node.args["limit"], "LIMIT without ORDER BY: which rows is not defined")
    writer.scopes.pop()
    _leave_with(writer, added)
    value = Kind("STRUCT", fields=[(name, each.kind) for name, each in projection.columns]) if kind == "STRUCT" and as_value else ""
    return Query(text, projection, order is not None, value)


def _orders_result(items: list[exp.Expression], projection: Projection, *, group_all: bool) -> bool:
    """Whether the rows are ordered from outside: DuckDB takes no expression over a subquery or beside GROUP BY ALL in ORDER BY."""
    texts = {name.lower(): value.text for name, value in projection.columns}
    named = [item.this.name.lower() for item in items if isinstance(item.this, exp.Column) and len(item.this.parts) == 1]
    if group_all and projection.has_star:
        return True
    return len(named) == len(items) and all(name in texts for name in named) and any("SELECT" in texts[name] for name in named)


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
        if isinstance(number, exp.Literal) and not str(number.this).isdigit():
            raise writer.refuse(clause, f"{word} takes a whole number", found=writer.excerpt(clause))
        most = f"least({writer.value(number).text}, {EVERY_ROW})"
        text += f" {word} {min(int(number.this), EVERY_ROW) if str(number.this).isdigit() else most}"
    return text
