"""One script of GoogleSQL → statements for DuckDB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from longhaul_sql import (  # noqa: F401 - they register their rules
    aggregates,
    arithmetic,
    arrays,
    casts,
    comparisons,
    conditions,
    dates,
    expressions,
    having,
    json_values,
    maths,
    numbers,
    overloads,
    printf,
    safe_functions,
    statistics,
    structs,
    texts,
    times,
    vectors,
)
from longhaul_sql.errors import Refusal
from longhaul_sql.parse import parse
from longhaul_sql.schemas import Schemas, columns_in
from longhaul_sql.statements import write_statement
from longhaul_sql.writer import Writer


@dataclass(frozen=True)
class Statement:
    kind: str
    sql: str
    target: str | None
    reads: list[str]
    order_sensitive: bool


@dataclass
class Translation:
    statements: list[Statement] = field(default_factory=list)
    parameters: list[str] = field(default_factory=list)
    warnings: list[tuple[int, str]] = field(default_factory=list)
    """Offset in the text and what may differ from run to run, or from BigQuery, by GoogleSQL's own definition."""


def translate(
    text: str,
    *,
    default_dataset: str | None = None,
    project: str | None = None,
    parameter_types: Mapping[str, str] | None = None,
    schemas: Schemas | None = None,
) -> Translation:
    """Translates a script.

    Args:
        text: One or more statements of GoogleSQL.
        default_dataset: Where tables without a dataset are; without it they are refused.
        project: The project that table names may begin with.
        parameter_types: GoogleSQL types of the parameters: each use is cast to its type then.
        schemas: Columns of tables, where they are known: fields of structs are matched by place then, as BigQuery does.

    Raises:
        Refusal: the rows are not known to be BigQuery's.

    Example:
        >>> translate("SELECT COUNTIF(x > @least) AS n FROM d.t").statements[0].sql
        'SELECT count(CASE WHEN ("x" > $least AND NOT longhaul_is_nan("x")) THEN 1 END) AS "n" FROM "d"."t"'
    """
    writer = Writer(text, default_dataset, project, dict(parameter_types) if parameter_types is not None else None)
    writer.schemas = {name.lower(): columns_in(columns) for name, columns in (schemas or {}).items()}
    translation = Translation(parameters=writer.parameters, warnings=writer.warnings)
    for tree, tokens in parse(text):
        writer.reads, writer.nullable_arrays = [], False
        try:
            written = write_statement(writer, tree)
        except Refusal as refusal:
            if refusal.offset is None:
                refusal.offset = tokens[0].start
            raise
        reads = [name for name in writer.reads if name.lower() not in writer.temporary]
        translation.statements.append(Statement(written.kind, written.text, written.target, reads, written.ordered))
    return translation
