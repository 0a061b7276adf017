"""Pure: matchers whose names may be any text, in quotes where it holds a character that means
something.

Source: Alertmanager's `matcher/parse`: quotes, backslash, comma, `=`, `!`, `~`, braces and blanks
end a bare word; quoted text has the escapes of Go's strings.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(
    r"""\s*(?:(?P<op>=~|!=|!~|=)|(?P<mark>[{},])|(?P<quoted>"(?:[^"\\\n]|\\.)*")|(?P<bare>[^\s{}!=~,\\"'`]+))"""
)
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL)
_PLAIN = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b"\\": b"\\",
    b'"': b'"',
}

Token = tuple[str, str]


def parse(text: str) -> list[tuple[str, str, str]]:
    """Return (name, operator, value) of each matcher; raise ValueError for invalid text."""
    tokens = _tokens(text)
    opened = tokens[:1] == [("mark", "{")]
    if opened != (tokens[-1:] == [("mark", "}")]):
        raise ValueError("a brace has no other")
    inside = tokens[1:-1] if opened else tokens
    if opened and len(tokens) < 2:
        raise ValueError("a brace has no other")
    matchers = []
    while inside:
        matcher_tokens, inside = inside[:3], inside[3:]
        matchers.append(_matcher(matcher_tokens))
        if inside and inside[0] != ("mark", ","):
            raise ValueError(f"expected a comma before {inside[0][1]!r}")
        inside = inside[1:]
    return matchers


def _matcher(tokens: list[Token]) -> tuple[str, str, str]:
    kinds = [kind for kind, _ in tokens]
    if len(tokens) != 3 or kinds[1] != "op" or not {kinds[0], kinds[2]} <= {"bare", "quoted"}:
        raise ValueError("expected name, operator and value")
    name, op, value = (unquote(text) if kind == "quoted" else text for kind, text in tokens)
    return name, op, value


def _tokens(text: str) -> list[Token]:
    tokens, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if not match:
            raise ValueError(f"unexpected {text[at:].strip()[0]!r}")
        kind = str(match.lastgroup)
        tokens.append((kind, match.group(kind)))
        at = match.end()
    return tokens


def unquote(quoted: str) -> str:
    """Return the value of a Go string in double quotes; raise ValueError for an unknown escape or
    invalid UTF-8.
    """
    return _ESCAPE.sub(_unescape, quoted[1:-1].encode()).decode()


def _unescape(match: re.Match[bytes]) -> bytes:
    byte, short, long, octal, plain = match.groups()
    if byte:
        return bytes([int(byte, 16)])
    if octal:
        return bytes([int(octal, 8)])  # Above 377 it is no byte, which is a ValueError.
    if short or long:
        return chr(int(short or long, 16)).encode()
    if plain not in _PLAIN:
        raise ValueError(f"unknown escape \\{plain.decode(errors='replace')}")
    return _PLAIN[plain]
