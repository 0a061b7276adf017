"""Known signatures of injection in request parameters. RE2, so that no parameter can make matching slow.

A signature is the shape of an attack, not a word of its language: "select a restaurant from the list" is no attack.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

import re2

MAX_TEXT = 8192
DECODINGS = 2

SIGNATURES: dict[str, tuple[str, ...]] = {
    "sql": (
        r"'\s*(or|and)\s+'?[\w.]+'?\s*(=|<|>|like)\s*'?[\w.]*",
        r"'\s*;\s*(drop|delete|insert|update|alter|create|exec|truncate)\s+\w",
        r"\bunion\s+(all\s+)?select\s+[\w*'\"@(,\s]+",
        r"\b(sleep|benchmark|pg_sleep|waitfor\s+delay)\s*\(?\s*'?\d",
        r"'\s*(--|#|/\*)",
        r"\b(or|and)\s+\d+\s*=\s*\d+\s*(--|#|/\*|$)",
        r"\binformation_schema\s*\.\s*\w",
    ),
    "nosql": (r"\{\s*\"?\$(ne|gt|gte|lt|lte|where|regex|nin|exists)\"?\s*:", r"^\$(ne|gt|where|regex)$"),
    "command": (
        r"(;|\||&&|\$\(|`)\s*(cat|ls|id|whoami|wget|curl|nc|bash|sh|rm|ping|uname|python\d?|perl)\b\s*([-/\w.$|;&>`)]|$)",
        r"\$\([^)]{1,100}\)",
    ),
    "path_traversal": (
        r"(\.\./|\.\.\\){2,}",
        r"(^|[=/\\])\.\.[/\\](etc|windows|proc|var)\b",
        r"^/(etc/(passwd|shadow)|proc/self)\b",
    ),
    "xss": (
        r"<\s*(script|iframe|object|embed|svg)\b[^>]*>",
        r"<[^>]+\bon(error|load|click|mouseover|focus)\s*=",
        r"\bjavascript\s*:\s*\w+\s*\(",
    ),
    "template": (r"\{\{\s*[\w.'\"\[\]()]*\s*([*+]\s*\d+|__class__|config|self)\b[^}]*\}\}", r"\$\{\s*(jndi|T\()[^}]*"),
    "ldap": (r"\*\)\s*\(\s*[|&]?\s*\(?\w+\s*=", r"\)\(\|\("),
}


class Finding(NamedTuple):
    """A signature that a parameter fits."""

    family: str
    parameter: str


def inspect(params: Mapping[str, str]) -> list[Finding]:
    """Return the families of attack that the parameters look like, each once a parameter."""
    found = []
    for name, value in params.items():
        texts = {decoded(name), decoded(value)}
        for family, program in _programs():
            if any(program.search(text) for text in texts):
                found.append(Finding(family, name[:64]))
    return found


def decoded(text: str) -> str:
    """Return `text` with its percent-escapes undone, twice at most, in lower case and cut to 8 KiB."""
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
    return [(family, re2.compile("|".join(f"(?:{p})" for p in parts), options)) for family, parts in SIGNATURES.items()]
