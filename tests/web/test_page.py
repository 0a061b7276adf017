"""The pages in a real browser, served by the real server from rows that the services wrote."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from memmon import encode
from memmon.alerts import service as alerts
from memmon.context import Context
from memmon.incidents import service as incidents
from memmon.notify import service as notify
from memmon.routing import service as routing
from memmon.settings import load
from memmon.state import keys, live
from tests.conftest import Clock, valkey_binary
from tests.support import eventually
from tests.web import browser as browsing
from tests.web import seed
from tests.web.browser import PHONE, TOKEN, Site, Visit, settled

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def ctx(short_dir: Path, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Context]:
    """A context with a past, on a Valkey of its own: other tests empty theirs."""
    sock, home = short_dir / "page.sock", tmp_path_factory.mktemp("page")
    words = [valkey_binary(), "--port", "0", "--unixsocket", str(sock), "--save", "", "--dir", str(home)]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    eventually(sock.exists)
    shutil.copy(sqlite_template, home / "memmon.db")
    (home / "run").mkdir()
    clock = Clock(time.time())
    context = Context(
        load(
            {
                "MEMMON_HOME": str(home),
                "MEMMON_REDIS_URL": f"unix://{sock}?db=0",
                "MEMMON_INSTANCE": "test",
                "MEMMON_API_TOKEN": TOKEN,
                "MEMMIMIC_METRICS_COLLECTION_INTERVAL": "600",
                "MEMMIMIC_HEALTH_CHECK_INTERVAL": "60",
            }
        ),
        now=clock,
    )
    seed.past(context, clock)
    seed.attack(context)
    seed.fleet(context)
    yield context
    context.close()
    server.terminate()
    server.wait(10)


@pytest.fixture(scope="module")
def site(ctx: Context) -> Iterator[Site]:
    """The dashboard over it."""
    server = Site(ctx).start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all."""
    with browsing.opened() as actual:
        yield actual


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """A new visitor, who leaves without a browser error."""
    page = Visit(browser)
    yield page
    assert page.violations() == []
    assert page.complaints == []
    page.close()


def overview(visit: Visit, site: Site) -> Page:
    page = visit.go(f"{site.url}/dashboard")
    settled(page)
    return page


def raised(ctx: Context, name: str) -> int:
    """Return the id of a new alert called `name`."""
    seed.raise_alert(ctx, name)
    return next(int(entry["id"]) for entry in alerts.firing(ctx) if entry["name"] == name)


def alert(ctx: Context, index: int) -> dict[str, object]:
    return alerts.by_ids(ctx, [index])[0]


def test_the_overview_says_how_it_is_and_why(visit: Visit, site: Site) -> None:
    page = overview(visit, site)
    expect(page.locator(".ring .score")).to_have_text("73")
    expect(page.locator("#verdict")).to_contain_text("Unhealthy — database: reading took 640 ms")
    expect(page.locator(".losses li").first).to_contain_text("−23")
    expect(page.locator(".check")).to_have_count(5)
    assert page.locator("#check-database .bars rect.unhealthy").count() >= 5
    assert page.locator("#check-database .bars rect.healthy").count() >= 5
    row = page.locator("tr[data-name=database_slow]")
    expect(row).to_contain_text("limit 1.00 s")
    expect(row.locator("a.help")).to_have_attribute("href", "/runbook#database-performance-degradation")
    expect(page.locator("#security")).to_contain_text(seed.ADDRESS)
    expect(page.locator("#security")).to_contain_text("× 5")
    expect(page.locator("#activity")).to_contain_text("default, log: sent")
    expect(page.locator("#fleet")).to_contain_text("Cannot connect to host")


def test_the_countdown_to_the_next_page_runs(visit: Visit, site: Site) -> None:
    countdown = overview(visit, site).locator(".urgent .countdown")
    before = countdown.inner_text()
    assert re.fullmatch(r"\d\d:\d\d", before)
    expect(countdown).not_to_have_text(before)


def test_the_charts_show_limit_and_value(visit: Visit, site: Site) -> None:
    chart = overview(visit, site).locator("[data-chart=query_p95]")
    expect(chart.locator(".limit")).to_have_text("limit 1.00 s")
    expect(chart.locator(".value")).to_contain_text("▲ 2.")
    expect(chart.locator("[role=img]")).to_have_attribute(
        "aria-label", re.compile("now 2.* s, highest .* limit 1.00 s")
    )


