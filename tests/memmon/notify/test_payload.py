from __future__ import annotations

import pytest

from memmon.notify.channels.base import Message
from memmon.notify.payload import version4
from tests.memmon.notify.sample import message, payload


def test_a_webhook_gets_all_fields_of_alertmanagers_version_4() -> None:
    actual = version4(payload())
    assert {name: value for name, value in actual.items() if name != "alerts"} == {
        "version": "4",
        "groupKey": '{}:{zone="a"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "team",
        "groupLabels": {"zone": "a"},
        "commonLabels": {"severity": "critical", "zone": "a"},
        "commonAnnotations": {"runbook_url": "docs/runbook.md#errors"},
        "externalURL": "http://m",
    }
    hot, cold = actual["alerts"]
    assert (hot["status"], hot["startsAt"], hot["endsAt"], hot["generatorURL"], hot["fingerprint"]) == (
        "firing",
        "2026-01-01T00:00:00.000Z",
        "0001-01-01T00:00:00Z",
        "http://m/dashboard",
        "00ff",
    )
    assert cold["endsAt"] == "2026-01-01T00:05:00.000Z"


def test_what_is_over_the_limit_is_counted() -> None:
    actual = version4(payload(), 1)
    assert (len(actual["alerts"]), actual["truncatedAlerts"]) == (1, 1)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("{{ .Receiver }} {{ .Status }} {{ .ExternalURL }}", "team firing http://m"),
        ("{{ len .Alerts }} {{ len .Alerts.Firing }} {{ len .Alerts.Resolved }}", "2 1 1"),
        ("{{ range .Alerts.Firing }}{{ .Labels.alertname }} {{ .Annotations.summary }}{{ end }}", "hot hot is up"),
        ("{{ range .CommonLabels.SortedPairs }}{{ .Name }}={{ .Value }} {{ end }}", "severity=critical zone=a "),
        ('{{ .GroupLabels.Names | join "," }}{{ .GroupLabels.Values | join "," }}', "zonea"),
        ('{{ (index .Alerts 0).Labels.Remove (stringSlice "severity" "zone") }}', "map[alertname:hot]"),
        ('{{ (index .Alerts 1).EndsAt.Format "15:04" }}', None),
        ('{{ (index .Alerts 1).EndsAt | date "15:04" }} {{ (index .Alerts 0).EndsAt | date "2006" }}', "00:05 0001"),
        (
            "{{ .CommonAnnotations.runbook_url }} {{ .RouteLabels.owner }} {{ .Reason }}",
            "docs/runbook.md#errors ops first notification",
        ),
        ('{{ template "__subject" . }}', "[FIRING:1] hot"),
        (
            '{{ template "slack.default.text" . }}',
            "Firing:\n- [critical] hot is up\nResolved:\n- [critical] cold is up\nRunbook: http://m/runbook#errors\nhttp://m/dashboard",
        ),
        ('{{ index .GroupLabels "zone" }}{{ .GroupLabels.none }}', "a"),
    ],
)
def test_templates_see_what_alertmanagers_see(text: str, written: str | None) -> None:
    if written is None:
        with pytest.raises(Exception, match="the message cannot be made: template line 1"):
            message().fill(text)
    else:
        assert message().fill(text) == written


def test_a_message_about_no_alerts_has_no_templates() -> None:
    page = Message("subject", "text", {"kind": "page"})
    assert (page.fill("{{ .Status }}", "instead"), page.fill("plain")) == ("instead", "plain")
