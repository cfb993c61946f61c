"""GoogleSQL text → sqlglot's tree, with every function call left as it was written.

sqlglot maps many functions of many dialects to common nodes and loses what they were; here only the calls with a grammar of their own
are parsed specially, so that `functions.py` decides by the name that the user wrote.
"""

from __future__ import annotations

import difflib
import logging
import re
from typing import ClassVar

from sqlglot import exp
from sqlglot.dialects.bigquery import BigQuery
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokens import Token, TokenType

from longhaul_sql.errors import Refusal
from longhaul_sql.grammar import Grammar, construct_in
from longhaul_sql.literals import LiteralText, masked

logging.getLogger("sqlglot").setLevel(logging.CRITICAL)


class GoogleSqlParser(Grammar):
    FUNCTIONS: ClassVar[dict[str, object]] = {}
    FUNCTION_PARSERS: ClassVar[dict[str, object]] = {
        name: Grammar.FUNCTION_PARSERS[name] for name in ("CAST", "SAFE_CAST", "EXTRACT", "ARRAY")
    }
    NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, object]] = {"CASE": Grammar.NO_PAREN_FUNCTION_PARSERS["CASE"]}

    def _parse_cast(self, strict: bool, safe: bool | None = None) -> exp.Expression:
        """CAST(x AS type FORMAT format AT TIME ZONE zone): of the format sqlglot takes literals only, and makes other functions of some."""
        value = self._parse_assignment()
        if not self._match(TokenType.ALIAS):
            self.raise_error("Expected AS after CAST")
        to = self._parse_types(with_collation=True)
        if to is None or isinstance(to, exp.Identifier):
            self.raise_error("Expected a type after AS")
        # A time zone is part of it: FORMAT f AT TIME ZONE z.
        pattern = self._parse_bitwise() if self._match(TokenType.FORMAT) else None
        node_type = exp.Cast if strict else exp.TryCast
        return self.expression(node_type(this=value, to=to, format=pattern))


#: Those between which the others stand.
KEYWORDS = re.findall(
    r"\w+",
    """
    SELECT DISTINCT FROM WHERE GROUP BY HAVING QUALIFY WINDOW ORDER LIMIT OFFSET WITH RECURSIVE UNION INTERSECT EXCEPT
    INNER LEFT RIGHT FULL CROSS OUTER JOIN USING UNNEST PARTITION OVER BETWEEN CASE WHEN THEN ELSE LIKE
    CREATE REPLACE TABLE INSERT INTO VALUES UPDATE DELETE MERGE MATCHED TRUNCATE DECLARE
    """,
)
#: Where a word is misspelt, what follows it may still be read: `a FORM t` as a column and its alias.
WORDS_BEFORE = 4

REFUSED_STATEMENTS = {
    "ALTER": "ALTER is not translated",
    "ASSERT": "ASSERT is not translated",
    "BEGIN": "blocks, transactions and exception handlers are not translated",
    "BREAK": "loops are not translated",
    "CALL": "procedures are not translated",
    "CASE": "conditional statements are not translated",
    "COMMIT": "transactions are not translated",
    "CONTINUE": "loops are not translated",
    "EXECUTE": "dynamic SQL is not translated: nobody could say what it reads",
    "EXPORT": "EXPORT DATA is not translated",
    "FOR": "loops are not translated",
    "GRANT": "access is managed outside of SQL",
    "IF": "conditional statements are not translated",
    "ITERATE": "loops are not translated",
    "LEAVE": "loops are not translated",
    "LOAD": "LOAD DATA is not translated",
    "LOOP": "loops are not translated",
    "RAISE": "exceptions are not translated",
    "REPEAT": "loops are not translated",
    "RETURN": "procedures are not translated",
    "REVOKE": "access is managed outside of SQL",
    "ROLLBACK": "transactions are not translated",
    "WHILE": "loops are not translated",
}
_STATEMENT_HINTS = {
    "EXPORT": "use a step of kind export",
    "LOAD": "declare the files under the step's sources",
    "IF": "use `when` of a step, or the function IF",
    "CASE": "use `when` of a step, or a CASE expression",
    "ASSERT": "let a step of kind script check, or a query that fails",
}


def parse(text: str) -> list[tuple[exp.Expression, list[Token]]]:
    """The statements of a script, each with its tokens."""
    dialect = BigQuery()
    plain, literals = masked(text)
    try:
        tokens = _with_literals(dialect.tokenize(plain), literals)
    except TokenError as error:
        raise _unreadable(text, error) from error
    statements: list[tuple[exp.Expression, list[Token]]] = []
    for statement_tokens in _split(tokens):
        first = statement_tokens[0]
        word = first.text.upper()
        if word in REFUSED_STATEMENTS:
            raise Refusal(
                REFUSED_STATEMENTS[word],
                first.start,
                found=word,
                expected="SELECT, CREATE TABLE/VIEW, INSERT, UPDATE, DELETE, MERGE, DROP, TRUNCATE, DECLARE or SET",
                hint=_STATEMENT_HINTS.get(word, "split the work into steps of the pipeline"),
            )
        try:
            trees = GoogleSqlParser(dialect=dialect).parse(statement_tokens, text)
        except ParseError as error:
            raise _not_grammar(text, error, statement_tokens) from error
        except (AttributeError, IndexError, TypeError) as error:
            # sqlglot stumbles over some texts that it does not read.
            raise _not_grammar(text, ParseError(str(error)), statement_tokens) from error
        for tree in trees:
            if tree is not None:
                statements.append((tree, statement_tokens))
    return statements


