"""Which types functions and operators take: what BigQuery has no signature for is refused, where DuckDB would cast it in silence.

A type that only the tables know, and a NULL of no type, fit everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from longhaul_sql.types import TIMES, Sql, declared
from longhaul_sql.writer import Writer

_NUMBERS = ("INT64", "FLOAT64")
_SETS: dict[str, tuple[str, ...]] = {
    "FLOAT64": _NUMBERS,
    "NUMBER": _NUMBERS,
    "TEXT": ("STRING", "BYTES"),
    "DATETIME": ("DATE", "DATETIME"),
    "MOMENT": ("DATE", "DATETIME", "TIMESTAMP"),
    "TIMES": TIMES,
    "ORDERED": ("INT64", "FLOAT64", "BOOL", "STRING", "BYTES", *TIMES),
}
"""What a name of a parameter below takes besides the type of that name. All arguments that are TEXT are of one type."""

_OF_DOUBLES = "SQRT LN LOG10 FLOOR CEIL CEILING EXP CBRT IS_NAN IS_INF " + " ".join(
    f"{arc}{name}{suffix}" for name in ("SIN", "COS", "TAN") for arc in ("", "A") for suffix in ("", "H")
)
_BY_PARAMETERS = {
    "FLOAT64": f"{_OF_DOUBLES} COT CSC SEC COTH CSCH SECH",
    "FLOAT64 FLOAT64": "ATAN2 POW POWER IEEE_DIVIDE SAFE_DIVIDE CORR COVAR_POP COVAR_SAMP",
    "FLOAT64 FLOAT64?": "LOG",
    "NUMBER": "ABS SIGN SAFE_NEGATE SUM AVG STDDEV STDDEV_POP STDDEV_SAMP VARIANCE VAR_POP VAR_SAMP",
    "NUMBER NUMBER": "SAFE_ADD SAFE_SUBTRACT SAFE_MULTIPLY PERCENTILE_CONT",
    "NUMBER INT64?": "ROUND TRUNC",
    "INT64 INT64": "DIV MOD",
    "INT64": "CHR DATE_FROM_UNIX_DATE TIMESTAMP_SECONDS TIMESTAMP_MILLIS TIMESTAMP_MICROS BIT_AND BIT_OR BIT_XOR NTILE",
    "INT64|BYTES": "BIT_COUNT",
    "BOOL": "COUNTIF LOGICAL_AND LOGICAL_OR",
    "ORDERED": "MAX MIN",
    "ANY ORDERED": "MAX_BY MIN_BY",
    "ANY INT64?": "NTH_VALUE",
    "ANY INT64? ANY?": "LAG LEAD",
    "ANY FLOAT64": "PERCENTILE_DISC",
    "NUMBER NUMBER NUMBER?": "GENERATE_ARRAY",
    "ARRAY": "ARRAY_LENGTH ARRAY_FIRST ARRAY_LAST ARRAY_REVERSE ARRAY_CONCAT_AGG CODE_POINTS_TO_STRING CODE_POINTS_TO_BYTES",
    "ARRAY*": "ARRAY_CONCAT",
    "ARRAY ARRAY": "COSINE_DISTANCE EUCLIDEAN_DISTANCE",
    "ARRAY TEXT TEXT?": "ARRAY_TO_STRING",
    "ANY ARRAY": "RANGE_BUCKET",
    "STRING": "CHAR_LENGTH CHARACTER_LENGTH SOUNDEX UNICODE FROM_BASE32 FROM_BASE64 FROM_HEX ERROR",
    "STRING STRING?": "INITCAP",
    "STRING ANY*": "FORMAT PARSE_JSON NORMALIZE NORMALIZE_AND_CASEFOLD",
    "BYTES": "TO_BASE32 TO_BASE64 TO_HEX SAFE_CONVERT_BYTES_TO_STRING",
    "TEXT": ("LENGTH ASCII BYTE_LENGTH OCTET_LENGTH LOWER UPPER REVERSE TO_CODE_POINTS FARM_FINGERPRINT MD5 SHA1 SHA256 SHA512"),
    "TEXT TEXT": "STARTS_WITH ENDS_WITH STRPOS REGEXP_CONTAINS REGEXP_EXTRACT_ALL",
    "TEXT TEXT?": "TRIM LTRIM RTRIM SPLIT STRING_AGG",
    "TEXT TEXT TEXT": "REPLACE TRANSLATE REGEXP_REPLACE",
    "TEXT TEXT ANY?": "EDIT_DISTANCE",
    "TEXT TEXT INT64? INT64?": "INSTR REGEXP_EXTRACT REGEXP_SUBSTR",
    "TEXT TEXT INT64? INT64? INT64?": "REGEXP_INSTR",
    "TEXT INT64 INT64?": "SUBSTR SUBSTRING",
    "TEXT INT64": "LEFT RIGHT REPEAT",
    "TEXT INT64 TEXT?": "LPAD RPAD",
    "ANY STRING": "CONTAINS_SUBSTR",
    "STRING|JSON STRING?": (
        "JSON_QUERY JSON_EXTRACT JSON_VALUE JSON_EXTRACT_SCALAR "
        "JSON_QUERY_ARRAY JSON_EXTRACT_ARRAY JSON_VALUE_ARRAY JSON_EXTRACT_STRING_ARRAY"
    ),
    "ANY BOOL?": "TO_JSON_STRING",
    "TIMES|JSON STRING?": "STRING",
    "TIMESTAMP": "UNIX_SECONDS UNIX_MILLIS UNIX_MICROS",
    "DATE": "UNIX_DATE",
    "MOMENT ANY?": "LAST_DAY",
    "MOMENT ANY ANY?": "DATE_TRUNC DATETIME_TRUNC TIMESTAMP_TRUNC DATE_BUCKET DATETIME_BUCKET TIMESTAMP_BUCKET",
    "TIME ANY": "TIME_ADD TIME_SUB TIME_TRUNC",
    "TIME TIME ANY": "TIME_DIFF",
    "DATE DATE ANY?": "GENERATE_DATE_ARRAY",
    "TIMESTAMP TIMESTAMP ANY": "GENERATE_TIMESTAMP_ARRAY",
    "STRING MOMENT STRING?": "FORMAT_DATE FORMAT_DATETIME FORMAT_TIMESTAMP",
    "STRING TIMES": "FORMAT_TIME",
    "STRING STRING STRING?": "PARSE_DATE PARSE_TIME PARSE_DATETIME PARSE_TIMESTAMP",
}
_SIGNATURES: dict[str, list[list[str]]] = {
    **{name: [parameters.split()] for parameters, names in _BY_PARAMETERS.items() for name in names.split()},
    "DATE": [["MOMENT|STRING"], ["TIMESTAMP", "STRING"], ["INT64", "INT64", "INT64"]],
    "TIMESTAMP": [["MOMENT|STRING", "STRING?"]],
    "DATETIME": [["MOMENT|STRING"], ["TIMESTAMP", "STRING"], ["DATE", "TIME"], ["INT64"] * 6],
    "TIME": [["TIMES|STRING"], ["TIMESTAMP", "STRING"], ["INT64", "INT64", "INT64"]],
}

Argument = tuple[exp.Expression, str]
"""The expression and what is known of its type."""


def require_signature(writer: Writer, call: exp.Expression, name: str, nodes: Sequence[exp.Expression]) -> None:
    """Refuses a call whose arguments, once they are written, have types that BigQuery's function does not take.

    Raises:
        Refusal: with the signatures that there are.
    """
    signatures = _SIGNATURES.get(name)
    if signatures is None:
        return
    arguments = [(node, writer.type_of(node)) for node in nodes if not isinstance(node, exp.Star)]
    wrong = [_wrong(each, arguments) for each in signatures if _takes_number(each, len(arguments))]
    if not wrong or None in wrong:
        return
    node, kind, wanted = next(each for each in wrong if each is not None)
    raise writer.refuse(
        node,
        f"{name} takes no {kind} here",
        found=writer.excerpt(call),
        expected=" or ".join(f"{name}({', '.join(_shown(each) for each in parameters)})" for parameters in signatures),
        hint=f"CAST(… AS {wanted})" if wanted in _CAST_TO and (kind, wanted) not in NO_CASTS else None,
    )


def _takes_number(parameters: list[str], number: int) -> bool:
    least = sum(not each.endswith(("?", "*")) for each in parameters)
    return number >= least and (number <= len(parameters) or parameters[-1].endswith("*"))


def _parameter(parameters: list[str], place: int) -> str:
    return parameters[min(place, len(parameters) - 1)].rstrip("?*")


def _wrong(parameters: list[str], arguments: list[Argument]) -> tuple[exp.Expression, str, str] | None:
    """An argument that does not fit with its type, and the type that would."""
    text = ""
    for place, (node, kind) in enumerate(arguments):
        parameter = _parameter(parameters, place)
        if not _fits(parameter, node, kind):
            first = parameter.split("|")[0]
            return node, kind, _CASTS.get(first, first)
        if parameter == "TEXT" and kind in _SETS["TEXT"]:
            if text and kind != text:
                return node, kind, text
            text = kind
    return None


def _fits(parameter: str, node: exp.Expression, kind: str) -> bool:
    if kind in ("", "NULL") or parameter == "ANY":
        return True
    taken = {kind for each in parameter.split("|") for kind in _SETS.get(each, (each,))}
    return kind in taken or (kind == "STRING" and is_text(node) and not taken.isdisjoint(TIMES))


def is_text(node: exp.Expression) -> bool:
    """Whether it is a literal or a parameter, which becomes a date or a time beside one."""
    while isinstance(node, exp.Paren):
        node = node.this
    return isinstance(node, (exp.RawString, exp.Parameter)) or (isinstance(node, exp.Literal) and node.is_string)


_CASTS = {"NUMBER": "FLOAT64", "TEXT": "STRING", "MOMENT": "DATE"}


def _shown(parameter: str) -> str:
    names = {
        "NUMBER": "number",
        "TEXT": "STRING or BYTES",
        "ANY": "…",
        "MOMENT": "DATE, DATETIME or TIMESTAMP",
        "TIMES": "date or time",
        "ORDERED": "what has an order",
    }
    plain = " or ".join(names.get(each, each) for each in parameter.rstrip("?*").split("|"))
    return f"[{plain}]" if parameter.endswith("?") else f"{plain}, …" if parameter.endswith("*") else plain


# --- operators and CAST -------------------------------------------------------------------------------------------------

_OPERANDS: dict[str, tuple[str, ...]] = {
    "AND": ("BOOL",),
    "OR": ("BOOL",),
    "NOT": ("BOOL",),
    "IS": ("BOOL",),
    "LIKE": _SETS["TEXT"],
    "||": (*_SETS["TEXT"], "ARRAY"),
    "+": (*_NUMBERS, "INTERVAL", *TIMES),
    "-": (*_NUMBERS, "INTERVAL", *TIMES),
    "*": (*_NUMBERS, "INTERVAL"),
    "/": (*_NUMBERS, "INTERVAL"),
    "the operator -": (*_NUMBERS, "INTERVAL"),
    "&": ("INT64", "BYTES"),
    "|": ("INT64", "BYTES"),
    "^": ("INT64", "BYTES"),
    "~": ("INT64", "BYTES"),
    "<<": ("INT64", "BYTES"),
    ">>": ("INT64", "BYTES"),
}
_ALIKE = ("LIKE", "||", "&", "|", "^")


def require_operands(writer: Writer, operator: str, node: exp.Expression, arguments: Sequence[Argument]) -> None:
    """Refuses operands of types that the operator does not take, or that it does not take together."""
    taken = _OPERANDS[operator]
    known = [(each, said) for each, kind in arguments if (said := declared(kind)) not in ("", "NULL")]
    first = known[0][1] if known else ""
    for each, kind in known:
        if kind in taken and not (operator in _ALIKE and kind != first):
            continue
        beside = f" beside {first}" if kind in taken else ""
        wanted = first if beside else "FLOAT64" if "FLOAT64" in taken else taken[0]
        cast = f"CAST(… AS {wanted})" if (kind, wanted) not in NO_CASTS else None
        hint = "compare it: x <> 0" if taken == ("BOOL",) and kind != "STRING" else cast
        message = f"{operator} takes no {kind}{beside}"
        raise writer.refuse(each, message, found=writer.excerpt(node), expected=", ".join(taken), hint=hint)


def require_groupable(writer: Writer, node: exp.Expression, kind: str, what: str) -> None:
    """BigQuery does not say of two values of JSON whether they are the same."""
    if declared(kind) == "JSON":
        hint = "TO_JSON_STRING(json), or JSON_VALUE(json, '$.path')"
        raise writer.refuse(node, f"{what} takes no JSON", found=writer.excerpt(node), hint=hint)


def require_array(writer: Writer, node: exp.Expression, value: Sql) -> None:
    said = declared(value.kind)
    if said not in ("", "NULL", "ARRAY", "JSON"):
        raise writer.refuse(node, f"this is no ARRAY but a {said}", found=writer.excerpt(node), expected="an ARRAY")


_SCALARS = ("INT64", "FLOAT64", "BOOL", "STRING", "BYTES", *TIMES, "INTERVAL", "ARRAY", "STRUCT", "JSON")
_CAST_TO = {
    "INT64": ("BOOL", "FLOAT64", "STRING"),
    "FLOAT64": ("INT64", "STRING"),
    "BOOL": ("INT64", "STRING"),
    "STRING": ("BOOL", "INT64", "FLOAT64", "BYTES", *TIMES, "INTERVAL"),
    "BYTES": ("STRING",),
    "DATE": ("STRING", "DATETIME", "TIMESTAMP"),
    "DATETIME": ("STRING", "DATE", "TIME", "TIMESTAMP"),
    "TIME": ("STRING",),
    "TIMESTAMP": ("STRING", "DATE", "DATETIME", "TIME"),
    "INTERVAL": ("STRING",),
    "ARRAY": (),
    "STRUCT": (),
    "JSON": (),
}
NO_CASTS = frozenset((kind, to) for kind, targets in _CAST_TO.items() for to in _SCALARS if to not in (kind, *targets))


def require_cast(writer: Writer, node: exp.Expression, kind: str, to: str) -> None:
    said = declared(kind)
    if (said, to) not in NO_CASTS:
        return
    between = next((each for each in _CAST_TO[said] if to in _CAST_TO.get(each, ())), None)
    hint = f"CAST(CAST(… AS {between}) AS {to})" if between and between != "STRING" else None
    hint = "INT64(json), STRING(json) and the like" if said == "JSON" else hint
    expected = ", ".join(_CAST_TO[said]) or None
    raise writer.refuse(node, f"there is no CAST from {said} to {to}", found=writer.excerpt(node), expected=expected, hint=hint)
