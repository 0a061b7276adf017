"""Links in messages: a GET changes nothing, the button acts once without signing in."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from memmon import secret
from memmon.context import Context
from memmon.incidents import links, service
from memmon.incidents.links import Link
from memmon.notify import store as notify_store
from tests.conftest import Clock
from tests.web.api.test_incidents import incident as incident_fixture

OUTSIDE = {"REMOTE_ADDR": "203.0.113.5"}
incident = incident_fixture


@pytest.fixture
def ctx(sqlite_ctx: Context) -> Context:
    return sqlite_ctx


def address(ctx: Context, verb: str, index: int, action: int = 0) -> str:
    link = Link(verb, index, action, "ops-mail", int(ctx.now()) + 3600)
    return f"/act/{links.write(secret.key(ctx.settings, 'link'), link)}"


def test_looking_at_a_link_changes_nothing_and_its_button_acknowledges(
    client: FlaskClient, ctx: Context, incident: int
) -> None:
    where = address(ctx, "acknowledge", incident)
    page = client.get(where, environ_base=OUTSIDE)
    assert page.status_code == 200
    assert "nobody else is paged" in page.text
    assert f'action="{where}"' in page.text
    assert service.show(ctx, incident)["acknowledged_by"] is None
    assert "Acknowledged" in client.post(where, environ_base=OUTSIDE).text
    assert service.show(ctx, incident)["acknowledged_by"] == "ops-mail (by link)"
    again = client.post(where, environ_base=OUTSIDE)
    assert (again.status_code, "already" in again.text) == (409, True)


@pytest.mark.parametrize(("verb", "state"), [("approve", "waiting"), ("reject", "rejected")])
def test_an_action_is_approved_or_rejected_once(
    client: FlaskClient, ctx: Context, incident: int, verb: str, state: str
) -> None:
    where = address(ctx, verb, incident, 1)
    assert "clear cache" in client.get(where, environ_base=OUTSIDE).text
    assert client.post(where, environ_base=OUTSIDE).status_code == 200
    assert service.show(ctx, incident)["actions"][0]["state"] == state
    assert client.post(where, environ_base=OUTSIDE).status_code == 409
    assert "nobody" in client.get(where, environ_base=OUTSIDE).text


def test_one_that_is_forged_or_over_does_nothing(
    client: FlaskClient, ctx: Context, incident: int, clock: Clock
) -> None:
    where = address(ctx, "acknowledge", incident)
    forged = where[:-2] + ("AA" if where[-2:] != "AA" else "BB")
    for method in (client.get, client.post):
        assert method(forged, environ_base=OUTSIDE).status_code == 404
    clock.move(3601)
    assert client.post(where, environ_base=OUTSIDE).status_code == 404
    assert client.get(address(ctx, "acknowledge", 4711), environ_base=OUTSIDE).status_code == 404
    assert service.show(ctx, incident)["acknowledged_by"] is None


def test_the_link_of_a_page_is_the_one_in_the_message(client: FlaskClient, ctx: Context, incident: int) -> None:
    with ctx.read() as session:
        texts = [str(row.payload["lines"]) for row in notify_store.recent(session, 20, incident)]
    actual = next(
        match for text in texts if (match := re.search(r"Acknowledge: http://localhost:8080(/act/\S+?)'", text))
    )
    assert client.get(actual.group(1), environ_base=OUTSIDE).status_code == 200
