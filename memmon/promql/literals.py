"""Replaces the string literals of an expression by short tokens before parsing.

promql-parser reads escapes in backquotes, takes the byte `\\xff` for the letter U+00FF, and
compiles every pattern in its own dialect. Here strings are read as Prometheus reads them. Source:
its `util/strutil/quote.go`.
"""

from __future__ import annotations

import re

from memmon.errors import BadQuery

# One pattern, so that a quote in a comment opens no string and a # in a string no comment.
HIDDEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'|`[^`]*`|#[^\n]*')
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_PLAIN = {"a": b"\a", "b": b"\b", "f": b"\f", "n": b"\n", "r": b"\r", "t": b"\t", "v": b"\v", "\\": b"\\"}
_MARK = "\u00a7"
_PAD = "\u00b7"
_TOKEN = re.compile(f"{_MARK}([0-9]+){_PAD}*")


class Literals:
    """`bare` is an expression with a token in the place of each text and without its comments."""

    def __init__(self, text: str):
        self._texts: list[str] = []
        self._tokens: dict[str, str] = {}
        self.bare = HIDDEN.sub(self._replace, text)
        if _MARK in HIDDEN.sub("", text):
            raise BadQuery(f"parse error: unexpected character: {_MARK!r}")

    def restored(self, token: str) -> str:
        """Return the string of `token`; other text is returned unchanged."""
        match = _TOKEN.fullmatch(token)
        return self._texts[int(match.group(1))] if match else token

    def restore(self, text: str) -> str:
        """Return `text`, something that the parser wrote, with texts where it has tokens."""
        return re.sub(f'"?{_TOKEN.pattern}"?', lambda match: quoted(self._texts[int(match.group(1))]), text)

    def _replace(self, match: re.Match[str]) -> str:
        if match.group().startswith("#"):
            return " "
        value = unquoted(match.group())
        if value not in self._tokens:
            token = f"{_MARK}{len(self._texts)}"
            # As long as the text itself, so that lines break where they would.
            self._tokens[value] = f'"{token.ljust(len(quoted(value)) - 2, _PAD)}"'
            self._texts.append(value)
        return self._tokens[value]


def unquoted(literal: str) -> str:
    """Return the value of a quoted literal; raise BadQuery for an invalid escape or invalid
    UTF-8.
    """
    quote, inside = literal[0], literal[1:-1]
    if quote == "`" or "\\" not in inside:
        return inside
    hidden, last = bytearray(), 0
    try:
        for match in _ESCAPE.finditer(inside):
            hidden += inside[last : match.start()].encode()
            hidden += _byte(match.group(1), quote)
            last = match.end()
        return (hidden + inside[last:].encode()).decode()
    except (ValueError, KeyError):
        raise BadQuery(f"parse error: error unquoting string {literal}: invalid syntax, or no UTF-8") from None


def _byte(code: str, quote: str) -> bytes:
    """Return the character of the escape `code`; raise KeyError or ValueError for an invalid
    one.
    """
    if len(code) == 1:
        return code.encode() if code == quote else _PLAIN[code]
    if code[0] in "uU":
        return chr(int(code[1:], 16)).encode()
    return bytes([int(code[1:], 16) if code[0] == "x" else int(code, 8)])


def quoted(text: str) -> str:
    """Return `text` as a literal in double quotes."""
    return '"' + "".join(_SHORT.get(c, c if c.isprintable() else _coded(ord(c))) for c in text) + '"'


def _coded(code: int) -> str:
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}
