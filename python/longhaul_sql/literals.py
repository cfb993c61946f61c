"""Literals of texts and bytes, read by GoogleSQL's own rules before sqlglot sees them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from longhaul_sql.errors import Refusal

_TOKEN = re.compile(
    r"""
    (?P<comment>--[^\n]*|\#[^\n]*|/\*.*?(?:\*/|$))
  | (?P<quoted>`(?:\\.|[^`\\])*`?)
  | (?P<literal>(?<![A-Za-z0-9_@])(?P<prefix>[rRbB]{0,2})(?P<quote>\"\"\"|'''|"|'))
    """,
    re.VERBOSE | re.DOTALL,
)
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"} | {each: each for each in "\\?\"'`"}
_ESCAPE = re.compile(r"\\(?:[0-7]{3}|[xX][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.|$)", re.DOTALL)


@dataclass(frozen=True)
class LiteralText:
    start: int
    end: int
    """Offset after its last character."""
    value: str
    """A text, or bytes as the characters U+0000 to U+00FF."""
    is_bytes: bool


def masked(text: str) -> tuple[str, dict[int, LiteralText]]:
    """The statement with harmless literals of the same length, and what they are by the offsets where they begin."""
    found: dict[int, LiteralText] = {}
    parts: list[str] = []
    at = 0
    while match := _TOKEN.search(text, at):
        parts.append(text[at : match.start()])
        if match.group("literal") is None:
            parts.append(match.group())
            at = match.end()
            continue
        prefix = match.group("prefix").lower()
        if prefix in ("rr", "bb"):
            raise Refusal("this literal has one prefix twice", match.start(), found=match.group())
        literal = _read(text, match.start(), match.end(), match.group("quote"), prefix)
        found[literal.start] = literal
        parts.append("'" + re.sub(r"[^\n]", "x", text[literal.start + 1 : literal.end - 1]) + "'")
        at = literal.end
    parts.append(text[at:])
    return "".join(parts), found


def _read(text: str, start: int, at: int, quote: str, prefix: str) -> LiteralText:
    raw, is_bytes = "r" in prefix, "b" in prefix
    value: list[str] = []
    while True:
        if at >= len(text) or (len(quote) == 1 and text[at] in "\r\n"):
            raise Refusal(
                "this text does not end", start, found=text[start : start + 20], expected=quote, hint='write texts of several lines in """'
            )
        if text.startswith(quote, at):
            return LiteralText(start, at + len(quote), "".join(value), is_bytes)
        if text[at] == "\\":
            escape = _ESCAPE.match(text, at)
            written = escape.group() if escape else "\\"
            if len(written) == 1:
                raise Refusal("this text does not end", start, found=text[start : start + 20], expected=quote)
            if raw:
                written = text[at : at + 2]
                value.append(_bytes_of(written) if is_bytes else written)
            else:
                value.append(_escaped(written, at, is_bytes=is_bytes))
            at += len(written)
            continue
        character = "\n" if text[at] == "\r" else text[at]
        if text.startswith("\r\n", at):
            at += 1
        value.append(_bytes_of(character) if is_bytes else character)
        at += 1


def _bytes_of(text: str) -> str:
    return text.encode("utf-8").decode("latin-1")


def _escaped(written: str, at: int, *, is_bytes: bool) -> str:
    letter = written[1]
    simple = _SIMPLE.get(letter)
    if simple is not None and len(written) == 2:
        return simple
    point = -1
    if re.fullmatch(r"\\[0-7]{3}", written):
        point = int(written[1:], 8)
    elif letter in "xXuU" and len(written) > 2 and not (is_bytes and letter in "uU"):
        point = int(written[2:], 16)
    if not 0 <= point <= (0xFF if is_bytes else 0x10FFFF) or 0xD800 <= point <= 0xDFFF or (letter not in "xXuU" and point > 0xFF):
        raise Refusal(
            "this escape is no GoogleSQL",
            at,
            found=written,
            expected=r"\n \t \\ \" \x41 \101" + ("" if is_bytes else r" \u00e9 \U0001f600"),
            hint=r"write \\ for a backslash, or r'…' for a text without escapes",
        )
    return chr(point)
