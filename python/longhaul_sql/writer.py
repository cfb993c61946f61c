"""The walk over the tree: a node that no rule writes is refused, and so is one with a part that its rule does not know."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from sqlglot import exp

from longhaul_sql.errors import Refusal
from longhaul_sql.types import DUCKDB, SCALARS, DType, Kind, Sql, array_of, declared, fields_of, quote

Rule = Callable[["Writer", exp.Expression], Sql]
EXPRESSIONS: dict[type[exp.Expression], tuple[Rule, frozenset[str]]] = {}
"""The allow-list of expressions that are not function calls: rule and the parts that it knows."""


def writes(node_type: type[exp.Expression], *parts: str) -> Callable[[Rule], Rule]:
    def add(rule: Rule) -> Rule:
        EXPRESSIONS[node_type] = (rule, frozenset(parts))
        return rule

    return add


@dataclass
class Scope:
    """What unqualified names may mean in one SELECT."""

    tables: set[str] = field(default_factory=set)
    """Aliases of tables and subqueries: used alone they are whole rows, which is refused."""
    aliases: dict[str, Sql] | None = None
    """Names of the SELECT list, while a clause is written in which they come before the columns of FROM."""
    in_aggregate: bool = False
    columns: dict[str, Columns] = field(default_factory=dict)
    """By the alias of each source: its columns, where the statement itself says what they are."""
    lost: set[str] = field(default_factory=set)
    """Names of tables that a step of a pipe has left behind."""
    with_offset: set[str] = field(default_factory=set)
    """Aliases of array elements beside which their place is a column."""


Columns = list[tuple[str, str]] | None
"""Names and kinds; nothing for a table, whose columns are not known here."""


@dataclass
class Writer:
    """Writes one script. Names of tables, variables and parameters are gathered on the way."""

    text: str
    default_dataset: str | None = None
    project: str | None = None
    parameter_types: dict[str, str] | None = None
    schemas: dict[str, Columns] = field(default_factory=dict)
    """Columns of tables by name, in lower case: of those that were given, and of those that the script makes."""
    ctes: list[dict[str, Columns]] = field(default_factory=list)
    temporary: set[str] = field(default_factory=set)
    variables: dict[str, str] = field(default_factory=dict)
    parameters: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    warnings: list[tuple[int, str]] = field(default_factory=list)
    scopes: list[Scope] = field(default_factory=list)
    nullable_arrays: bool = False
    """Whether the statement has something that may make a NULL array of rows that have none."""
    unnests: int = 0
    kinds: dict[int, tuple[exp.Expression, str]] = field(default_factory=dict)
    """What expressions that were written came out as; the expression keeps its id from being another's."""
    condition: str = ""
    """`filter` or `join` while a condition is written for which NULL is as good as FALSE."""

    # --- places -------------------------------------------------------------------------------------------------

    def offset(self, node: exp.Expression | None) -> int | None:
        while node is not None:
            starts = [start for each in node.walk() if isinstance(start := each.meta_get("start") if each._meta else None, int)]
            if isinstance(node, exp.Parameter):
                place = re.search(rf"@{re.escape(node.name)}\b", self.text)
                if place:
                    starts.append(place.start())
            if starts:
                return min(starts)
            parent = node.parent
            node = parent if isinstance(parent, exp.Expression) else None
        return None

    def refuse(
        self,
        node: exp.Expression | None,
        message: str,
        *,
        found: str | None = None,
        expected: str | None = None,
        hint: str | None = None,
    ) -> Refusal:
        return Refusal(message, self.offset(node), found, expected, hint)

    def warn(self, node: exp.Expression, message: str) -> None:
        self.warnings.append((self.offset(node) or 0, message))

    def require_parts(self, node: exp.Expression, known: frozenset[str] | set[str], what: str) -> None:
        for part, value in node.args.items():
            if part in known or value is None or value is False or value == []:
                continue
            place = value[0] if isinstance(value, list) else value
            raise self.refuse(
                place if isinstance(place, exp.Expression) else node,
                f"{CLAUSES.get(part, part.rstrip('_').upper())} of {what} is not translated: its rows on DuckDB are not verified",
                found=self.excerpt(place if isinstance(place, exp.Expression) else node),
                hint="see docs/sql.md for what is",
            )

    def excerpt(self, node: exp.Expression) -> str:
        try:
            text = node.sql("bigquery")
        except Exception:
            text = type(node).__name__
        return text if len(text) <= 60 else text[:57] + "…"

    # --- expressions --------------------------------------------------------------------------------------------

    def value(self, node: exp.Expression) -> Sql:
        rule = EXPRESSIONS.get(type(node))
        if rule is None:
            name = NODE_NAMES.get(type(node), re.sub(r"(?<!^)(?=[A-Z])", " ", type(node).__name__).lower())
            raise self.refuse(
                node,
                f"{name} is not translated: its rows on DuckDB are not verified",
                found=self.excerpt(node),
                hint=NODE_HINTS.get(type(node), "see docs/sql.md for what is"),
            )
        write, parts = rule
        self.require_parts(node, parts, self.excerpt(node))
        if type(node) in PASS_CONDITION:
            value = write(self, node)
        else:
            with self.no_condition():
                value = write(self, node)
        self.kinds[id(node)] = (node, value.kind)
        return value

    def type_of(self, node: exp.Expression) -> str:
        """GoogleSQL's type of an expression that was written, or that is a literal; nothing where only the tables know."""
        if isinstance(node, exp.Literal):
            return self.value(node).kind
        found = self.kinds.get(id(node))
        return declared(found[1]) if found is not None else ""

    def condition_value(self, node: exp.Expression, condition: str) -> Sql:
        """A condition that only TRUE satisfies: `filter`, or `join` where it must stay one comparison of the two sides."""
        with self.no_condition():
            self.condition = condition
            value = self.value(node)
        said = declared(value.kind)
        if said not in ("", "BOOL", "NULL"):
            raise self.refuse(node, f"a condition is BOOL, not {said}", found=self.excerpt(node), hint="compare it: x <> 0")
        return value

    @contextmanager
    def no_condition(self) -> Iterator[str]:
        before, self.condition = self.condition, ""
        try:
            yield before
        finally:
            self.condition = before

    def operand(self, node: exp.Expression) -> str:
        return self.value(node).operand

    def string_literal(self, node: exp.Expression, what: str) -> str:
        if isinstance(node, exp.RawString) or (isinstance(node, exp.Literal) and node.is_string):
            return str(node.this)
        raise self.refuse(node, f"{what} must be a literal", found=self.excerpt(node), expected="a string literal")

    def integer_literal(self, node: exp.Expression, what: str) -> int:
        if isinstance(node, exp.Literal) and not node.is_string and str(node.this).isdigit():
            return int(node.this)
        raise self.refuse(node, f"{what} must be a literal", found=self.excerpt(node), expected="a whole number")

    # --- types --------------------------------------------------------------------------------------------------

    def kind_of(self, data_type: exp.DataType) -> str:
        if data_type.this == DType.ARRAY:
            return array_of(self.kind_of(data_type.expressions[0])) if data_type.expressions else "ARRAY"
        if data_type.this == DType.STRUCT:
            return Kind("STRUCT", fields=[(name, self.kind_of(kind)) for name, kind in fields_in(data_type)])
        kind = SCALARS.get(data_type.this)
        if kind is None or data_type.expressions:
            raise self.refuse(
                data_type,
                f"the type {data_type.sql('bigquery')} is not translated",
                found=data_type.sql("bigquery"),
                expected="INT64, FLOAT64, BOOL, STRING, BYTES, DATE, DATETIME, TIMESTAMP, ARRAY<…> or STRUCT<name type, …>",
                hint="use FLOAT64 for NUMERIC" if data_type.this in (DType.DECIMAL, DType.BIGDECIMAL) else None,
            )
        return kind

    def duckdb_type(self, data_type: exp.DataType) -> str:
        kind = self.kind_of(data_type)
        if kind == "ARRAY":
            return f"{self.duckdb_type(data_type.expressions[0])}[]"
        if kind == "STRUCT":
            return f"STRUCT({', '.join(f'{quote(name)} {self.duckdb_type(kind)}' for name, kind in fields_in(data_type))})"
        return DUCKDB[kind]

    # --- names --------------------------------------------------------------------------------------------------

    def is_cte(self, name: str) -> bool:
        return any(name.lower() in names for names in self.ctes)

    def table_name(self, table: exp.Table) -> tuple[str, str, bool]:
        """DuckDB's name of a table, its name for `reads` and whether it belongs to the script."""
        if not isinstance(table.this, exp.Identifier):
            raise self.refuse(
                table,
                "table functions are not translated",
                found=self.excerpt(table),
                hint="BigQuery ML runs on BigQuery only; use a step of kind evaluate" if "ML." in self.excerpt(table).upper() else None,
            )
        name, dataset, project = table.name, table.db, table.catalog
        if name.endswith("*"):
            raise self.refuse(
                table, "wildcard tables are not translated", found=self.excerpt(table), hint="name the tables, with UNION ALL"
            )
        if "INFORMATION_SCHEMA" in self.excerpt(table).upper():
            raise self.refuse(table, "INFORMATION_SCHEMA is not translated", found=self.excerpt(table))
        if project and project != self.project:
            raise self.refuse(
                table,
                f"there is no project {project} here",
                found=self.excerpt(table),
                expected=f"{self.project}.dataset.table" if self.project else "dataset.table or {alias}",
                hint="declare the table under the step's tables and write {alias}",
            )
        if dataset:
            return f"{quote(dataset)}.{quote(name)}", f"{dataset}.{name}", False
        if self.is_cte(name) or name.lower() in self.temporary:
            return quote(name), name, True
        if name.startswith("{") and name.endswith("}"):
            return quote(name), name, False
        if self.default_dataset:
            return f"{quote(self.default_dataset)}.{quote(name)}", f"{self.default_dataset}.{name}", False
        raise self.refuse(
            table,
            f"the table {name} has no dataset",
            found=name,
            expected="{alias}, dataset.table, or a table that the script made before",
            hint="declare it under the step's tables and write {alias}",
        )

    def cte_columns(self, name: str) -> Columns:
        for names in reversed(self.ctes):
            if name.lower() in names:
                return names[name.lower()]
        return None

    def columns_of_table(self, name: str, *, own: bool) -> Columns:
        """The columns of what FROM names; nothing where they are not known."""
        if own and self.is_cte(name):
            return self.cte_columns(name)
        return self.schemas.get(name.lower())

    def kind_of_column(self, names: list[str]) -> str:
        """The kind of a column of a subquery or WITH, or nothing."""
        first = names[0].lower()
        for scope in reversed(self.scopes):
            if len(names) > 1 and first in scope.columns:
                return kind_within(_kind_in(scope.columns[first], names[1]), names[2:])
            found = [kind for columns in scope.columns.values() for name, kind in columns or [] if name.lower() == first]
            if found:
                return kind_within(found[0], names[1:])
            if any(columns is None for columns in scope.columns.values()):
                return ""
        return ""

    def note_read(self, name: str) -> None:
        if name not in self.reads:
            self.reads.append(name)

    @property
    def scope(self) -> Scope:
        return self.scopes[-1] if self.scopes else Scope()

    @contextmanager
    def with_aliases(self, aliases: dict[str, Sql] | None) -> Iterator[None]:
        before = self.scope.aliases
        self.scope.aliases = aliases
        try:
            yield
        finally:
            self.scope.aliases = before

    @contextmanager
    def in_aggregate(self) -> Iterator[None]:
        before = self.scope.in_aggregate
        self.scope.in_aggregate = True
        try:
            yield
        finally:
            self.scope.in_aggregate = before


