from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from memmon.config.routes import Route
from memmon.errors import BadInput
from memmon.promql.matcher import Matcher
from memmon.routing import matcher, matcher_utf8
from tests.memmon.routing.tables import table


@pytest.mark.parametrize(
    ("text", "actual"),
    [
        ("", []),
        ("{}", []),
        ("a=b", [("a", "=", "b")]),
        (' a = "b" ', [("a", "=", "b")]),
        ('{a="b", c!="d",e=~"f.*",g!~"h"}', [("a", "=", "b"), ("c", "!=", "d"), ("e", "=~", "f.*"), ("g", "!~", "h")]),
        (r'a="say \"x\"\n\\"', [("a", "=", 'say "x"\n\\')]),
        ('a="x,y}"', [("a", "=", "x,y}")]),
        ("a=", [("a", "=", "")]),
        ("a==b", [("a", "=", "=b")]),
        ("{a=b, }", [("a", "=", "b")]),
        (r"a=x\"y", [("a", "=", 'x"y')]),
    ],
)
def test_a_matcher_is_read_as_alertmanager_writes_it(text: str, actual: list[tuple[str, str, str]]) -> None:
    assert list(matcher.parse(text)) == [Matcher(*entry) for entry in actual]


@pytest.mark.parametrize("text", ["a", "=b", 'a="b', 'a=b"', 'a="b"c"', "a=b,,c=d", ",", 'a=~"("', '""="b"'])
def test_anything_else_is_refused_by_its_field(text: str) -> None:
    with pytest.raises(BadInput, match="^filter: "):
        matcher.parse(text, "filter")


def test_a_route_has_the_matchers_of_its_three_spellings_in_order() -> None:
    route = Route.model_validate({"matchers": ["z=1"], "match": {"b": "2"}, "match_re": {"a": "x|y"}})
    assert matcher.of_route(route) == (Matcher("a", "=~", "^(?:x|y)$"), Matcher("b", "=", "2"), Matcher("z", "=", "1"))


def found_by(parser: Callable[[str], Sequence[tuple[str, str, str]]], text: str) -> list[dict[str, str]] | None:
    """Return what `parser` reads, as the tables have it: None for an error."""
    try:
        return [{"name": name, "op": op, "value": value} for name, op, value in parser(text)]
    except (BadInput, ValueError):
        return None


@pytest.mark.parametrize("row", table("matchers", "parse"))
def test_alertmanagers_parsers_read_the_same(row: dict[str, Any]) -> None:
    assert found_by(matcher.classic, row["input"]) == row["classic"]
    assert found_by(matcher_utf8.parse, row["input"]) == row["utf8"]
    assert found_by(matcher.parse, row["input"]) == row["default"]


@pytest.mark.parametrize("row", table("matchers", "single"))
def test_alertmanager_finds_one_matcher_in_the_same_texts(row: dict[str, Any]) -> None:
    actual = found_by(matcher_utf8.parse, row["input"])
    assert (actual is not None and len(actual) == 1) == row["valid"]


@pytest.mark.parametrize("row", table("matchers", "strings"))
def test_alertmanager_writes_the_same(row: dict[str, Any]) -> None:
    assert str(Matcher(row["name"], row["op"], row["value"])) == row["string"]


@pytest.mark.parametrize("row", table("matchers", "json"))
def test_alertmanagers_api_has_the_same_form(row: dict[str, Any]) -> None:
    assert matcher.to_json(Matcher(row["name"], row["op"], row["value"])) == row["json"]
    assert matcher.op_of(row["json"]) == row["op"]


@pytest.mark.parametrize("row", table("matchers", "matching"))
def test_alertmanager_matches_the_same(row: dict[str, Any]) -> None:
    labels = (("a", row["against"]),) if row["against"] else ()
    assert Matcher("a", row["op"], row["value"]).accepts(labels) == row["matches"]
