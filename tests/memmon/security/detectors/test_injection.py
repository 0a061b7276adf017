from __future__ import annotations

from urllib.parse import quote

import pytest

from memmon.client import prefilter
from memmon.security.detectors import injection
from memmon.security.detectors.injection import InjectionFinding
from tests.memmon.security.detectors.texts import ATTACKS, INNOCENT

CASES = [(family, text) for family, texts in ATTACKS.items() for text in texts]


@pytest.mark.parametrize(("family", "text"), CASES)
def test_an_attack_is_found_in_the_value_of_a_parameter(family: str, text: str) -> None:
    assert InjectionFinding(family, "q") in injection.inspect({"q": text})


@pytest.mark.parametrize("text", INNOCENT)
def test_a_text_that_only_speaks_of_such_things_is_no_attack(text: str) -> None:
    assert injection.inspect({"q": text}) == []


@pytest.mark.parametrize(("family", "text"), CASES)
def test_the_client_lets_through_to_memmon_what_memmon_would_find(family: str, text: str) -> None:
    assert prefilter.suspicious([("q", text)]), family


def test_an_attack_in_the_name_of_a_parameter_is_found_too() -> None:
    assert injection.inspect({"<script>x</script>": "1"}) == [InjectionFinding("xss", "<script>x</script>")]


@pytest.mark.parametrize("times", [1, 2])
def test_escapes_are_undone_twice(times: int) -> None:
    text = "<script>alert(1)</script>"
    for _ in range(times):
        text = quote(text)
    assert [actual.family for actual in injection.inspect({"q": text})] == ["xss"]


def test_each_family_is_told_once_a_parameter() -> None:
    both = "<script>1</script><iframe src=x>../../../etc"
    inspect = injection.inspect({"a": both, "b": "fine", "c": "../../x"})
    assert inspect == [
        InjectionFinding("path_traversal", "a"),
        InjectionFinding("xss", "a"),
        InjectionFinding("path_traversal", "c"),
    ]


@pytest.mark.parametrize("unit", ["' or ", "../", "<", "{{", "/*", "%25", "$(", "((", "'" + " " * 30])
def test_a_long_hostile_text_is_looked_at_to_its_end(unit: str) -> None:
    filler = unit * (40_000 // len(unit))
    assert "xss" in [actual.family for actual in injection.inspect({"q": filler + "><script>x</script>"})]
    assert "xss" not in [actual.family for actual in injection.inspect({"q": "x" * injection.MAX_TEXT + "<script>"})]
