"""Pure: a small rule-based CXD classifier. Each word list speaks for one function: Control, conteXt
or Data.
"""

from __future__ import annotations

import re

CONTROL = """
search find filter decide manage stop start plan check next must should choose schedule remind deploy run switch call verify review
priority deadline now
"""
CONTEXT = """
because while during since related previous earlier meeting remember background about where when who with project team yesterday
user prefers likes history between context
"""
DATA = """
number value total list table measure result percent count size average file record price amount rate euro minutes grams degrees
version id code report export
"""
WORDS = {
    "CONTROL": frozenset(CONTROL.split()),
    "CONTEXT": frozenset(CONTEXT.split()),
    "DATA": frozenset(DATA.split()),
}
_WORD = re.compile(r"[a-z]+")


def classify(text: str) -> tuple[str, float]:
    """Return the function with most words in `text`, and its share of all classified words.

    A text in which none does is DATA with confidence 0.
    """
    words = _WORD.findall(text.lower())
    votes = {
        name: sum(word in vocabulary for word in words) + _digits(name, text) for name, vocabulary in WORDS.items()
    }
    total = sum(votes.values())
    if not total:
        return "DATA", 0.0
    best = max(votes, key=lambda name: votes[name])
    return best, round(votes[best] / total, 3)


def _digits(name: str, text: str) -> int:
    return int(name == "DATA" and any(char.isdigit() for char in text))
