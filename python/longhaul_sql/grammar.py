"""What sqlglot's parser of GoogleSQL lacks, and what to say of constructs that are not translated."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.bigquery import BigQuery
from sqlglot.tokens import TokenType

from longhaul_sql.pipes import PIPES, join

_Base = BigQuery.parser_class if hasattr(BigQuery, "parser_class") else BigQuery.Parser


def _like(parser: Any, this: exp.Expression) -> exp.Expression:
    """LIKE, LIKE ANY (…) and LIKE ALL UNNEST(…)."""
    quantifier: type[exp.Expression] | None = None
    if parser._match_texts(("ANY", "SOME", "ALL")):
        quantifier = exp.All if parser._prev.text.upper() == "ALL" else exp.Any
    if quantifier is None:
        return parser.expression(exp.Like(this=this, expression=parser._parse_bitwise()))
    if parser._match(TokenType.UNNEST):
        patterns: exp.Expression = exp.Unnest(expressions=[parser._parse_wrapped(parser._parse_disjunction)])
    else:
        patterns = exp.Tuple(expressions=parser._parse_wrapped_csv(lambda: parser._parse_select() or parser._parse_disjunction()))
    return parser.expression(exp.Like(this=this, expression=quantifier(this=patterns)))


class Grammar(_Base):  # type: ignore[misc, valid-type]
    RANGE_PARSERS: ClassVar[dict[Any, Any]] = {**_Base.RANGE_PARSERS, TokenType.LIKE: _like}
    PIPE_SYNTAX_TRANSFORM_PARSERS: ClassVar[dict[str, Any]] = {**_Base.PIPE_SYNTAX_TRANSFORM_PARSERS, **PIPES}

    def _parse_pipe_syntax_join(self, query: exp.Query) -> exp.Query | None:
        return join(self, query)


# --- constructs that are not read ---------------------------------------------------------------------------------------

_CONSTRUCTS = (
    (r"\bNEW\s+[\w.`]+\s*\(", "NEW", "BigQuery has no protocol buffers", "use STRUCT"),
    (
        r"\bASSERT_ROWS_MODIFIED\b",
        "ASSERT_ROWS_MODIFIED",
        "BigQuery has no ASSERT_ROWS_MODIFIED",
        "check the number of rows in a step after it",
    ),
    (
        r"\bSET\s*\(\s*(?:DELETE|UPDATE|INSERT)\b",
        "nested DML",
        "BigQuery has no DELETE, UPDATE or INSERT inside of SET",
        "assign a new array: SET a = ARRAY(SELECT …)",
    ),
    (
        r"\bWITH\s+(?:DIFFERENTIAL_PRIVACY|ANONYMIZATION)\b",
        "differential privacy",
        "differential privacy is not translated",
        "aggregate without it",
    ),
    (r"\(\s*TABLE\s+[\w.`{}]+", "TABLE", "table functions are not translated", "write the query out"),
    (r"\bWITH\s*\(\s*\w+\s+AS\b", "WITH(…)", "WITH as an expression is not translated", "compute the values in a subquery"),
    (r"\|>\s*(\w+)", "|>", "this step of a pipe is not translated", "write it as a clause of SELECT"),
    (r"\bMATCH_RECOGNIZE\b", "MATCH_RECOGNIZE", "MATCH_RECOGNIZE is not translated", "use window functions"),
    (r"\bSTRUCT\s*<\s*>", "STRUCT<>", "BigQuery has no STRUCT without fields", "give it a field"),
    (
        r"<\s*`[^`]*`\s*>|\bAS\s+`[^`]*`\s*\)|\bAS\s+[A-Z_]{4,}\s*\)",
        "a type",
        "this type is not known to BigQuery, or not translated",
        "use a type of BigQuery",
    ),
    (r"\bGROUP\s+BY\b[^()]*\)", "GROUP BY", "GROUP BY inside of an aggregate is not translated", "aggregate in a subquery first"),
)


def construct_in(text: str) -> tuple[int, str, str, str] | None:
    """Offset, name, reason and replacement of a construct that sqlglot does not read."""
    for pattern, name, reason, hint in _CONSTRUCTS:
        found = re.search(pattern, text, re.IGNORECASE)
        if found:
            return found.start(), name, reason, hint
    return None
