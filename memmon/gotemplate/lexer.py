"""Pure: a template's text as pieces of text and tokens of actions."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import NamedTuple

from memmon.errors import BadTemplate

MAX_LENGTH = 64 * 1024
_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<string>"(?:[^"\\\n]|\\.)*")|(?P<raw>`[^`]*`)|(?P<char>'(?:[^'\\\n]|\\.[^']*)')
    |(?P<number>[+-]?(?:0[xX][0-9a-fA-F_]+|(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\b)
    |(?P<field>\.[A-Za-z_]\w*)|(?P<dot>\.)|(?P<variable>\$\w*)|(?P<word>[A-Za-z_]\w*)|(?P<mark>:=|=|\||\(|\)|,)""",
    re.VERBOSE,
)


class Token(NamedTuple):
    """A piece of a template: `kind` is text, or that of a token inside an action, where `end`
    closes each action.
    """

    kind: str
    text: str
    line: int
    is_apart: bool = False
    """Whether a blank stands before it."""


def tokens(source: str) -> Iterator[Token]:
    """Return the pieces of `source`; raise BadTemplate for an action that is not closed or a
    character that means nothing.
    """
    if len(source) > MAX_LENGTH:
        raise BadTemplate(f"longer than {MAX_LENGTH} characters", 1)
    at, trim = 0, False
    while True:
        start = source.find("{{", at)
        text = source[at:] if start < 0 else source[at:start]
        line = source.count("\n", 0, at) + 1
        opens_trimmed = start >= 0 and source[start + 2 : start + 3] == "-" and source[start + 3 : start + 4].isspace()
        text = text.lstrip() if trim else text
        text = text.rstrip() if opens_trimmed else text
        if text:
            yield Token("text", text, line)
        if start < 0:
            return
        at, trim = yield from _action(source, start + (3 if opens_trimmed else 2))


def _action(source: str, at: int) -> Generator[Token, None, tuple[int, bool]]:
    """Yield the tokens of the action that begins at `at`; return where it ends, and whether blanks
    after it go.
    """
    line = source.count("\n", 0, at) + 1
    begin = at
    while source[at : at + 1].isspace():
        at += 1
    if source.startswith("/*", at):
        end = re.compile(r"\*/(\s-)?\}\}").search(source, at)
        if not end:
            raise BadTemplate("a comment is not closed", line)
        return end.end(), bool(end.group(1))
    at, apart = begin, False
    while True:
        if source.startswith("}}", at):
            yield Token("end", "", line)
            return at + 2, False
        if re.match(r"\s-\}\}", source[at : at + 4]):
            yield Token("end", "", line)
            return at + 4, True
        match = _TOKEN.match(source, at)
        if not match:
            raise BadTemplate("an action is not closed" if at >= len(source) else f"unexpected {source[at]!r}", line)
        kind = str(match.lastgroup)
        if kind != "space":
            yield Token(kind, match.group(), line, apart)
        apart = kind == "space"
        line += match.group().count("\n")
        at = match.end()