def test_without_scripts_the_overview_is_complete(browser: Browser, site: Site) -> None:
    visit = Visit(browser, scripts=False)
    page = visit.go(f"{site.url}/dashboard")
    expect(page.locator(".ring .score")).to_have_text("73")
    expect(page.locator("tr[data-name=database_slow]")).to_be_visible()
    expect(page.locator("tr[data-name=database_slow] button").first).to_be_hidden()
    visit.close()


def test_who_is_not_signed_in_signs_in_comes_back_and_acknowledges(visit: Visit, site: Site, ctx: Context) -> None:
    index = raised(ctx, "to_acknowledge")
    page = overview(visit, site)
    button = page.locator(f"#alert-{index} button", has_text="Ack")
    button.click()
    page.wait_for_url("**/login?next=**")
    page.fill("#token", TOKEN)
    page.click("button[type=submit]")
    page.wait_for_url("**/dashboard")
    settled(page)
    button.click()
    expect(page.locator(f"#alert-{index}")).to_contain_text("acknowledged by admin")
    expect(page.locator("#notes")).to_contain_text("to_acknowledge acknowledged")
    assert alert(ctx, index)["acknowledged_by"] == "admin"


def test_a_wrong_token_is_told_so(visit: Visit, site: Site) -> None:
    page = visit.go(f"{site.url}/login?next=/dashboard")
    page.fill("#token", "wrong")
    page.click("button[type=submit]")
    expect(page.locator("[role=alert]")).to_contain_text("not known")
    visit.complaints.clear()  # The browser reports the 401 itself.


def test_an_alert_is_silenced_for_a_while_and_heard_again(visit: Visit, site: Site, ctx: Context) -> None:
    index = raised(ctx, "to_silence")
    visit.sign_in(site.url)
    page = overview(visit, site)
    row = page.locator(f"#alert-{index}")
    row.locator("summary").click()
    row.get_by_role("button", name="2 h").click()
    expect(row).to_contain_text("silenced until")
    (stored,) = routing.suppressed(ctx)[index]
    (body,) = [entry for entry in routing.silences(ctx) if entry["id"] == stored.by]
    length = encode.seconds_of(body["endsAt"]) - encode.seconds_of(body["startsAt"])
    assert length == pytest.approx(7200, abs=1)
    row.get_by_role("button", name="Unsilence").click()
    expect(row.locator("summary")).to_be_visible()
    assert index not in routing.suppressed(ctx)


def test_an_alerts_page_says_who_was_told_and_why(visit: Visit, site: Site, ctx: Context) -> None:
    index = raised(ctx, "to_explain")
    page = overview(visit, site)
    page.locator(f"#alert-{index} a.name").click()
    expect(page.locator("#case")).to_contain_text("to_explain, since")
    notify.flush(ctx)
    page.reload()
    expect(page.locator("#verdict")).to_contain_text("default was not notified")
    expect(page.locator("#group-1")).to_contain_text("placed")


def test_a_rule_is_tried_over_history_before_it_is_saved(visit: Visit, site: Site) -> None:
    visit.sign_in(site.url)
    page = visit.go(f"{site.url}/dashboard/rules")
    expect(page.locator("table.rules")).to_contain_text("high_memory_usage")
    page.fill("#try-rules", "groups: [{name: g, rules: [{alert: mine, expr: up == 1}]}]")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#tried")).to_contain_text("mine would have fired")
    page.fill("#try-rules", "groups: [{name: g, rules: [{alert: mine, expr: up ==}]}]")
    page.get_by_role("button", name="Try it").click()
    expect(page.locator("#tried .away")).to_contain_text("rule mine of group g")
    page.fill("#try-rules", "groups: [{name: g, rules: [{alert: mine, expr: up == 7}]}]")
    page.fill("#try-name", "mine")
    page.get_by_role("button", name="Save and apply").click()
    expect(page.locator("#tried")).to_contain_text("rules/mine.yml is saved")
    visit.complaints.clear()  # The browser reports the 400 itself.


