"""What the pages say without a browser, on both databases, and when a part is away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from memmon.context import Context
from tests.conftest import Clock
from tests.web import seed
from web import create_app, pages


def test_the_root_leads_to_the_dashboard(client: FlaskClient) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/dashboard")


def test_an_empty_house_is_shown_kindly(client: FlaskClient) -> None:
    text = client.get("/dashboard").get_data(as_text=True)
    for output in (
        "the first checks are on their way",
        "Nothing is firing",
        "No incident is open",
        "No address is blocked",
    ):
        assert output in text


def test_a_head_request_works(client: FlaskClient) -> None:
    assert client.head("/dashboard").status_code == 200


def test_what_was_stored_is_shown_and_attack_text_escaped(client: FlaskClient, ctx: Context, clock: Clock) -> None:
    seed.past(ctx, clock, minutes=8, slow_for=4)
    seed.attack(ctx)
    seed.raise_alert(ctx)
    text = client.get("/dashboard").get_data(as_text=True)
    for output in ("database_slow", "Unhealthy", "INC-1", seed.ADDRESS, "&lt;script&gt;window.hacked=1&lt;/script&gt;"):
        assert output in text
    assert "<script>window" not in text
    assert "<img" not in text
    assert "style=" not in text
    whole = "".join(client.get(f"/dashboard/incidents/{index}").get_data(as_text=True) for index in (1, 2))
    assert "Performance of api-1" in whole
    assert "Database of api-1" in whole
    assert "style=" not in whole


def test_the_charts_have_a_value_for_every_time(client: FlaskClient, ctx: Context, clock: Clock) -> None:
    seed.past(ctx, clock, minutes=12, slow_for=6)
    drawn = client.get("/dashboard/charts?window=900").get_json()
    by_key = {chart["key"]: chart for chart in drawn["charts"]}
    assert {len(chart["values"]) for chart in drawn["charts"]} == {len(drawn["times"])}
    assert by_key["query_p95"]["threshold"] == 1.0
    assert by_key["query_p95"]["values"][-1] > 1.0
    assert 55 < by_key["memory"]["values"][-1] < 70
    assert [mark["label"] for mark in drawn["marks"]] == ["INC-2", "INC-1"]


def test_a_window_that_is_not_offered_is_refused_by_name(client: FlaskClient) -> None:
    for window in ("7", "x", "-900", "99999999"):
        answer = client.get(f"/dashboard/charts?window={window}")
        assert answer.status_code == 400
        assert answer.get_json()["field"] == "window"


def test_an_incident_that_is_not_there_has_a_page_that_says_so(client: FlaskClient) -> None:
    answer = client.get("/dashboard/incidents/99")
    assert answer.status_code == 404
    assert "No incident 99" in answer.get_data(as_text=True)


def test_a_number_that_no_database_can_hold_is_not_found(client: FlaskClient) -> None:
    assert client.get(f"/dashboard/incidents/{2**70}").status_code == 404


def test_each_section_of_the_runbook_has_its_anchor(client: FlaskClient) -> None:
    text = client.get("/runbook").get_data(as_text=True)
    for rule in (
        (Path(__file__).parents[2] / "memmon/defaults/rules.yml").read_text().split("runbook_url: docs/runbook.md#")[1:]
    ):
        assert f'id="{rule.splitlines()[0]}"' in text


def test_sections_are_text_with_the_ids_of_github() -> None:
    sections = pages.parse_sections("# One\nfirst\n## Two, and three\n<b>second</b>\n### deeper\n")
    assert sections == [
        {"id": "one", "title": "One", "text": "first"},
        {"id": "two-and-three", "title": "Two, and three", "text": "<b>second</b>\n### deeper"},
    ]


@pytest.mark.parametrize(
    ("away", "output"),
    [
        ({"MEMMON_DATABASE_URL": "sqlite:////nowhere/memmon.db"}, "database: unable to open database file"),
        ({"MEMMON_REDIS_URL": "redis://127.0.0.1:1/0"}, "redis: "),
    ],
)
def test_the_page_says_which_part_is_away_and_shows_the_others(
    make_ctx: Callable[..., Context], sqlite_ctx: Context, away: dict[str, str], output: str
) -> None:
    ctx = make_ctx(**{"MEMMON_DATABASE_URL": sqlite_ctx.settings.database_address} | away)
    answer = create_app(ctx).test_client().get("/dashboard")
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert output in text
    assert ("data-away" in text) == output.startswith("redis")
