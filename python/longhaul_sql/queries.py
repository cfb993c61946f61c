"""SELECT with its clauses, set operations and WITH."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from longhaul_sql.alike import by_place, differ, has_other_names, is_nameless, kind_of_all, nameless, text_as_time
from longhaul_sql.corresponding import matched
from longhaul_sql.grouping import group_text
from longhaul_sql.ordering import order_text
from longhaul_sql.pipes import EVERY_ROW, LOST
from longhaul_sql.signatures import is_text, require_groupable
from longhaul_sql.sources import Source, from_text
from longhaul_sql.types import TIMES, Kind, Sql, declared, fields_of, quote
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
class Projection:
    """The SELECT list."""

    texts: list[str] = field(default_factory=list)
    columns: list[tuple[str, Sql]] = field(default_factory=list)
    """Named columns in order; a star counts for none."""
    has_star: bool = False
    star_is_known: bool = True
    """Whether `columns` has those of each star too."""
    anonymous: list[int] = field(default_factory=list)
    anonymous_names: list[str] = field(default_factory=list)

    @property
    def names(self) -> set[str]:
        return {name.lower() for name, _ in self.columns}


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
    while isinstance(node, exp.Subquery) and not node.alias and set(_used(node)) == {"this"}:
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


def _used(node: exp.Expression) -> list[str]:
    return [key for key, value in node.args.items() if value not in (None, False, [])]


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
    only = set(_used(node)) == {"expressions", "from_", "with_"} and len(node.expressions) == 1
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
        left_text = _coerced(writer, (node.this, node.expression), left.projection, right.projection, left_text)
        right_text = _coerced(writer, (node.expression, node.this), right.projection, left.projection, right_text)
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
    projection = _projection(writer, node, source)
    kind = node.args.get("kind")
    if kind and kind != "STRUCT":
        raise writer.refuse(node, f"SELECT AS {kind} is not translated", found=f"AS {kind}")
    listed = ", ".join(projection.texts)
    if kind == "STRUCT" and as_value:
        listed = _as_struct(writer, node, projection, source)
    distinct = ""
    if node.args.get("distinct") is not None:
        writer.require_parts(node.args["distinct"], set(), "DISTINCT")
        distinct = "DISTINCT "
        for _, column in projection.columns:
            require_groupable(writer, node.expressions[0], column.kind, "SELECT DISTINCT")
    text = f"SELECT {distinct}{listed}{source.text}"
    if (where := node.args.get("where")) is not None:
        text += f" WHERE {writer.condition_value(where.this, 'filter').text}"
    aliases = _alias_values(node, projection)
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


def named_columns(projection: Projection) -> list[tuple[str, Sql]]:
    """The columns as one who reads the query names them."""
    return [(name, Sql(quote(name), value.kind)) for name, value in projection.columns]


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


def _projection(writer: Writer, node: exp.Expression, source: Source) -> Projection:
    projection = Projection()
    for each in node.expressions:
        star = each if isinstance(each, exp.Star) else each.this if isinstance(each, exp.Column) else None
        if isinstance(each, exp.Dot) and isinstance(each.expression, exp.Star):
            _fields_of_value(writer, each, projection)
            continue
        if isinstance(star, exp.Star):
            projection.texts.append(_star(writer, each, star, source))
            projection.has_star = True
            _name_star(projection, each, star, source)
            continue
        value_node = each.this if isinstance(each, exp.Alias) else each
        value = writer.value(value_node)
        name = each.alias if isinstance(each, exp.Alias) else _own_name(value_node)
        if not name:
            name = f"f{len(projection.anonymous)}_"
            projection.anonymous_names.append(name)
            projection.anonymous.append(len(projection.texts))
        if name.lower() in writer.variables:
            raise writer.refuse(each, f"{name} is a variable and a column", found=name, hint="give the variable another name")
        plain = isinstance(value_node, exp.Column) and len(value_node.parts) == 1 and value.text == quote(name)
        projection.texts.append(value.text if plain else f"{value.text} AS {quote(name)}")
        projection.columns.append((name, value))
    return projection


def _fields_of_value(writer: Writer, node: exp.Dot, projection: Projection) -> None:
    """`struct.*`, where the struct is no column."""
    writer.require_parts(node.expression, set(), "*")
    value = writer.value(node.this)
    fields = fields_of(value.kind)
    if fields is None:
        projection.texts.append(f"unnest({value.text})")
        projection.has_star, projection.star_is_known = True, False
        return
    for place, (name, kind) in enumerate(fields, 1):
        field = Sql(f"struct_extract_at({value.text}, {place})", kind)
        projection.texts.append(f"{field.text} AS {quote(name)}")
        projection.columns.append((name, field))


def _name_star(projection: Projection, node: exp.Expression, star: exp.Expression, source: Source) -> None:
    """The columns of a star, as far as the sources' are known."""
    chosen = [node.parts[0].name.lower()] if isinstance(node, exp.Column) and len(node.parts) == 2 else list(source.columns)
    tables = [source.columns.get(name) for name in chosen]
    if not tables or any(columns is None for columns in tables) or source.using or source.elements or isinstance(node, exp.Dot):
        projection.star_is_known = False
        return
    without = {each.name.lower() for each in star.args.get("except_") or []}
    replaced = {each.alias.lower() for each in star.args.get("replace") or []}
    renamed = {each.this.name.lower(): each.alias for each in star.args.get("rename") or []}
    for columns in tables:
        for name, kind in columns or []:
            if name.lower() not in without:
                now = renamed.get(name.lower(), name)
                projection.columns.append((now, Sql(quote(now), "" if name.lower() in replaced else kind)))


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


def _coerced(writer: Writer, nodes: tuple[exp.Expression, exp.Expression], own: Projection, other: Projection, text: str) -> str:
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


def _own_name(node: exp.Expression) -> str:
    if isinstance(node, exp.Column):
        return node.name
    if isinstance(node, exp.ParseJSON):
        return _own_name(node.this)
    return node.expression.name if isinstance(node, exp.Dot) else ""


def _star(writer: Writer, node: exp.Expression, star: exp.Expression, source: Source) -> str:
    writer.require_parts(star, {"except_", "replace", "rename"}, "*")
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
    if isinstance(node, exp.Column) and len(node.parts) > 2:
        if excluded or replaced or star.args.get("rename"):
            raise writer.refuse(
                node,
                "EXCEPT and REPLACE over the fields of a struct are not translated",
                found=writer.excerpt(node),
                hint="name the fields",
            )
        return f"unnest({prefix[:-1]})"
    if excluded:
        text += f" EXCLUDE ({', '.join(quote(name) for name in excluded)})"
    if replaced:
        texts = ", ".join(f"{writer.value(each.this).text} AS {quote(each.alias)}" for each in replaced)
        text += f" REPLACE ({texts})"
    if renamed := star.args.get("rename"):
        text += f" RENAME ({', '.join(f'{quote(each.this.name)} AS {quote(each.alias)}' for each in renamed)})"
    return ", ".join([*(quote(name) for name in first), text])


def _as_struct(writer: Writer, node: exp.Expression, projection: Projection, source: Source) -> str:
    if projection.has_star and not projection.star_is_known:
        # Of one table the row is the struct.
        only = node.expressions[0]
        if len(node.expressions) == 1 and isinstance(only, exp.Star) and not _used(only) and len(source.columns) == 1 and source.rows:
            return quote(node.args["from_"].this.alias_or_name)
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