def fields_in(struct: exp.DataType) -> list[tuple[str, exp.DataType]]:
    """Names and types of the fields; `_field_1` and so on of those without a name."""
    return [
        (each.name, each.args["kind"]) if isinstance(each, exp.ColumnDef) else (f"_field_{place}", each)
        for place, each in enumerate(struct.expressions, 1)
    ]


class Written(exp.Expression):
    """An expression whose text is known already, where a rule takes nodes."""

    arg_types: ClassVar[dict[str, bool]] = {"sql": True}


@writes(Written, "sql")
def _written(writer: Writer, node: exp.Expression) -> Sql:
    found = node.args["sql"]
    assert isinstance(found, Sql)
    return found


PASS_CONDITION = (exp.And, exp.Or, exp.Paren, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Between, exp.In)
"""Expressions that are the condition itself, or comparisons that ask for it."""


def kind_within(kind: str, names: list[str]) -> str:
    """The kind of a field of a field; of JSON every field is JSON."""
    for name in names:
        if kind == "JSON":
            return kind
        kind = _kind_in(list(fields_of(kind) or ()), name)
    return kind


def _kind_in(columns: Columns, name: str) -> str:
    return next((kind for each, kind in columns or [] if each.lower() == name.lower()), "")


CLAUSES = {
    "sample": "TABLESAMPLE",
    "version": "FOR SYSTEM_TIME AS OF",
    "when": "FOR SYSTEM_TIME AS OF",
    "recursive": "RECURSIVE",
    "format": "FORMAT",
    "method": "NATURAL",
    "hint": "a hint",
    "laterals": "LATERAL",
    "locks": "locking",
    "from_": "FROM",
    "kind": "AS VALUE",
}
NODE_NAMES: dict[type[exp.Expression], str] = {
    exp.SafeFunc: "the prefix SAFE.",
    exp.NetFunc: "the prefix NET.",
    exp.Star: "a star here",
    exp.Interval: "an INTERVAL outside of the date functions",
    exp.Order: "ORDER BY inside of this function",
    exp.Limit: "LIMIT inside of this function",
    exp.Distinct: "DISTINCT inside of this function",
    exp.IgnoreNulls: "IGNORE NULLS here",
    exp.RespectNulls: "RESPECT NULLS here",
    exp.Alias: "AS inside of this function",
    exp.Placeholder: "a positional parameter",
    exp.ByteString: "a literal of BYTES",
}
NODE_HINTS: dict[type[exp.Expression], str] = {
    exp.Placeholder: "name it: @name",
    exp.SafeFunc: "use SAFE_CAST, SAFE_DIVIDE or a CASE",
    exp.Interval: "use DATE_ADD, DATE_SUB, TIMESTAMP_ADD or TIMESTAMP_SUB",
    exp.BitwiseAnd: "use DIV and MOD",
    exp.BitwiseLeftShift: "multiply by a power of two",
    exp.BitwiseRightShift: "use DIV by a power of two",
}