def test_a_menu_stays_open_while_the_page_changes_around_it(visit: Visit, site: Site, ctx: Context) -> None:
    index = raised(ctx, "with_a_menu")
    page = overview(visit, site)
    summary = page.locator(f"#alert-{index} summary")
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"#alert-{index} .choices")).to_be_visible()
    another = raised(ctx, "that_comes_meanwhile")
    expect(page.locator(f"#alert-{another}")).to_be_visible()
    expect(page.locator(f"#alert-{index} .choices")).to_be_visible()
    expect(summary).to_be_focused()
    expect(page.locator("#said")).to_contain_text("New warning alert: that_comes_meanwhile")
    page.keyboard.press("Escape")
    expect(page.locator(f"#alert-{index} .choices")).to_be_hidden()


def test_attack_text_is_shown_and_does_nothing(visit: Visit, site: Site, ctx: Context) -> None:
    index = raised(ctx, "hostile")
    page = overview(visit, site)
    expect(page.locator(f"#alert-{index} .message")).to_have_text(seed.ATTACK)
    expect(page.locator("#security")).to_contain_text("<script>window.hacked=1</script>")
    seed.raise_alert(ctx, "hostile_too")  # By way of the feed as well.
    expect(page.locator("tr[data-name=hostile_too] .message")).to_have_text(seed.ATTACK)
    assert page.evaluate("window.hacked") is None
    assert page.locator("main img, main script").count() == 0


def test_an_incident_is_taken_over_on_its_page(visit: Visit, site: Site, ctx: Context) -> None:
    actual = incidents.listing(ctx, "open")["incidents"]
    index = next(entry["id"] for entry in actual if entry["playbook"] == "database_degradation")
    visit.sign_in(site.url)
    page = visit.go(f"{site.url}/dashboard/incidents/{index}")
    settled(page)
    expect(page.locator("#case .countdown")).to_be_visible()
    expect(page.locator("#stages")).to_contain_text("collect evidence")
    expect(page.locator("#ladder li")).to_have_count(3)
    expect(page.locator("#sources")).to_contain_text("database_slow")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator("#case")).to_contain_text("Acknowledged by admin")
    expect(page.locator("#case")).to_contain_text("Nobody else is paged for")

    def the_answer_is_late(route: Route) -> None:
        answer = route.fetch()
        page.fill("#comment", "It is the disk")
        route.fulfill(response=answer)

    page.route("**/note", the_answer_is_late)
    page.fill("#comment", f"I look at it {seed.ATTACK}")
    page.get_by_role("button", name="Add to the timeline").click()
    expect(page.locator("#notes")).to_contain_text("Noted")
    expect(page.locator("#timeline li").first).to_contain_text(f"I look at it {seed.ATTACK}")
    # The text written meanwhile is kept.
    expect(page.locator("#comment")).to_have_value("It is the disk")
    page.unroute("**/note")
    page.get_by_role("button", name="Add to the timeline").click()
    expect(page.locator("#timeline li").first).to_contain_text("It is the disk")
    expect(page.locator("#comment")).to_have_value("")
    assert incidents.show(ctx, index)["acknowledged_by"] == "admin"


def test_an_incident_is_taken_apart_and_put_together_again_on_its_page(visit: Visit, site: Site, ctx: Context) -> None:
    first = next(
        entry["id"]
        for entry in incidents.listing(ctx, "open")["incidents"]
        if entry["playbook"] == "database_degradation"
    )
    other, _ = incidents.begin(ctx, "performance_degradation", {"instance": "shop:1"}, "dana")
    incidents.merge(ctx, other, first, "dana")
    visit.sign_in(site.url)
    page = visit.go(f"{site.url}/dashboard/incidents/{first}")
    settled(page)
    splits = page.get_by_role("button", name="Split database_slow off")

    def the_answer_is_late(route: Route) -> None:
        answer = route.fetch()
        expect(splits).to_have_count(0)  # and viewers keep their position.
        page.get_by_text("Merge into another incident").click()  # and viewers keep their position.
        route.fulfill(response=answer)

    page.route("**/split", the_answer_is_late)
    page.once("dialog", lambda dialog: dialog.accept())
    splits.click()
    expect(page.locator("#notes")).to_contain_text("It is an incident of its own now")
    expect(page.locator("#sources li")).to_have_count(1)
    apart = incidents.listing(ctx, "open")["incidents"][0]["id"]
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name=f"INC-{apart} ").click()
    expect(page.locator("#case")).to_contain_text(f"It is part of INC-{apart}.")
    assert len(incidents.show(ctx, apart)["sources"]) == 2


