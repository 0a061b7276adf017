from __future__ import annotations

from typing import Any

import pytest

from memmon.notify import render


def alert(name: str = "hot", message: str = "it is hot", status: str = "firing") -> dict[str, Any]:
    return {"name": name, "severity": "critical", "message": message, "status": status, "labels": {}}


def alerts(*subset: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "alert", "status": "firing", "alerts": list(subset), "external_url": "http://b"}


def test_alerts_are_told_with_what_fires_first() -> None:
    message = render.message(alerts(alert(), alert("cold", "was cold", "resolved")))
    assert message.subject == "[FIRING:1] hot"
    assert message.text.splitlines() == [
        "[FIRING:1] hot",
        "Firing:",
        "- [critical] it is hot",
        "Resolved:",
        "- [critical] was cold",
        "http://b/dashboard",
    ]
    assert message.payload["text"] == message.text
    assert message.payload["title"] == message.subject


def test_an_alert_tells_where_its_section_of_the_runbook_can_be_opened() -> None:
    ours = {**alert(), "annotations": {"runbook_url": "docs/runbook.md#errors"}}
    theirs = {**alert("b"), "annotations": {"runbook_url": "https://wiki/x.md"}}
    over = {**alert("c", status="resolved"), "annotations": {"runbook_url": "https://wiki/over"}}
    assert render.message(alerts(ours, ours, theirs, over)).text.splitlines()[-3:] == [
        "Runbook: http://b/runbook#errors",
        "Runbook: https://wiki/x.md",
        "http://b/dashboard",
    ]


def test_what_only_ended_is_told_as_resolved() -> None:
    assert (
        render.message(alerts(alert(status="resolved"), alert("b", status="resolved"))).subject == "[RESOLVED:2] b, hot"
    )


def test_many_alerts_are_counted_and_the_first_ones_listed() -> None:
    text = render.message(alerts(*[alert(message=f"m{n}") for n in range(25)])).text
    assert "m19" in text
    assert "m20" not in text
    assert "- and 5 more" in text


@pytest.mark.parametrize(
    "evil", ["a\r\nBcc: x@y", "a\nb", "a\x00b", "a\u2028b", "a\u202eb", "a\x1b[31mb", "\ud800"], ids=ascii
)
def test_a_line_stays_one_line_whatever_an_attacker_wrote(evil: str) -> None:
    message = render.message(alerts(alert(name=evil, message=evil)))
    assert message.subject.isprintable()
    assert len(message.text.splitlines()) == 4


def test_a_subject_is_not_endless() -> None:
    assert len(render.message(alerts(alert(name="x" * 5000))).subject) <= 200


def test_pages_incidents_and_tests_are_told_by_their_title_and_lines() -> None:
    payload = {
        "kind": "page",
        "title": "INC-1 down",
        "lines": ["Severity high", "evil\nline"],
        "external_url": "http://b",
    }
    message = render.message(payload)
    assert message.text.splitlines() == ["[PAGE] INC-1 down", "Severity high", "evil line", "http://b/dashboard"]
    assert render.message({"kind": "incident", "incident": {"title": "t"}}).subject == "[INCIDENT] t"