def _with_literals(tokens: list[Token], literals: dict[int, LiteralText]) -> list[Token]:
    """Puts the literals back; those that follow each other are one."""
    result: list[Token] = []
    for token in tokens:
        literal = literals.get(token.start)
        if literal is None:
            result.append(token)
            continue
        kind = TokenType.BYTE_STRING if literal.is_bytes else TokenType.STRING
        before = result[-1] if result else None
        if before is not None and before.start in literals and before.token_type in (TokenType.STRING, TokenType.BYTE_STRING):
            if before.token_type != kind:
                raise Refusal("a text and bytes cannot be one literal", token.start)
            result[-1] = Token(kind, before.text + literal.value, before.line, before.col, before.start, token.end, before.comments)
        else:
            result.append(Token(kind, literal.value, token.line, token.col, token.start, token.end, token.comments))
    return result


def _split(tokens: list[Token]) -> list[list[Token]]:
    groups: list[list[Token]] = [[]]
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            groups.append([])
        else:
            groups[-1].append(token)
    return [group for group in groups if group]


def _not_grammar(text: str, error: ParseError, tokens: list[Token]) -> Refusal:
    model = re.search(r"\bML\.\w+(?=\s*\()", text[tokens[0].start : tokens[-1].end + 1], re.IGNORECASE)
    if model:
        return Refusal(
            f"{model.group().upper()} is not translated: BigQuery ML runs on BigQuery only",
            tokens[0].start + model.start(),
            hint="use a step of kind evaluate",
        )
    known = construct_in(text[tokens[0].start : tokens[-1].end + 1])
    if known:
        at, name, reason, hint = known
        return Refusal(reason, tokens[0].start + at, found=name, hint=hint)
    detail = error.errors[0] if error.errors else {}
    highlight = str(detail.get("highlight") or "")
    line, column = detail.get("line"), detail.get("col")
    offset = tokens[0].start
    if isinstance(line, int) and isinstance(column, int):
        offset = max(0, _line_start(text, line) + column - max(1, len(highlight)))
    misspelt = _misspelt(text, tokens, offset, offset + len(highlight))
    if misspelt:
        word, meant = misspelt
        return Refusal(f"{word.text} is not understood", word.start, found=f"`{word.text}`", hint=f"did you mean {meant}?")
    message = re.sub(r" for <class '.*?'>", "", str(detail.get("description") or error)).rstrip(".")
    message = re.sub(r"Required keyword: '\w+' missing", "an expression is missing", message)
    message = message.replace("Invalid expression / Unexpected token", "it does not belong here")
    # Which of the two it is, the parser does not know.
    return Refusal(
        f"this is not understood: {message}",
        offset,
        found=f"`{highlight}`" if highlight.strip() else None,
        expected="GoogleSQL of the kinds that docs/sql.md lists",
        hint="a word before this place may be missing or misspelt, or the construct is not translated: write it another way",
    )


def _misspelt(text: str, tokens: list[Token], offset: int, end: int) -> tuple[Token, str] | None:
    """A word up to the place where reading ended that is nearly a keyword, with which more of the statement is read."""
    before = [token for token in tokens if token.start <= offset and token.token_type == TokenType.VAR]
    for token in reversed(before[-WORDS_BEFORE:]):
        for keyword in _meant(token.text.upper()):
            statement = text[tokens[0].start : token.start] + keyword + text[token.end + 1 : tokens[-1].end + 1]
            read = _read_until(statement)
            if read is None or read > end - tokens[0].start + len(keyword) - len(token.text):
                return token, keyword
    return None


def _meant(word: str) -> list[str]:
    if word in ("GROUP", "ORDER", "PARTITION"):
        return [f"{word} BY"]
    return [] if word in KEYWORDS else difflib.get_close_matches(word, KEYWORDS, n=2, cutoff=0.75)


def _read_until(statement: str) -> int | None:
    """Where it is not understood any more; None: nowhere."""
    dialect = BigQuery()
    try:
        GoogleSqlParser(dialect=dialect).parse(dialect.tokenize(masked(statement)[0]), statement)
    except ParseError as error:
        detail = error.errors[0] if error.errors else {}
        return _line_start(statement, int(detail.get("line") or 1)) + int(detail.get("col") or 0)
    except (AttributeError, IndexError, TypeError, TokenError):
        return 0
    return None


def _unreadable(text: str, error: TokenError) -> Refusal:
    # sqlglot says `Error tokenizing '…the text before the place…'` and nothing else about the place.
    quoted = re.search(r"Error tokenizing '([\s\S]*)'$", str(error))
    offset = 0
    if quoted:
        found = text.find(quoted.group(1)[-40:])
        offset = max(0, found)
    cause = str(error.__cause__) if error.__cause__ else "a string, comment or quoted name does not end"
    place = re.match(r"Missing (\S+) from (\d+):(\d+)", cause)
    if place:
        offset = _line_start(text, int(place.group(2))) + max(0, int(place.group(3)) - 1)
        cause = f"{place.group(1)} is missing"
    return Refusal(f"this is not understood: {cause}", offset)


def _line_start(text: str, line: int) -> int:
    start = 0
    for _ in range(line - 1):
        start = text.find("\n", start) + 1
    return start
