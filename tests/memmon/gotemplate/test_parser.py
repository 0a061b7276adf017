from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memmon.errors import BadTemplate
from memmon.gotemplate import evaluator, parser


# Alertmanager's `amtool template render` refuses the same texts.
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ nil }}", "nil is not a command"),
        ("{{ foo }}", "function 'foo' is not known"),
        ("{{ if }}x{{ end }}", "a value is missing"),
        ("{{ if true }}x", "an {{end}} is missing"),
        ("{{ end }}", "unexpected {{end}}"),
        ("{{ $y }}", "variable \\$y is not defined"),
        ("{{ if true }}{{ $z := 1 }}{{ end }}{{ $z }}", "variable \\$z is not defined"),
        ('{{ "a" | 5 }}', "only a function"),
        ("{{ break }}", "outside of {{range}}"),
        ("{{ (1 }}", "unexpected 'end of the action'"),
        ('{{ "\\z" }}', "unknown escape"),
        ("x\ny{{ /* }}", "line 2"),
        ("{{ if true }}" * 60, "nested more than 50 deep"),
        ("x" * 70000, "longer than"),
    ],
)
def test_what_is_no_template_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BadTemplate, match=reason):
        parser.parse(text, ())


@given(st.text(max_size=80))
def test_text_without_actions_comes_out_as_it_is(text: str) -> None:
    text = text.replace("{{", "")
    assert evaluator.execute(parser.parse(text, ()), None, {}) == text


@given(st.text(alphabet="{}-|$.()\"'`\\/* \nabcdefginrtwh:=,<0159", max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(BadTemplate):
        parser.parse(text, ("abc",))
