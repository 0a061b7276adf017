from __future__ import annotations

from typing import Any

from memmon import encode
from web import activity


def alert(at: float, **extra: Any) -> dict[str, Any]:
    base = {
        "name": "slow",
        "message": "it is slow",
        "resolved_at": None,
        "acknowledged_at": None,
        "acknowledged_by": None,
    }
    return {**base, "created_at": encode.iso(at), **extra}


def message(channel: str, state: str, tries: int = 1, error: str | None = None) -> dict[str, Any]:
    return {
        "title": "slow",
        "receiver": "ops",
        "channel": channel,
        "state": state,
        "created_at": encode.iso(10),
        "sent_at": encode.iso(12) if state == "sent" else None,
        "attempts": [{}] * tries,
        "error": error,
    }


def test_the_newest_stands_first() -> None:
    ended = alert(5, resolved_at=encode.iso(30))
    result = activity.merge_activity([alert(300), ended], [], [], [])
    assert [(line["at"], line["kind"]) for line in result] == [
        (encode.iso(300), "alert"),
        (encode.iso(30), "resolved"),
        (encode.iso(5), "alert"),
    ]


def test_a_message_is_one_line_with_how_each_channel_went() -> None:
    (line,) = activity.merge_activity(
        [], [], [], [message("log[0]", "sent"), message("webhook[0]", "failed", 3, "refused")]
    )
    assert [entry["text"] for entry in line["states"]] == ["ops, log: sent", "ops, webhook: failed after 3 tries"]
    assert line["states"][1]["error"] == "refused"


def test_of_an_incident_only_what_matters_beside_it_is_told() -> None:
    timeline = [
        {"at": encode.iso(n), "kind": kind, "text": kind, "by": "memmon"}
        for n, kind in enumerate(("opened", "note", "page"))
    ]
    result = activity.merge_activity([], [{"id": 7, "timeline": timeline}], [], [])
    assert [line["text"] for line in result] == ["page", "opened"]
    assert result[0]["link"] == "/dashboard/incidents/7"


def test_many_alerts_that_begin_together_are_one_line() -> None:
    result = activity.merge_activity([alert(10 + n, name=f"a{n}") for n in range(9)], [], [], [])
    assert len(result) == 1
    assert result[0]["text"] == "and 8 more fire: it is slow"


def test_the_list_is_bounded() -> None:
    assert len(activity.merge_activity([alert(n * 600) for n in range(50)], [], [], [], 12)) == 12


def test_what_a_person_did_says_who() -> None:
    def line(text: str) -> dict[str, Any]:
        return {"at": encode.iso(1), "kind": "resolved", "text": text, "by": "dana"}

    result = activity.merge_activity([], [{"id": 7, "timeline": [line("resolved"), line("all is well")]}], [], [])
    assert [entry["text"] for entry in result] == ["resolved by dana", "resolved by dana: all is well"]
