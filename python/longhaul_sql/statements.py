"""Whole statements: queries, tables, views, changes of rows, variables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from longhaul_sql.coercion import by_place, has_other_names
from longhaul_sql.expressions import variable_table
from longhaul_sql.projections import Projection
from longhaul_sql.queries import Query, columns_of, query_text
from longhaul_sql.set_sides import with_names_of
from longhaul_sql.sources import Source, _item
from longhaul_sql.types import Sql, fields_of, quote
from longhaul_sql.writer import Columns, Scope, Writer


@dataclass(frozen=True)
class Written:
    kind: str
    text: str
    target: str | None = None
    ordered: bool = False


Rule = Callable[[Writer, exp.Expression], Written]
_DROPPED_OPTIONS = ("description", "labels", "friendly_name", "require_partition_filter", "kms_key_name")
_KNOWN_SCALARS = ("INT64", "FLOAT64", "BOOL", "STRING", "DATE", "DATETIME", "TIMESTAMP", "STRUCT")


def write_statement(writer: Writer, node: exp.Expression) -> Written:
    if isinstance(node, exp.Query):
        query = query_text(writer, node)
        require_names(writer, node, query)
        return Written("select", query.text, ordered=query.ordered)
    for node_type, rule in STATEMENTS.items():
        if isinstance(node, node_type):
            return rule(writer, node)
    name = str(node.this).split()[0].upper() if isinstance(node, exp.Command) and node.this else type(node).__name__.upper()
    raise writer.refuse(
        node, f"the statement {name} is not translated", expected="SELECT, CREATE TABLE/VIEW, INSERT, UPDATE, DELETE, MERGE, DROP, TRUNCATE"
    )


def stored(writer: Writer, query: Query) -> str:
    """In results and tables BigQuery has empty arrays where a query has NULL arrays."""
    unknown = query.projection.has_star or any(value.kind not in _KNOWN_SCALARS for _, value in query.projection.columns)
    if not (writer.nullable_arrays and unknown):
        return query.text
    return f"SELECT longhaul_stored(COLUMNS(*)) FROM ({query.text})"


def require_names(writer: Writer, node: exp.Expression, query: Query) -> None:
    """A table has no two columns of one name, and a file of parquet none of INTERVAL."""
    interval = next((name for name, value in query.projection.columns if value.kind == "INTERVAL"), None)
    if interval is not None:
        raise writer.refuse(
            _column_named(node, interval.lower()) or node,
            f"the column {interval} is an INTERVAL, which parquet does not keep",
            found=interval,
            hint="use its parts: EXTRACT, …_DIFF",
        )
    names = [name.lower() for name, _ in query.projection.columns]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise writer.refuse(
                _column_named(node, name) or node,
                f'two columns of the result are named "{query.projection.columns[place][0]}"',
                found=query.projection.columns[place][0],
                hint="give one of them another name with AS",
            )


def _column_named(node: exp.Expression, name: str) -> exp.Expression | None:
    found = [each for each in node.expressions if each.alias_or_name.lower() == name] if isinstance(node, exp.Select) else []
    return found[-1] if found else None


def target_of(writer: Writer, table: exp.Expression) -> tuple[str, str]:
    if not isinstance(table, exp.Table):
        raise writer.refuse(table, "a table was expected", found=writer.excerpt(table))
    writer.require_parts(table, {"this", "db", "catalog", "alias"}, "the table that is changed")
    text, name, _ = writer.table_name(table)
    return text, name


def _create(writer: Writer, node: exp.Expression) -> Written:
    writer.require_parts(node, {"this", "kind", "replace", "expression", "exists", "properties"}, "CREATE")
    kind = str(node.args["kind"]).upper()
    if kind not in ("TABLE", "VIEW"):
        hint = "BigQuery ML runs on BigQuery only" if kind == "MODEL" else "write the expression out" if kind == "FUNCTION" else None
        raise writer.refuse(node, f"CREATE {kind} is not translated", found=f"CREATE {kind}", hint=hint)
    temporary = _properties(writer, node)
    schema = node.this if isinstance(node.this, exp.Schema) else None
    table = schema.this if schema is not None else node.this
    query = node.args.get("expression")
    if temporary and isinstance(table, exp.Table):
        if table.db:
            raise writer.refuse(table, "a temporary table has no dataset", found=writer.excerpt(table))
        target = name = None
        text = quote(table.name)
    else:
        text, name = target_of(writer, table)
        target = name
    words = "CREATE OR REPLACE" if node.args.get("replace") else "CREATE"
    words += f"{' TEMP' if temporary else ''} {kind}{' IF NOT EXISTS' if node.args.get('exists') else ''} {text}"
    if query is None:
        if schema is None:
            raise writer.refuse(table, "this table has no columns", expected="AS SELECT …, or columns with types")
        _remember(
            writer,
            table,
            [(each.name, writer.kind_of(each.args["kind"])) for each in schema.expressions if isinstance(each, exp.ColumnDef)],
        )
        written = Written("create_table", f"{words} ({', '.join(_column(writer, each) for each in schema.expressions)})", target)
    else:
        if schema is not None:
            raise writer.refuse(schema, "columns beside AS are not translated", hint="name and cast the columns in the SELECT")
        body = query_text(writer, query)
        require_names(writer, query, body)
        if body.projection.anonymous:
            place = query.expressions[body.projection.anonymous[0]] if isinstance(query, exp.Select) else query
            raise writer.refuse(place, "a column of the new table has no name", found=writer.excerpt(place), hint="add AS name")
        _remember(writer, table, columns_of(body))
        written = Written("create_view" if kind == "VIEW" else "create_table_as", f"{words} AS {stored(writer, body)}", target)
    if temporary and isinstance(table, exp.Table):
        writer.temporary.add(table.name.lower())
    return written


def _remember(writer: Writer, table: exp.Expression, columns: Columns) -> None:
    """What later statements of the script find in the table that this one makes."""
    if isinstance(table, exp.Table):
        writer.schemas[_key(table)] = columns


def _known(writer: Writer, table: exp.Expression) -> Columns:
    return writer.schemas.get(_key(table)) if isinstance(table, exp.Table) else None


def _key(table: exp.Table) -> str:
    return ".".join(part for part in (table.db, table.name) if part).lower()


def _properties(writer: Writer, node: exp.Expression) -> bool:
    """Whether it is temporary. Partitions, clusters and descriptions change no rows and are left out."""
    properties = node.args.get("properties")
    temporary = False
    for each in properties.expressions if properties is not None else []:
        if isinstance(each, exp.TemporaryProperty):
            temporary = True
        elif isinstance(each, exp.Property) and type(each) is exp.Property:
            if each.name.lower() not in _DROPPED_OPTIONS:
                raise writer.refuse(
                    each,
                    f"the option {each.name} is not translated",
                    found=writer.excerpt(each),
                    hint="set expiration in the step" if "expiration" in each.name.lower() else None,
                )
        elif not isinstance(each, (exp.PartitionedByProperty, exp.ClusterProperty)):
            raise writer.refuse(each, "this property of CREATE is not translated", found=writer.excerpt(each))
    return temporary


def _column(writer: Writer, node: exp.Expression) -> str:
    if not isinstance(node, exp.ColumnDef):
        raise writer.refuse(node, "constraints are not translated", found=writer.excerpt(node))
    text = f"{quote(node.name)} {writer.duckdb_type(node.args['kind'])}"
    for constraint in node.args.get("constraints") or []:
        if not isinstance(constraint.args["kind"], exp.NotNullColumnConstraint):
            raise writer.refuse(constraint, "this constraint is not translated", found=writer.excerpt(constraint))
        text += " NOT NULL"
    return text


def _drop(writer: Writer, node: exp.Expression) -> Written:
    kind = str(node.args.get("kind")).upper()
    tables = node.args.get("tables") or [node.this]
    if kind not in ("TABLE", "VIEW") or len(tables) != 1:
        raise writer.refuse(node, f"DROP {kind} is not translated", found=f"DROP {kind}")
    text, name = target_of(writer, tables[0])
    return Written("drop", f"DROP {kind} {'IF EXISTS ' if node.args.get('exists') else ''}{text}", name)


def _truncate(writer: Writer, node: exp.Expression) -> Written:
    text, name = target_of(writer, node.expressions[0])
    return Written("delete", f"DELETE FROM {text}", name)


def _insert(writer: Writer, node: exp.Expression) -> Written:
    writer.require_parts(node, {"this", "expression"}, "INSERT")
    schema = node.this if isinstance(node.this, exp.Schema) else None
    table, named = (node.this, None) if schema is None else (schema.this, schema.expressions)
    text, name = target_of(writer, table)
    wanted = _columns_put(_known(writer, table), named)
    rows = node.args["expression"]
    if isinstance(rows, exp.Values):
        writer.require_parts(rows, {"expressions"}, "VALUES")
        put = [[value.text for value in _put(writer, row.expressions, wanted)] for row in rows.expressions]
        body = "VALUES " + ", ".join(f"({', '.join(row)})" for row in put)
    else:
        query = query_text(writer, rows)
        body = stored(writer, query)
        if wanted is not None:
            target = Projection(columns=[(name, Sql(quote(name), kind)) for name, kind in wanted])
            by_places = with_names_of(target, query.projection, f"({body})")
            body = f"SELECT * FROM {by_places}" if by_places != f"({body})" else body
    return Written("insert", f"INSERT INTO {text}{_list_of(named)} {body}", name)


def _columns_put(columns: Columns, named: list[exp.Expression] | None) -> Columns:
    """The columns that an INSERT gives values for, in its order."""
    if columns is None or named is None:
        return columns
    kinds = {name.lower(): kind for name, kind in columns}
    return [(each.name, kinds.get(each.name.lower(), "")) for each in named]


def _list_of(named: list[exp.Expression] | None) -> str:
    return "" if named is None else f" ({', '.join(quote(each.name) for each in named)})"


def _put(writer: Writer, items: list[exp.Expression], wanted: Columns) -> list[Sql]:
    """Values as the columns take them: fields of structs by place."""
    values = [writer.value(each) for each in items]
    kinds = [kind for _, kind in wanted or []]
    return [Sql(by_place(value.text, value.kind, kinds[i]), value.kind) if i < len(kinds) else value for i, value in enumerate(values)]


def _update(writer: Writer, node: exp.Expression) -> Written:
    if node.args.get("from_") is not None:
        raise writer.refuse(node.args["from_"], "UPDATE … FROM is not translated: DuckDB takes any of several matches", hint="use MERGE")
    writer.require_parts(node, {"this", "expressions", "where"}, "UPDATE")
    text, name = target_of(writer, node.this)
    where = node.args.get("where")
    if where is None:
        raise writer.refuse(node, "UPDATE has no WHERE", expected="WHERE, if only WHERE TRUE")
    alias = f" AS {quote(node.this.alias)}" if node.this.alias else ""
    assigned = _assignments(writer, node.expressions, node.this)
    return Written(
        "update",
        f"UPDATE {text}{alias} SET {assigned} WHERE {writer.value(where.this).text}",
        name,
    )


def _assignments(writer: Writer, items: list[exp.Expression], target: exp.Expression) -> str:
    owners = {target.name.lower(), target.alias.lower()}
    kinds = {name.lower(): kind for name, kind in _known(writer, target) or []}
    parts = []
    for each in items:
        if not isinstance(each, exp.EQ) or not isinstance(each.this, exp.Column) or len(each.this.parts) > 2:
            raise writer.refuse(each, "this assignment is not translated", found=writer.excerpt(each), expected="column = value")
        owner = each.this.args.get("table")
        if owner is not None and owner.name.lower() not in owners:
            raise writer.refuse(
                each.this,
                "assigning a field of a STRUCT is not translated",
                found=writer.excerpt(each),
                hint="assign the whole column: SET s = STRUCT(… AS field, …)",
            )
        if _is_default(each.expression):
            # No table here has other defaults.
            parts.append(f"{quote(each.this.name)} = NULL")
            continue
        value = writer.value(each.expression)
        wanted = kinds.get(each.this.name.lower(), "")
        if has_other_names(value.kind, wanted):
            value = Sql(by_place(value.text, value.kind, wanted), wanted)
        if any(name.startswith("_field_") for name, _ in fields_of(value.kind) or ()):
            raise writer.refuse(
                each, "the fields of this STRUCT have no names", found=writer.excerpt(each), hint="name them: STRUCT(1 AS a, 2 AS b)"
            )
        parts.append(f"{quote(each.this.name)} = {_array_value(value)}")
    return ", ".join(parts)


def _is_default(node: exp.Expression) -> bool:
    return isinstance(node, exp.Column) and len(node.parts) == 1 and node.name.upper() == "DEFAULT" and not node.this.args.get("quoted")


def _array_value(value: Sql) -> str:
    return f"coalesce({value.text}, [])" if value.kind == "ARRAY" else value.text


def _delete(writer: Writer, node: exp.Expression) -> Written:
    writer.require_parts(node, {"this", "tables", "where"}, "DELETE")
    table = node.this if isinstance(node.this, exp.Table) else (node.args.get("tables") or [None])[0]
    text, name = target_of(writer, table)
    where = node.args.get("where")
    if where is None:
        raise writer.refuse(node, "DELETE has no WHERE", expected="WHERE, if only WHERE TRUE")
    alias = f" AS {quote(table.alias)}" if table.alias else ""
    return Written("delete", f"DELETE FROM {text}{alias} WHERE {writer.value(where.this).text}", name)


def _merge(writer: Writer, node: exp.Expression) -> Written:
    writer.require_parts(node, {"this", "using", "on", "whens"}, "MERGE")
    text, name = target_of(writer, node.this)
    alias = f" AS {quote(node.this.alias)}" if node.this.alias else ""
    source = Source()
    writer.scopes.append(Scope())
    using = _item(writer, node.args["using"], source, lateral=False)
    target = node.this.alias or node.this.name
    writer.scope.columns = {**source.columns, target.lower(): _known(writer, node.this)}
    condition = writer.value(node.args["on"]).text
    whens = "".join(_when(writer, each, node.this) for each in node.args["whens"].expressions)
    writer.scopes.pop()
    return Written("merge", f"MERGE INTO {text}{alias} USING {using} ON {condition}{whens}", name)


def _when(writer: Writer, node: exp.Expression, target: exp.Expression) -> str:
    if node.args.get("matched"):
        words = " WHEN MATCHED"
    else:
        words = " WHEN NOT MATCHED BY SOURCE" if node.args.get("source") else " WHEN NOT MATCHED"
    condition = node.args.get("condition")
    if condition is not None:
        words += f" AND {writer.operand(condition)}"
    then = node.args["then"]
    if isinstance(then, exp.Update):
        return f"{words} THEN UPDATE SET {_assignments(writer, then.expressions, target)}"
    if isinstance(then, exp.Insert):
        values = then.args.get("expression")
        if not isinstance(values, exp.Tuple):
            raise writer.refuse(node, "INSERT ROW is not translated", hint="name the columns: INSERT (a) VALUES (s.a)")
        named = then.this.expressions if isinstance(then.this, exp.Tuple) else None
        put = _put(writer, values.expressions, _columns_put(_known(writer, target), named))
        return f"{words} THEN INSERT{_list_of(named)} VALUES ({', '.join(map(_array_value, put))})"
    if isinstance(then, exp.Var) and then.name.upper() == "DELETE":
        return f"{words} THEN DELETE"
    raise writer.refuse(
        node, "this action of MERGE is not translated", found=writer.excerpt(node), expected="UPDATE SET, INSERT (…) VALUES (…) or DELETE"
    )


# --- variables --------------------------------------------------------------------------------------------------------


def _declare(writer: Writer, node: exp.Expression) -> Written:
    """A variable is a temporary table of one row: so its value can come from parameters and queries like any other."""
    items = [(name, item) for item in node.expressions for name in item.this]
    if len(items) != 1:
        raise writer.refuse(node, "DECLARE takes one variable here", hint="write a DECLARE for each")
    identifier, item = items[0]
    name = identifier.name.lower()
    if name in writer.variables:
        raise writer.refuse(identifier, f"{identifier.name} is declared twice", found=identifier.name)
    kind, default = item.args.get("kind"), item.args.get("default")
    value = writer.value(default) if default is not None else Sql("NULL", "NULL")
    text = f"CAST({value.text} AS {writer.duckdb_type(kind)})" if kind is not None else value.text
    written = Written("create_variable", f"CREATE TEMP TABLE {quote(variable_table(name))} AS SELECT {text} AS value")
    writer.variables[name] = writer.kind_of(kind) if kind is not None else value.kind
    return written


def _set(writer: Writer, node: exp.Expression) -> Written:
    assignment = node.expressions[0].this if len(node.expressions) == 1 else None
    if not isinstance(assignment, exp.EQ) or not isinstance(assignment.this, exp.Column):
        raise writer.refuse(node, "SET takes one variable here", found=writer.excerpt(node), expected="SET name = value")
    name = assignment.this.name.lower()
    if name not in writer.variables:
        raise writer.refuse(assignment, f"the variable {name} is not declared", found=assignment.this.name, hint=f"DECLARE {name} …")
    value = writer.value(assignment.expression).text
    return Written("set", f"UPDATE {quote(variable_table(name))} SET value = {value}")


STATEMENTS: dict[type[exp.Expression], Rule] = {
    exp.Create: _create,
    exp.Drop: _drop,
    exp.TruncateTable: _truncate,
    exp.Insert: _insert,
    exp.Update: _update,
    exp.Delete: _delete,
    exp.Merge: _merge,
    exp.Declare: _declare,
    exp.Set: _set,
}
