"""The SELECT list: its texts, its columns with their names, and its stars."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from longhaul_sql.sources import Source
from longhaul_sql.types import Sql, fields_of, quote
from longhaul_sql.writer import Writer


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


def named_columns(projection: Projection) -> list[tuple[str, Sql]]:
    """The columns as one who reads the query names them."""
    return [(name, Sql(quote(name), value.kind)) for name, value in projection.columns]


def projection_of(writer: Writer, node: exp.Expression, source: Source) -> Projection:
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


def struct_text(writer: Writer, node: exp.Expression, projection: Projection, source: Source) -> str:
    if projection.has_star and not projection.star_is_known:
        # Of one table the row is the struct.
        only = node.expressions[0]
        if len(node.expressions) == 1 and isinstance(only, exp.Star) and not used_parts(only) and len(source.columns) == 1 and source.rows:
            return quote(node.args["from_"].this.alias_or_name)
        raise writer.refuse(node, "SELECT AS STRUCT * is not translated", hint="name the columns")
    if projection.anonymous:
        raise writer.refuse(node.expressions[projection.anonymous[0]], "a field of this STRUCT has no name", hint="add AS name")
    return "{" + ", ".join(f"{quote(name)}: {value.text}" for name, value in projection.columns) + "}"


def alias_values(node: exp.Expression, projection: Projection) -> dict[str, Sql]:
    """Names that come before the columns of FROM in GROUP BY, HAVING, QUALIFY and ORDER BY, unless they are just these columns."""
    values: dict[str, Sql] = {}
    for name, value in projection.columns:
        if value.text.split(".")[-1].lower() != quote(name).lower():
            values[name.lower()] = Sql(value.text, value.kind, atom=False)
    return values


def used_parts(node: exp.Expression) -> list[str]:
    """Names of the arguments that the node has."""
    return [key for key, value in node.args.items() if value not in (None, False, [])]
