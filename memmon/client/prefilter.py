"""Pure: selects the request parameters that memmon's detectors should inspect.

A coarse sieve, so that of ordinary requests nothing leaves the process. Every pattern begins with a
fixed text and repeats one class of characters at a time, so that no parameter makes matching slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_plus

MAX_TEXT = 8192
MAX_PARAMS = 64
MAX_NAME = 255
DECODINGS = 2

_SIGNS = re.compile(
    "|".join(
        (
            r"'\s*(?:or\b|and\b|having\b|group\b|order\b|;|--|#|/\*|\)|\|\|)",
            r"\"\s*(?:or|and)\s+\"",
            r";\s*(?:drop|truncate)\s+(?:table|database)\b",
            r"/\*",
            r"\bunion\s+(?:all\s+)?select\b",
            r"\b(?:sleep|benchmark|pg_sleep)\s*\(?\s*'?\d",
            r"\bwaitfor\s+delay\b",
            r"\b(?:or|and)\s+\d+\s*=",
            r"\binformation_schema\b",
            r"\{\s*\"?\$(?:ne|gte?|lte?|where|regex|nin|exists)\b",
            r"^\$(?:ne|gt|where|regex)$",
            r"(?:;|\|)\s*/(?:usr|bin)/",
            r"(?:;|\||&&|`)\s*(?:cat|ls|id|whoami|wget|curl|nc|bash|sh|rm|ping|uname|python\d?|perl)\b",
            r"\$\(",
            r"\.\.[/\\]",
            r"/(?:etc/(?:passwd|shadow)|proc/self)\b",
            r"<\s*(?:script|iframe|object|embed|svg)\b",
            r"\bon(?:error|load|click|mouseover|focus)\s*=",
            r"\bjavascript\s*:",
            r"\{\{",
            r"\$\{\s*(?:jndi|t\()",
            r"\*\)\s*\(",
            r"\)\(\|\(",
        )
    )
)


def suspicious(params: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the parameters that look like an attack, cut to what memmon takes; the others may be
    private and stay here.
    """
    suspicious_params: dict[str, str] = {}
    for name, value in params:
        if len(suspicious_params) < MAX_PARAMS and any(_SIGNS.search(_plain(text)) for text in (value, name)):
            suspicious_params[name[:MAX_NAME]] = value[:MAX_TEXT]
    return suspicious_params


def _plain(text: str) -> str:
    """Return `text` in lower case with percent-escapes decoded, as many times as memmon decodes."""
    text = text[:MAX_TEXT]
    for _ in range(DECODINGS):
        text = unquote_plus(text) if "%" in text else text
    return text.lower()
