"""Known signatures of injection in request parameters. RE2, so that no parameter can make matching
slow.

A signature is the shape of an attack, not a word of its language: "select a restaurant from the
list" is no attack.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

import re2

MAX_TEXT = 65536
DECODINGS = 2

_COMMANDS = r"(cat|ls|id|whoami|wget|curl|nc|bash|sh|rm|ping|uname|python\d?|perl)"

SIGNATURES: dict[str, tuple[str, ...]] = {
    "sql": (
        r"'\s*\)*\s*(or|and)\b[\s(]*'?[\w.]+'?\s*((=|<|>)\s*'?[\w.]*|like\s+')",
        r"'\s*\)*\s*(or|and)\s+(true|null|not\b|exists\b)\s*(--|#|/\*|\(|$)",
        r'"\s*\)*\s*(or|and)\s+"[^"]{0,32}"\s*=\s*"',
        r"'\s*;\s*(drop|delete|insert|update|alter|create|exec|truncate)\s+\w",
        r";\s*(drop|truncate)\s+(table|database)\s+\w+\s*(;|--|#|$)",
        r"\bunion\s+(all\s+)?select\s+[\w*'\"@(,\s]+(,|\bfrom\b|--|#|$)",
        r"\b(and|or|select)\b[\s(]*(sleep|benchmark|pg_sleep)\s*\(\s*'?\d",
        r"\|\|\s*pg_sleep\s*\(",
        r"\bwaitfor\s+delay\s+'",
        r"'\s*\)*\s*(--|#|/\*)\s*[-+]?\s*$",
        r"'\s*\|\|\s*\(?\s*select\b",
        r"'\s*\)*\s*(having|group\s+by|order\s+by)\s+\d+\s*(=|--|#|$)",
        r"\b(or|and)\s+\d+\s*=\s*\d+\s*(--|#|/\*|$)",
        r"\binformation_schema\s*\.\s*\w",
    ),
    "nosql": (r"\{\s*\"?\$(ne|gt|gte|lt|lte|where|regex|nin|exists)\"?\s*:", r"^\$(ne|gt|where|regex)$"),
    "command": (
        # A command with something that is its argument, and not the next word of a sentence.
        rf"(;|\||&&|\$\(|\n)\s*(/(usr/)?(local/)?bin/)?{_COMMANDS}\s+([-/.$~*<>\"'\d]|[\w-]+[./:@][\w/])",
        rf"(;|\||&&|\$\(|`)\s*(/(usr/)?(local/)?bin/)?{_COMMANDS}\s*[;|&><)]",
        rf"(^\s*(;|\|+|&+)\s*|[\w)'\"](;|\||&&|`)|(&&|\|\|)\s*)(/(usr/)?(local/)?bin/)?{_COMMANDS}\s*(`|$)",
        r"(;|\|)\s*/(usr/)?(local/)?bin/\w",
        r"^\s*\$\(\s*[\w/][^)]{0,100}\)\s*$",
        rf"^\s*`\s*{_COMMANDS}\b[^`]*`",
    ),
    "path_traversal": (
        r"(\.\./|\.\.\\){2,}",
        r"(\.{4}[/\\]{2}){2,}",
        r"(^|[=/\\])\.\.[/\\](etc|windows|proc|var)\b",
        r"^/(etc/(passwd|shadow)|proc/self)\b",
    ),
    "xss": (
        r"<\s*(script|iframe|object|embed|svg)\b[^>]*>",
        r"<[^>]+\bon(error|load|click|mouseover|focus)\s*=",
        r"\bjavascript\s*:\s*\w+\s*\(",
    ),
    "template": (
        r"\{\{\s*[\w.'\"\[\]()]*\s*(\d\s*[*+]\s*'?\d|__class__|config\b|self\b)[^}]*\}\}",
        r"\$\{\s*(jndi\s*:|t\s*\()[^}]*",
    ),
    "ldap": (r"\*\)\s*\(\s*[|&]?\s*\(?\w+\s*=", r"\)\(\|\("),
}
"""Of texts in lower case."""

_COMMENT = re2.compile(r"/\*[^*]{0,64}\*/")


class InjectionFinding(NamedTuple):
    """A signature that a parameter fits."""

    family: str
    parameter: str


def inspect(params: Mapping[str, str]) -> list[InjectionFinding]:
    """Return the families of attack that the parameters look like, each once a parameter."""
    matches = []
    for name, value in params.items():
        plain = {decoded(name), decoded(value)}
        # A comment counts as a space in SQL.
        texts = plain | {_COMMENT.sub(" ", text) for text in plain}
        for family, program in _programs():
            if any(program.search(text) for text in texts):
                matches.append(InjectionFinding(family, name[:64]))
    return matches


def decoded(text: str) -> str:
    """Return `text` with its percent-escapes undone, twice at most, in lower case and cut to 64
    KiB.
    """
    text = text[:MAX_TEXT]
    for _ in range(DECODINGS):
        plain = unquote_plus(text) if "%" in text else text
        if plain == text:
            break
        text = plain
    return text.lower()


@lru_cache(maxsize=1)
def _programs() -> list[tuple[str, Any]]:
    options = re2.Options()
    options.log_errors = False
    return [
        (family, re2.compile("|".join(f"(?:{p})" for p in patterns), options))
        for family, patterns in SIGNATURES.items()
    ]