def test_what_cannot_be_done_is_said(visit: Visit, site: Site, ctx: Context) -> None:
    index = raised(ctx, "resolved_by_another")
    visit.sign_in(site.url)
    page = overview(visit, site)
    page.route("**/dashboard", lambda route: route.abort())  # The page receives it too late.
    alerts.resolve(ctx, index, "another")
    page.locator(f"#alert-{index} button", has_text="Ack").click()
    expect(page.locator("#notes .bad")).to_contain_text(f"alert {index} is resolved, not firing")
    page.goto("about:blank")  # Nothing more is asked for.
    visit.complaints.clear()  # The browser reports the 409 and the aborted requests itself.


def test_old_data_are_called_stale(visit: Visit, site: Site, ctx: Context) -> None:
    page = overview(visit, site)
    redis = ctx.redis.get(keys.last_collection())
    ctx.redis.set(keys.last_collection(), round((time.time() - 3600) * 1000))
    live.publish(ctx.redis, "metrics", {})
    expect(page.locator("#live")).to_have_attribute("data-state", "stale")
    expect(page.locator("#banner")).to_contain_text("Stale: no new data since")
    ctx.redis.set(keys.last_collection(), redis)  # type: ignore[arg-type]
    live.publish(ctx.redis, "metrics", {})
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    expect(page.locator("#banner")).to_be_hidden()


@pytest.mark.parametrize(
    ("about", "state"),
    [
        ("connected: true, reachable: true, age: 4, interval: 10", "live"),
        ("connected: false, reachable: true, age: 4, interval: 10", "live"),
        ("connected: true, reachable: false, age: 4, interval: 10", "live"),
        ("connected: true, reachable: true, age: 31, interval: 10", "stale"),
        ("connected: true, reachable: true, age: null, interval: 10", "live"),
        ("connected: true, reachable: true, age: null, interval: 10, away: 'redis: refused'", "stale"),
        ("connected: false, reachable: false, age: 4, interval: 10", "offline"),
    ],
)
def test_the_state_follows_from_what_is_known(visit: Visit, site: Site, about: str, state: str) -> None:
    page = visit.go(f"{site.url}/login")
    assert page.evaluate(f"import('/static/state.js').then((it) => it.judge({{ {about} }}))") == state


def test_a_server_that_is_gone_is_told_and_comes_back_by_itself(visit: Visit, site: Site, ctx: Context) -> None:
    page = overview(visit, site)
    site.stop()
    expect(page.locator("#live")).to_have_attribute("data-state", "offline")
    expect(page.locator("#banner")).to_contain_text(re.compile(r"Offline, last data \d\d:\d\d:\d\d"))
    index = raised(ctx, "in_the_meantime")
    site.start()
    page.wait_for_selector("#live[data-state=live]", timeout=20_000)
    expect(page.locator("#banner")).to_be_hidden()
    expect(page.locator(f"#alert-{index}")).to_be_visible()
    expect(page.locator("#live .word")).to_have_text("Live", timeout=20_000)
    visit.complaints.clear()  # The browser reports the lost connections itself.


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/incidents/1", "/login", "/runbook"])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_wider_than_a_phone(browser: Browser, site: Site, path: str, dark: bool) -> None:
    visit = Visit(browser, **PHONE, dark=dark)
    page = visit.go(site.url + path)
    if page.query_selector("#live"):
        settled(page)
    assert visit.overflows() == 0
    assert visit.complaints == []
    visit.close()


def test_chosen_colours_are_kept(visit: Visit, site: Site) -> None:
    page = overview(visit, site)
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    page.get_by_role("button", name="Colours: as the system").click()
    page.get_by_role("button", name="Colours: light").click()
    assert page.evaluate(ground) != before
    page.reload()
    assert page.evaluate(ground) != before
    expect(page.get_by_role("button", name="Colours: dark")).to_be_visible()


def test_the_keyboard_reaches_the_content_first(visit: Visit, site: Site) -> None:
    page = overview(visit, site)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_a_picture_is_written(site: Site, tmp_path: Path, browser: Browser) -> None:
    path = tmp_path / "page.png"
    browsing.shoot(browser, f"{site.url}/dashboard", path, width=800)
    assert path.read_bytes()[:4] == b"\x89PNG"
