from __future__ import annotations

from pathlib import Path

import pytest

from memmon.errors import BadConfig
from memmon.settings import load
from memmon.stack import config_check


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        (
            "rules",
            "groups:\n- name: g\n  rules:\n  - alert: a\n    expr: sum(",
            r"rules\.yml:5: groups\.0\.rules\.0\.expr: rule a of group g: ",
        ),
        (
            "rules/more",
            "groups:\n- name: g\n  rules:\n  - {alert: a, expr: up}\n  - alert: b\n    expr: up\n"
            "    annotations: {x: '{{ what }}'}",
            r"more\.yml:7: groups\.0\.rules\.1\.annotations\.x: rule b of group g: ",
        ),
        (
            "routes",
            "receivers: [{name: r}]\nroute:\n  receiver: r\n  routes:\n  - matchers: [b=c, 'a=~(']",
            r"routes\.yml:5: route\.routes\.0\.matchers\.1: .*missing \)(?!.*b')",
        ),
        (
            "routes",
            "receivers: [{name: r}]\nroute:\n  receiver: r\n  routes:\n  - match_re: {a: '('}",
            r"routes\.yml:5: route\.routes\.0\.match_re\.a: ",
        ),
        (
            "routes",
            "receivers: [{name: r}]\nroute: {receiver: r}\ninhibit_rules:\n- {source_matchers: [a], target_matchers: []}",
            r"routes\.yml:4: inhibit_rules\.0\.source_matchers\.0: ",
        ),
        (
            "playbooks",
            "playbooks:\n- {name: p, title: t, severity: low, mttr_target: 5m, match: {}, chain: none}",
            r"playbooks\.yml:2: playbooks\.0\.chain: playbook p: no chain none",
        ),
        (
            "playbooks",
            "playbooks:\n- name: p\n  title: t\n  severity: low\n  mttr_target: 5m\n  match: {}\n"
            "  stages: [{name: s, due: 1m, steps: [{action: explode}]}]",
            r"playbooks\.yml:7: playbooks\.0\.stages\.0\.steps\.0\.action: p: s: explode is not one of ",
        ),
    ],
)
def test_what_a_room_cannot_use_is_refused_before_it_is_in_force(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    settings = load({"MEMMON_HOME": str(tmp_path)})
    config_check.config(settings)
    path = settings.config_folder / f"{name}.yml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(BadConfig, match=reason):
        config_check.config(settings)
