from __future__ import annotations

from typing import Any

import pytest

from memmon import labels as label_sets
from memmon.config.routes import InhibitRule
from memmon.promql.matcher import Matcher
from memmon.routing import mute
from memmon.routing.mute import Silence
from tests.memmon.routing.tables import shared, table

SEVERE = InhibitRule(
    source_matchers=('severity="critical"',), target_matchers=('severity="warning"',), equal=("instance", "zone")
)


def test_a_silence_holds_from_its_start_until_before_its_end() -> None:
    silence = Silence("s", (Matcher("team", "=", "x"),), 10, 20)
    labels = label_sets.of(team="x")
    assert [silence.mutes(labels, now) for now in (9.9, 10, 19.9, 20)] == [False, True, True, False]
    assert mute.silenced_by([silence], labels, 15) == ["s"]
    assert mute.silenced_by([silence], label_sets.of(team="y"), 15) == []


def test_every_matcher_of_a_silence_must_fit() -> None:
    silence = Silence("s", (Matcher("a", "=", "1"), Matcher("b", "!=", "2")), 0, 10)
    assert silence.mutes(label_sets.of(a="1"), 5)
    assert not silence.mutes(label_sets.of(a="1", b="2"), 5)


def inhibited(labels: dict[str, str], *firing: dict[str, str], rule: InhibitRule = SEVERE) -> list[int]:
    numbered = [(index, label_sets.of(entry)) for index, entry in enumerate(firing)]
    return mute.Inhibitor([rule], numbered).inhibiting(label_sets.of(labels))


def test_a_source_inhibits_targets_that_are_equal_where_the_rule_says() -> None:
    warning = {"severity": "warning", "instance": "a"}
    assert inhibited(warning, {"severity": "critical", "instance": "a"}) == [0]
    assert inhibited(warning, {"severity": "critical", "instance": "b"}) == []
    assert inhibited({"severity": "info", "instance": "a"}, {"severity": "critical", "instance": "a"}) == []


def test_a_label_that_both_lack_is_equal_and_one_that_only_one_has_is_not() -> None:
    assert inhibited({"severity": "warning"}, {"severity": "critical"}) == [0]
    assert inhibited({"severity": "warning", "zone": "z"}, {"severity": "critical"}) == []
    assert inhibited({"severity": "warning"}, {"severity": "critical", "zone": "z"}) == []


def test_alerts_on_both_sides_of_a_rule_do_not_mute_each_other() -> None:
    both = InhibitRule(source_matchers=('kind="x"',), target_matchers=('kind="x"',))
    assert inhibited({"kind": "x", "n": "1"}, {"kind": "x", "n": "1"}, {"kind": "x", "n": "2"}, rule=both) == []


@pytest.mark.parametrize("row", table("inhibition", "cases"))
def test_alertmanager_inhibits_the_same(row: dict[str, Any]) -> None:
    existing = shared("inhibition", "rules")

    def texts(subset: list[dict[str, str]]) -> tuple[str, ...]:
        return tuple(f'{entry["name"]}{entry["op"]}"{entry["value"]}"' for entry in subset)

    rules = [
        InhibitRule(
            source_matchers=texts(existing[name]["source"]),
            target_matchers=texts(existing[name]["target"]),
            equal=tuple(existing[name]["equal"]),
        )
        for name in row["rules"]
    ]
    firing = [(n, label_sets.of(a["labels"])) for n, a in enumerate(row["alerts"]) if not a.get("resolved")]
    inhibiting = mute.Inhibitor(rules, firing).inhibiting(label_sets.of(row["target"]))
    assert bool(inhibiting) == row["inhibited"]
    if "by" in row:
        assert row["by"] in {label_sets.fingerprint(labels) for index, labels in firing if index in inhibiting}
