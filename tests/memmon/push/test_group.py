from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, generate_latest

from memmon import labels as label_sets
from memmon.errors import BadInput
from memmon.push import group
from memmon.push.group import Families, Inconsistent, PushGroup

JOB = {"job": "j"}


def read(text: str, **labels: str) -> Families:
    return group.read(text.encode(), {**JOB, **labels})


def values_by_series(families: Families) -> dict[str, float]:
    return {label_sets.show(point.labels): point.value for family in families.values() for point in family.points}


@pytest.mark.parametrize(
    ("job", "is_base64", "remainder", "expected"),
    [
        ("some_job", False, "", {"job": "some_job"}),
        ("some_job", False, "instance/a", {"job": "some_job", "instance": "a"}),
        ("directory_cleaner", False, "path@base64/L3Zhci90bXA", {"job": "directory_cleaner", "path": "/var/tmp"}),
        ("directory_cleaner", False, "path@base64/L3Zhci90bXA=", {"job": "directory_cleaner", "path": "/var/tmp"}),
        ("bi9h", True, "", {"job": "n/a"}),
        ("titan", False, "name@base64/zqDPgc6_zrzOt864zrXPjc-C", {"job": "titan", "name": "Προμηθεύς"}),
        ("example", False, "first@base64/=/second/x", {"job": "example", "first": "", "second": "x"}),
        ("one", False, "job/two", {"job": "one"}),
    ],
)
def test_a_path_says_which_group(job: str, is_base64: bool, remainder: str, expected: dict[str, str]) -> None:
    assert group.labels_of(job, is_base64, remainder) == expected


@pytest.mark.parametrize(
    ("job", "is_base64", "remainder", "reason"),
    [
        ("=", True, "", "job: is empty"),
        ("j", False, "instance", "odd number of parts"),
        ("j", False, "a-b/c", "'a-b' is no name of a label"),
        ("j", False, "__name__/c", "'__name__' is no name"),
        ("j", False, "a@base64/!!!", "the value of a is not base64"),
        ("j", False, "a@base64/_w==", "the value of a is not base64"),
        ("j", False, "a/" + "x" * 5000, "the value of a has more than 4096"),
    ],
)
def test_a_path_that_says_no_group_is_refused(job: str, is_base64: bool, remainder: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        group.labels_of(job, is_base64, remainder)


def test_the_grouping_labels_win_and_empty_ones_take_a_label_away() -> None:
    actual = read('a{job="other",instance="x",own="y"} 1\n', instance="")
    assert values_by_series(actual) == {'a{job="j",own="y"}': 1.0}


def test_everything_that_a_registry_writes_is_read() -> None:
    registry = CollectorRegistry()
    Counter("jobs", "Jobs done", ["kind"], registry=registry).labels('a"\n\\').inc(3)
    Gauge("size_bytes", "Size", registry=registry).set(math.inf)
    Histogram("seconds", "Time", registry=registry, buckets=(1,)).observe(0.5)
    Summary("rows", "Rows", registry=registry).observe(7)
    actual = group.read(generate_latest(registry), JOB)
    assert {name: entry.kind for name, entry in actual.items() if not name.endswith("_created")} == {
        "jobs_total": "counter",
        "size_bytes": "gauge",
        "seconds": "histogram",
        "rows": "summary",
    }
    values = values_by_series(actual)
    assert values['jobs_total{job="j",kind="a\\"\\n\\\\"}'] == 3
    assert values['seconds_bucket{job="j",le="+Inf"}'] == values['seconds_count{job="j"}'] == 1
    assert values['size_bytes{job="j"}'] == math.inf
    assert actual["jobs_total"].help == "Jobs done"


def test_a_counter_keeps_the_name_that_it_was_pushed_with() -> None:
    assert values_by_series(read("# TYPE some_metric counter\nsome_metric 42\n")) == {'some_metric{job="j"}': 42.0}


def test_pushed_times_are_ours() -> None:
    assert values_by_series(read("push_time_seconds 1\npush_failure_time_seconds 2\na 3\n")) == {'a{job="j"}': 3.0}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a 1 1700000000000\n", "a has a timestamp"),
        ("a 1\na 2\n", 'a{job="j"} is there twice'),
        ('a{job="x"} 1\na{job="y"} 2\n', 'a{job="j"} is there twice'),
    ],
)
def test_what_does_not_go_together_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Inconsistent) as caught:
        read(text)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("# TYPE a gauge\n# TYPE a counter\na 1\n", "second TYPE line of a"),
        ('a{b="x\n', "not Prometheus text format"),
        ("a one\n", "not Prometheus text format"),
        ("a-b 1\n", "invalid metric name"),
        ("\n" * 50_000, "more than 50000 lines"),
        ("#" * 40_000, "a line of more than 32768 characters"),
        ("\xff", "not Prometheus text format"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason) as caught:
        group.read(text.encode("latin-1"), JOB)
    assert not isinstance(caught.value, Inconsistent)


def test_put_replaces_all_and_post_what_has_the_same_name() -> None:
    old = PushGroup(JOB, read("a 1\nb 2\n"), 5.0, 3.0)
    new = read("b 7\nc 8\n")
    assert group.pushed(old, new, replaces=True, now=9.0) == PushGroup(JOB, new, 9.0, 3.0)
    added = group.pushed(old, new, replaces=False, now=9.0)
    assert values_by_series(added.families) == {'a{job="j"}': 1.0, 'b{job="j"}': 7.0, 'c{job="j"}': 8.0}


def test_groups_have_one_kind_for_a_name_and_share_no_series() -> None:
    mine = PushGroup(JOB, read("# TYPE a gauge\na 1\n"), 1.0, 0.0)
    assert group.conflict(mine, [{"a": "gauge", "b": "counter"}], []) == ""
    assert group.conflict(mine, [{"a": "counter"}], []) == "a is a gauge here and a counter in another group"
    same = next(iter(mine.families["a"].points)).labels
    assert group.conflict(mine, [], [same]) == 'a{job="j"} is in another group too'


def test_a_group_shows_when_it_was_pushed() -> None:
    actual = {label_sets.show(p.labels): p.value for p in group.points(PushGroup(JOB, {}, 7.5, 0.0))}
    assert actual == {'push_time_seconds{job="j"}': 7.5, 'push_failure_time_seconds{job="j"}': 0.0}


def test_what_is_kept_comes_back_the_same() -> None:
    families = read('# HELP a Te\\nx\\\\nt\n# TYPE a gauge\na{b="é\\n"} 0.1\na{b="inf"} +Inf\nnan NaN\n')
    back = group.load(group.dump(families))
    assert back["a"] == families["a"]
    assert back["a"].help == "Te\nx\\nt"
    assert math.isnan(back["nan"].points[0].value)


def test_groups_are_told_apart_by_their_labels() -> None:
    assert group.key_of({"job": "a", "b": "c"}) == group.key_of({"b": "c", "job": "a"})
    assert group.key_of({"job": "a"}) != group.key_of({"job": "a", "b": ""})


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.one_of(st.binary(max_size=80), st.text('a{}="\\ \n#TYPEHELP1.e+-,', max_size=60).map(str.encode)))
def test_any_bytes_are_read_or_bad_input(body: bytes) -> None:
    try:
        group.read(body, JOB)
    except BadInput:
        return
