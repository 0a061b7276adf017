from __future__ import annotations

from typing import Any

import pytest

from memmon.config.routes import Route
from memmon.errors import BadInput
from memmon.promql.matcher import Matcher
from memmon.routing import matcher
from tests.memmon.routing.tables import table


@pytest.mark.parametrize(
    ("text", "found"),
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
def test_a_matcher_is_read_as_alertmanager_writes_it(text: str, found: list[tuple[str, str, str]]) -> None:
    assert list(matcher.parse(text)) == [Matcher(*one) for one in found]


@pytest.mark.parametrize("text", ["a", "=b", 'a="b', 'a=b"', 'a="b"c"', "a=b,,c=d", ",", "0a=b", 'a=~"("', '"a"="b"'])
def test_anything_else_is_refused_by_its_field(text: str) -> None:
    with pytest.raises(BadInput, match="^filter: "):
        matcher.parse(text, "filter")


def test_a_route_has_the_matchers_of_its_three_spellings_in_order() -> None:
    route = Route.model_validate({"matchers": ["z=1"], "match": {"b": "2"}, "match_re": {"a": "x|y"}})
    assert matcher.of_route(route) == (Matcher("a", "=~", "^(?:x|y)$"), Matcher("b", "=", "2"), Matcher("z", "=", "1"))


@pytest.mark.parametrize("row", table("matchers", "parse"))
def test_alertmanagers_classic_parser_reads_the_same(row: dict[str, Any]) -> None:
    wanted = row["classic"]
    if wanted is None:
        with pytest.raises(BadInput):
            matcher.parse(row["input"])
    else:
        assert matcher.parse(row["input"]) == tuple(Matcher(m["name"], m["op"], m["value"]) for m in wanted)


@pytest.mark.parametrize("row", table("matchers", "matching"))
def test_alertmanager_matches_the_same(row: dict[str, Any]) -> None:
    labels = (("a", row["against"]),) if row["against"] else ()
    assert Matcher("a", row["op"], row["value"]).accepts(labels) == row["matches"]
