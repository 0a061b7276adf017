from __future__ import annotations

from pathlib import Path

import pytest

from memmon.errors import BadConfig
from memmon.settings import load
from memmon.stack import check


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("rules", "groups: [{name: g, rules: [{alert: a, expr: 'sum('}]}]", "rule a of group g"),
        ("routes", "route: {receiver: r, routes: [{matchers: ['a=~(']}]}\nreceivers: [{name: r}]", r"routes\.yml: "),
        (
            "playbooks",
            "playbooks: [{name: p, title: t, severity: low, mttr_target: 5m, match: {}, chain: none}]",
            "none",
        ),
    ],
)
def test_what_a_room_cannot_use_is_refused_before_it_is_in_force(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    settings = load({"MEMMON_HOME": str(tmp_path)})
    check.config(settings)
    settings.config_folder.mkdir()
    (settings.config_folder / f"{name}.yml").write_text(text)
    with pytest.raises(BadConfig, match=reason):
        check.config(settings)
