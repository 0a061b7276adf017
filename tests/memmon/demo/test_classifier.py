"""The classifier follows its words."""

from __future__ import annotations

import pytest

from memmon.demo.classifier import classify


@pytest.mark.parametrize(
    ("text", "function", "confidence"),
    [
        ("Search, filter and decide!", "CONTROL", 1.0),
        ("because of the previous meeting with the team", "CONTEXT", 1.0),
        ("the average price of a file", "DATA", 1.0),
        ("10", "DATA", 1.0),
        ("stop the previous meeting", "CONTEXT", 0.667),
        ("hm", "DATA", 0.0),
        ("", "DATA", 0.0),
    ],
)
def test_most_words_decide(text: str, function: str, confidence: float) -> None:
    assert classify(text) == (function, confidence)
