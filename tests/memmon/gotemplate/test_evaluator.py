from __future__ import annotations

from typing import Any

import pytest

from memmon.errors import BadTemplate
from memmon.gotemplate import evaluator, parser
from memmon.gotemplate.alertmanager import ALERTMANAGER
from memmon.gotemplate.values import Map, Record


def run(text: str, data: Any = None) -> str:
    return evaluator.execute(parser.parse(text, ALERTMANAGER), data, ALERTMANAGER)


# What Alertmanager's `amtool template render` makes of the same texts.
@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('{{ printf "%v %v %v %v" 1.0 2.5 1e6 1e21 }}', "1 2.5 1e+06 1e+21"),
        ("{{ 1234567.0 }} {{ 0.0001 }} {{ 0.00001 }} {{ -0.5 }}", "1.234567e+06 0.0001 1e-05 -0.5"),
        ('{{ print 1 2 "a" "b" 3 }} {{ print 1 2 3 }}', "1 2ab3 1 2 3"),
        ('{{ if and 1 0 }}a{{ else if or "" "x" }}b{{ else }}c{{ end }}', "b"),
        ("{{ with $x := 5 }}{{ $x }}{{ end }}{{ with 0 }}x{{ else }}z{{ end }}", "5z"),
        ('{{- "a" -}}   b   {{- /* c */ -}}   d', "abd"),
        (
            '{{ $a := 1 }}{{ range $i, $e := stringSlice "x" "y" }}{{ $i }}{{ $e }}{{ $a = $i }}{{ end }}{{ $a }}',
            "0x1y1",
        ),
        ('{{ range stringSlice "a" "b" "c" }}{{ if eq . "b" }}{{ continue }}{{ end }}{{ . }}{{ end }}', "ac"),
        ('{{ range stringSlice "a" "b" }}{{ . }}{{ break }}{{ end }}', "a"),
        ("{{ range stringSlice }}x{{ else }}empty{{ end }}", "empty"),
        (
            '{{ eq 1 1 }} {{ ne "a" "b" }} {{ lt 1 2 }} {{ ge 2.0 1.0 }} {{ eq "a" "b" "a" }}',
            "true true true true true",
        ),
        ('{{ len "abc" }} {{ index (stringSlice "a" "b") 1 }} {{ slice "abcdef" 1 3 }}', "3 b bc"),
        ('{{ printf "%d %s %x %q %t %e %g" 42 "s" 255 "q" true 1.5 0.1 }}', '42 s ff "q" true 1.500000e+00 0.1'),
        (
            '{{ printf "%d" "x" }} {{ printf "%s" 5 }} {{ printf "%s" }} {{ printf "a" 1 }}',
            "%!d(string=x) %!s(int=5) %!s(MISSING) a%!(EXTRA int=1)",
        ),
        ('{{ printf "%08.3f|%+d|%-6s|%6s|%%" 3.14159 5 "ab" "cd" }}', "0003.142|+5|ab    |    cd|%"),
        ('{{ "a<b>&\'\\"" | html }} {{ "a b&c" | urlquery }}', "a&lt;b&gt;&amp;&#39;&#34; a+b%26c"),
        ('{{ "it\'s <b>" | js }}', "it\\'s \\u003Cb\\u003E"),
        ('{{ define "t" }}[{{ . }}]{{ end }}{{ template "t" "x" }}{{ template "t" (printf "%d" 3) }}', "[x][3]"),
        ('{{ block "b" 5 }}<{{ . }}>{{ end }}', "<5>"),
        ('{{ "hello world" | title }} {{ "HeLLo" | toLower }}', "Hello World hello"),
        ('{{ reReplaceAll "(a+)b" "<$1>" "xaab ab" }} {{ match "^a.*" "abc" }}', "x<aa> <a> true"),
        ("{{ `raw \\n` }} {{ \"esc\\t\\u00e9\\x41\" }} {{ 'a' }}", "raw \\n esc\t\u00e9A 97"),
        ('{{ (stringSlice "a" "b") }} {{ true | not }}', "[a b] false"),
        ('{{ 1 | printf "%d-%d" 2 }}', "2-1"),
        ('{{ and true "" "x" }}|{{ or "" 0 "x" }}', "|x"),
        ('{{ printf "%.2f" 5 }}', "%!f(int=05)"),
        ('{{ "a}}b" }}', "a}}b"),
        ("{{ 0x10 }} {{ 1_000 }}", "16 1000"),
    ],
)
def test_it_writes_what_go_writes(text: str, written: str) -> None:
    assert run(text) == written


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{ eq 1 1.0 }}", "incompatible types"),
        ('{{ lt 1 "a" }}', "incompatible types"),
        ('{{ index (stringSlice "a") 5 }}', "index out of range"),
        ('{{ "x" "y" }}', "can't give arguments"),
        ('\n{{ template "nope" }}', "line 2: template 'nope' is not defined"),
        ('{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}', "more than 50 deep"),
        ("{{ range 1000000 }}{{ end }}", "more than 100000 steps"),
        ('{{ range 99999 }}{{ printf "%900s" "" }}{{ end }}', "more than 1048576 characters"),
        ("{{ .Nope }}", "can't evaluate field Nope"),
        ('{{ reReplaceAll "(" "" "a" }}', "regular expression"),
    ],
)
def test_what_cannot_be_done_is_said_with_its_line(text: str, reason: str) -> None:
    with pytest.raises(BadTemplate, match=reason):
        run(text, Record({"Some": 1}))


def test_fields_and_methods_are_those_of_the_data_and_no_others() -> None:
    data = Record(
        {"Labels": Map({"b": "2", "a": "1"}, {"Remove": lambda names: {"b": "2"}})}, {"Firing": lambda: [1, 2]}
    )
    assert run("{{ len .Firing }} {{ .Labels.a }}{{ .Labels.none }} {{ .Labels }}", data) == "2 1 map[a:1 b:2]"
    assert run('{{ (.Labels.Remove (stringSlice "a")).b }}', data) == "2"
    for text in ("{{ .fields }}", "{{ .__class__ }}", "{{ .Labels.a.upper }}"):
        with pytest.raises(BadTemplate, match="can't evaluate field"):
            run(text, data)
