"""FROM: tables, subqueries, joins, UNNEST, PIVOT and UNPIVOT."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from longhaul_sql import queries
from longhaul_sql.registry import name_of
from longhaul_sql.signatures import require_array
from longhaul_sql.types import Kind, element_of, fields_of, quote, string
from longhaul_sql.writer import Columns, Writer


@dataclass
class Source:
    text: str = ""
    rows: set[str] = field(default_factory=set)
    """Aliases that stand for whole rows."""
    using: list[str] = field(default_factory=list)
    """Columns of JOIN … USING in the order in which a star has them."""
    elements: set[str] = field(default_factory=set)
    """Aliases of array elements whose fields are not known."""
    columns: dict[str, Columns] = field(default_factory=dict)
    """By alias, in the order of FROM."""
    outer: bool = False
    """Whether what is added may stay without a partner: then a row that is a value is NULL, and not a struct of NULLs."""


_TABLE_PARTS = {"this", "db", "catalog", "alias", "pivots", "joins"}
_SIDES = {"": "", "LEFT": "LEFT ", "RIGHT": "RIGHT ", "FULL": "FULL "}


def from_text(writer: Writer, select: exp.Expression) -> Source:
    source = Source()
    clause = select.args.get("from_")
    if clause is None:
        return source
    first = _as_unnest(writer, clause.this, source)
    text = _item(writer, first, source, lateral=False)
    text += _joins(writer, select.args.get("joins") or [], source)
    source.text = f" FROM {text}"
    return source


def _as_unnest(writer: Writer, node: exp.Expression, source: Source) -> exp.Expression:
    """`FROM t, t.array` is `FROM t, UNNEST(t.array)`."""
    if not isinstance(node, exp.Table) or not isinstance(node.this, exp.Identifier) or not node.db or node.args.get("pivots"):
        return node
    path = [part for key in ("catalog", "db", "this") if (part := node.args.get(key)) is not None]
    owner = path[0].name.lower()
    if owner not in source.columns and not any(owner in scope.columns for scope in writer.scopes):
        return node
    column: exp.Expression = exp.Column(this=path[1].copy(), table=path[0].copy())
    for part in path[2:]:
        column = exp.Dot(this=column, expression=part.copy())
    alias = exp.TableAlias(columns=[exp.to_identifier(node.alias or path[-1].name)])
    return exp.Unnest(expressions=[column], alias=alias)


def _joins(writer: Writer, joins: list[exp.Expression], source: Source) -> str:
    return "".join(_join(writer, each, source) for each in joins)


def _join(writer: Writer, join: exp.Expression, source: Source) -> str:
    writer.require_parts(join, {"this", "side", "kind", "on", "using"}, "this join")
    side, kind = str(join.args.get("side") or "").upper(), str(join.args.get("kind") or "").upper()
    if side not in _SIDES or kind not in ("", "INNER", "CROSS", "OUTER"):
        raise writer.refuse(join.this, f"{side} {kind} JOIN is not translated".strip(), found=writer.excerpt(join))
    if side:
        writer.nullable_arrays = True
    on, using = join.args.get("on"), join.args.get("using") or []
    joined = _as_unnest(writer, join.this, source)
    unnest = isinstance(joined, exp.Unnest)
    if unnest and side not in ("", "LEFT"):
        raise writer.refuse(join.this, f"{side} JOIN UNNEST is not translated", found=writer.excerpt(join))
    if unnest:
        # An array may be a column of what stands before it.
        writer.scope.columns = source.columns
    source.outer = bool(side)
    item = _item(writer, joined, source, lateral=unnest)
    source.outer = False
    writer.scope.tables, writer.scope.columns = source.rows, source.columns
    if using:
        names = [each.name for each in using]
        lower = {name.lower() for name in names}
        source.using = names + [name for name in source.using if name.lower() not in lower]
        item = _without_nan(join.this, item, names, side)
        return f" {_SIDES[side]}JOIN {item} USING ({', '.join(quote(name) for name in names)})"
    if on is not None and unnest and side:
        # Of a LATERAL join DuckDB takes comparisons only: the condition goes inside.
        inner = item.removeprefix("LATERAL ")
        name = inner.rpartition(" AS ")[2]
        return f" LEFT JOIN LATERAL (SELECT {name}.* FROM {inner} WHERE {writer.condition_value(on, 'filter').text}) AS {name} ON TRUE"
    if on is not None:
        return f" {_SIDES[side]}JOIN {item} ON {writer.condition_value(on, 'join').text}"
    if kind == "CROSS" or (unnest and not side):
        return f" CROSS JOIN {item}"
    if unnest:
        return f" LEFT JOIN {item} ON TRUE"
    raise writer.refuse(join.this, "this join has no condition", found=writer.excerpt(join), expected="ON, USING or CROSS JOIN")


def _without_nan(node: exp.Expression, item: str, names: list[str], side: str) -> str:
    """The right side of JOIN … USING: to DuckDB NaN equals NaN. Where its rows stay without a partner, NaN is refused when it comes."""
    alias = node.alias or (node.name if isinstance(node, exp.Table) else "")
    if not alias or isinstance(node, exp.Unnest):
        return item
    macro = "longhaul_not_nan" if side in ("", "LEFT") else "longhaul_no_nan"
    replaced = ", ".join(f"{macro}({quote(name)}) AS {quote(name)}" for name in names)
    return f"(SELECT * REPLACE ({replaced}) FROM {item}) AS {quote(alias)}"


def _item(writer: Writer, node: exp.Expression, source: Source, *, lateral: bool) -> str:
    if isinstance(node, exp.Unnest):
        return _unnest(writer, node, source, lateral=lateral)
    if isinstance(node, exp.Table):
        return _table(writer, node, source)
    if isinstance(node, exp.Subquery):
        return _subquery(writer, node, source)
    raise writer.refuse(node, "this source of rows is not translated", found=writer.excerpt(node), expected="a table, a subquery or UNNEST")


def _table(writer: Writer, node: exp.Table, source: Source) -> str:
    writer.require_parts(node, _TABLE_PARTS, "a table")
    text, name, own = writer.table_name(node)
    if not own:
        writer.note_read(name)
    alias = node.alias or node.name
    pivots = node.args.get("pivots") or []
    source.columns[alias.lower()] = None if pivots else writer.columns_of_table(name, own=own)
    if pivots:
        return _pivot(writer, pivots, text if not node.alias else f"{text} AS {quote(node.alias)}", source)
    _require_alias(writer, node)
    source.rows.add(alias.lower())
    return (f"{text} AS {quote(node.alias)}" if node.alias else text) + _joins(writer, node.args.get("joins") or [], source)


def _require_alias(writer: Writer, node: exp.Expression) -> None:
    alias = node.args.get("alias")
    if alias is not None and alias.args.get("columns"):
        raise writer.refuse(alias, "BigQuery has no column names beside an alias", found=writer.excerpt(alias))


def _subquery(writer: Writer, node: exp.Subquery, source: Source) -> str:
    writer.require_parts(node, {"this", "alias", "pivots", "joins"}, "a subquery")
    if isinstance(node.this, exp.Table):  # FROM (a JOIN b ON …)
        return f"({_table(writer, node.this, source)})"
    query = queries.subquery(writer, node.this, as_value=False)
    inner = f"({query.text})"
    pivots = node.args.get("pivots") or []
    source.columns[node.alias.lower() or f" {len(source.columns)}"] = None if pivots else queries.columns_of(query)
    if pivots:
        return _pivot(writer, pivots, inner, source)
    _require_alias(writer, node)
    if not node.alias:
        return inner + _joins(writer, node.args.get("joins") or [], source)
    source.rows.add(node.alias.lower())
    return f"{inner} AS {quote(node.alias)}"


# --- UNNEST -----------------------------------------------------------------------------------------------------------


def _unnest(writer: Writer, node: exp.Unnest, source: Source, *, lateral: bool) -> str:
    writer.require_parts(node, {"expressions", "alias", "offset", "explode_array"}, "UNNEST")
    if len(node.expressions) != 1:
        raise writer.refuse(node, "UNNEST takes one array", found=writer.excerpt(node))
    array = node.expressions[0]
    value = writer.value(array)
    require_array(writer, node, value)
    text = value.text
    alias = node.args.get("alias")
    element = alias.args["columns"][0].name if alias is not None and alias.args.get("columns") else node.alias
    offset = node.args.get("offset")
    offset_name = (offset.name or "offset") if isinstance(offset, exp.Expression) else "offset" if offset else ""
    writer.unnests += 1
    own = f"longhaul_unnest_{writer.unnests}"
    kind = element_of(value.kind)
    known = fields_of(kind)
    fields = [name for name, _ in known] if known is not None else _fields(array)
    if source.outer and element:
        known, fields = None, []
    whole = offset_name != "" and known is not None and isinstance(value.kind, Kind) and value.kind.stored
    if whole:
        # As one column: a row of fields beside an offset is no value.
        known, fields = None, []
    if len({name.lower() for name in fields}) != len(fields):
        raise writer.refuse(node, "two fields of the elements have one name", found=writer.excerpt(node), hint="name them with AS")
    scalar = bool(kind and kind != "STRUCT") or _has_scalars(writer, array)
    if scalar and not element:
        # A column without a name, as a result has it.
        element = "f0_"
    columns: Columns = list(known) if known is not None else [(element or "", kind)] if scalar else None
    if whole and element:
        columns = [(element, kind)]
    if columns is not None and offset_name:
        columns.append((offset_name, "INT64"))
    source.columns[(element or f" {len(source.columns)}").lower()] = columns
    places = f", unnest(range(len({text}))) AS {quote(offset_name)}" if offset_name else ""
    lateral_word = "LATERAL " if lateral else ""
    if fields:
        # The fields of structs are columns of their own.
        listed = ", ".join(f"longhaul_element.{quote(name)} AS {quote(name)}" for name in fields)
        inner = f"(SELECT unnest({text}) AS longhaul_element{places})"
        if offset_name:
            listed += f", {quote(offset_name)}"
            writer.scope.with_offset.add((element or "").lower())
        if element:
            source.rows.add(element.lower())
        return f"{lateral_word}(SELECT {listed} FROM {inner}) AS {quote(element or own)}"
    if not element:
        # Fields of structs are columns, which only the table knows.
        source.elements.add(own.lower())
        return f"{lateral_word}(SELECT unnest({text}, max_depth := 2){places}) AS {quote(own)}"
    if not scalar:
        source.elements.add((element or own).lower())
    return f"{lateral_word}(SELECT unnest({text}) AS {quote(element or own)}{places}) AS {quote(own)}"


def _fields(array: exp.Expression) -> list[str]:
    """Names of the fields where the array is written out as structs."""
    if isinstance(array, exp.Cast) and array.to.this == exp.DataType.Type.ARRAY:
        struct = array.to.expressions[0] if array.to.expressions else None
        return _names_in(struct) if struct is not None and struct.this == exp.DataType.Type.STRUCT else []
    if not isinstance(array, exp.Array) or not array.expressions:
        return []
    first = array.expressions[0]
    if isinstance(first, exp.Cast) and first.to.this == exp.DataType.Type.STRUCT:
        return _names_in(first.to)
    if isinstance(first, exp.Anonymous) and name_of(first) == "STRUCT":
        return [each.alias or each.name for each in first.expressions]
    return []


_ARRAYS_OF_SCALARS = (
    "GENERATE_ARRAY",
    "GENERATE_DATE_ARRAY",
    "GENERATE_TIMESTAMP_ARRAY",
    "SPLIT",
    "REGEXP_EXTRACT_ALL",
    "TO_CODE_POINTS",
    "JSON_VALUE_ARRAY",
    "JSON_KEYS",
)


def _names_in(struct: exp.DataType) -> list[str]:
    """Names of the fields; `_field_1` and so on of those without."""
    return [each.name if isinstance(each, exp.ColumnDef) else f"_field_{place}" for place, each in enumerate(struct.expressions, 1)]


def _has_scalars(writer: Writer, array: exp.Expression) -> bool:
    if isinstance(array, exp.Cast) and array.to.this == exp.DataType.Type.ARRAY and array.to.expressions:
        return array.to.expressions[0].this != exp.DataType.Type.STRUCT
    if isinstance(array, exp.Anonymous):
        return name_of(array) in _ARRAYS_OF_SCALARS
    if isinstance(array, exp.Array) and array.expressions and not isinstance(array.expressions[0], exp.Query):
        return all(isinstance(each, (exp.Literal, exp.Neg)) or writer.value(each).kind not in ("", "STRUCT") for each in array.expressions)
    return False


# --- PIVOT and UNPIVOT ------------------------------------------------------------------------------------------------

# How the dialect names columns, always the same for GoogleSQL; the names are written out below.
_NAMING = ("prefixed_pivot_columns", "pivot_column_naming")
_PIVOTED = ("SUM", "COUNT", "COUNTIF", "AVG", "MIN", "MAX", "ANY_VALUE")


def _pivot(writer: Writer, pivots: list[exp.Expression], inner: str, source: Source) -> str:
    if len(pivots) > 1:
        raise writer.refuse(pivots[1], "several PIVOTs are not translated", hint="use a subquery for each")
    pivot = pivots[0]
    writer.require_parts(pivot, {"expressions", "fields", "unpivot", "alias", "columns", "include_nulls", *_NAMING}, "PIVOT")
    if len(pivot.args["fields"]) != 1 or not isinstance(pivot.args["fields"][0], exp.In):
        raise writer.refuse(pivot, "this PIVOT is not translated", found=writer.excerpt(pivot))
    field_in = pivot.args["fields"][0]
    text = _unpivot(writer, pivot, field_in, inner) if pivot.args.get("unpivot") else _aggregated(writer, pivot, field_in, inner)
    alias = pivot.alias
    if not alias:
        return text
    source.rows.add(alias.lower())
    return f"{text} AS {quote(alias)}"


def _aggregated(writer: Writer, pivot: exp.Expression, field_in: exp.In, inner: str) -> str:
    """A PIVOT is an aggregation by the columns that it does not name: each value is a condition inside of the aggregate."""
    used = [each.name for part in (*pivot.expressions, field_in.this) for each in part.find_all(exp.Column)]
    excluded = ", ".join(quote(name) for name in dict.fromkeys(used))
    columns = []
    for item in field_in.expressions:
        value, value_name = _pivot_value(writer, item)
        for each in pivot.expressions:
            aggregate, prefix = (each.this, each.alias) if isinstance(each, exp.Alias) else (each, "")
            if not prefix and len(pivot.expressions) > 1:
                raise writer.refuse(each, "several aggregates of a PIVOT need names", found=writer.excerpt(each), hint="add AS name")
            # A number has its underscore only where it would begin the name.
            joined = value_name.removeprefix("_") if isinstance(item, exp.Literal) and not item.is_string else value_name
            name = f"{prefix}_{joined}" if prefix else value_name
            columns.append(f"{writer.value(_restricted(writer, aggregate, field_in.this, value)).text} AS {quote(name)}")
    return f"(SELECT * EXCLUDE ({excluded}), {', '.join(columns)} FROM {inner} GROUP BY ALL)"


def _pivot_value(writer: Writer, item: exp.Expression) -> tuple[exp.Expression, str]:
    if isinstance(item, (exp.PivotAlias, exp.Alias)):
        return item.this, item.args["alias"].name
    if isinstance(item, exp.Literal):
        name = str(item.this) if item.is_string else f"_{item.this}"
        if name.replace("_", "a").isalnum():
            return item, name if not name[0].isdigit() else f"_{name}"
    raise writer.refuse(item, "this value of PIVOT needs a name", found=writer.excerpt(item), hint="add AS name")


def _restricted(writer: Writer, aggregate: exp.Expression, key: exp.Expression, value: exp.Expression) -> exp.Expression:
    name = name_of(aggregate) if isinstance(aggregate, exp.Anonymous) else ""
    arguments = aggregate.expressions if isinstance(aggregate, exp.Anonymous) else []
    odd = isinstance(arguments[0], (exp.Order, exp.Limit, exp.HavingMax)) or aggregate.find(exp.Query) if arguments else None
    if name not in _PIVOTED or len(arguments) != 1 or odd:
        raise writer.refuse(
            aggregate, "this aggregate of PIVOT is not translated", found=writer.excerpt(aggregate), expected=", ".join(_PIVOTED)
        )
    same = exp.NullSafeEQ(this=key.copy(), expression=value.copy())
    argument = arguments[0]
    if isinstance(argument, exp.Star):
        return exp.Anonymous(this="COUNTIF", expressions=[same])
    distinct = isinstance(argument, exp.Distinct)
    inner = argument.expressions[0] if distinct else argument
    chosen: exp.Expression = exp.Anonymous(this="IF", expressions=[same, inner.copy(), exp.Null()])
    return exp.Anonymous(this=name, expressions=[exp.Distinct(expressions=[chosen]) if distinct else chosen])


def _unpivot(writer: Writer, pivot: exp.Expression, field_in: exp.In, inner: str) -> str:
    """UNPIVOT(value FOR name IN (a, b AS 'c')), or of several values: UNPIVOT((x, y) FOR name IN ((a, b), (c, d)))."""
    first = pivot.expressions[0] if len(pivot.expressions) == 1 else pivot
    values = [each.name for each in (first.expressions if isinstance(first, exp.Tuple) else [first])]
    if not all(values):
        raise writer.refuse(pivot, "UNPIVOT takes names of columns", found=writer.excerpt(pivot))
    key = quote(field_in.this.name)
    branches: list[str] = []
    names: list[str] = []
    for item in field_in.expressions:
        target = item.this if isinstance(item, (exp.PivotAlias, exp.Alias)) else item
        label = item.args["alias"] if isinstance(item, (exp.PivotAlias, exp.Alias)) else None
        columns = target.expressions if isinstance(target, exp.Tuple) else [target]
        if len(columns) != len(values) or not all(isinstance(each, exp.Column) for each in columns):
            raise writer.refuse(item, "UNPIVOT takes as many columns as values", found=writer.excerpt(item))
        if label is not None and not isinstance(label, exp.Literal):
            raise writer.refuse(item, "UNPIVOT takes a text or a number as name of a row", found=writer.excerpt(item))
        names += [each.name for each in columns]
        name = writer.value(label).text if label is not None else string("_".join(each.name for each in columns))
        fields = ", ".join(f"v{place}: {quote(each.name)}" for place, each in enumerate(columns))
        branches.append(f"{{{fields}, longhaul_name: {name}}}")
    rows = f"SELECT *, unnest([{', '.join(branches)}]) AS longhaul_pair FROM {inner}"
    kept = f"* EXCLUDE ({', '.join(quote(name) for name in dict.fromkeys(names))}, longhaul_pair)"
    listed = ", ".join(f"longhaul_pair.v{place} AS {quote(value)}" for place, value in enumerate(values))
    some = " OR ".join(f"longhaul_pair.v{place} IS NOT NULL" for place in range(len(values)))
    where = "" if pivot.args.get("include_nulls") else f" WHERE {some}"
    return f"(SELECT {kept}, {listed}, longhaul_pair.longhaul_name AS {key} FROM ({rows}){where})"
