from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import pytest

from memmon import labels as label_sets
from memmon.alerts import evaluation, recording, service, store
from memmon.context import Context
from memmon.jobs import Job
from memmon.metrics import service as metrics
from memmon.samples import Sample
from memmon.state import counters, keys, lease
from tests.conftest import Clock
from tests.memmon.alerts.heat import FOLLOWS, HOT, Configure, firing, measure, rules


def test_an_alert_fires_is_shown_and_is_resolved_with_what_follows_from_it(hot: Context, clock: Clock) -> None:
    measure(hot, a=90, b=10)
    assert service.evaluate(hot) == FOLLOWS
    [alert] = service.firing(hot)
    assert (alert["name"], alert["severity"], alert["state"], alert["status"]) == ("hot", "critical", "firing", "open")
    assert (alert["value"], alert["threshold"], alert["message"]) == (90, 80, "at 90")
    assert alert["labels"] == {"alertname": "hot", "instance": "a", "severity": "critical"}
    assert alert["created_at"] == "2026-01-01T00:00:00.000Z"
    clock.move(10)
    measure(hot, a=95)
    assert service.evaluate(hot) == []
    assert service.firing(hot)[0]["value"] == 95
    assert service.firing(hot)[0]["message"] == "at 95"
    clock.move(10)
    measure(hot, a=10)
    assert service.evaluate(hot) == FOLLOWS
    assert service.firing(hot) == []
    assert [(entry["state"], entry["resolved_at"]) for entry in service.overview(hot)["alert_history"]] == [
        ("resolved", "2026-01-01T00:00:20.000Z")
    ]


def test_a_pending_alert_is_no_business_of_others(configure: Configure, clock: Clock) -> None:
    ctx = configure(rules=rules("{alert: hot, expr: heat > 80, for: 30s}"))
    measure(ctx, a=90)
    assert service.evaluate(ctx) == []
    assert (service.firing(ctx), [entry["state"] for entry in service.active(ctx)]) == ([], ["pending"])
    clock.move(30)
    measure(ctx, a=90)
    assert service.evaluate(ctx) == FOLLOWS


def test_a_pending_alert_that_ends_was_never_one_that_fired(configure: Configure, clock: Clock) -> None:
    ctx = configure(rules=rules("{alert: hot, expr: heat > 80, for: 30s}"))
    measure(ctx, a=90)
    service.evaluate(ctx)
    clock.move(10)
    measure(ctx, a=1)
    assert service.evaluate(ctx) == []
    assert service.active(ctx) == service.overview(ctx)["alert_history"] == []


def test_an_evaluation_that_runs_twice_at_once_makes_one_alert(hot: Context) -> None:
    measure(hot, a=90, b=90)

    def evaluate(_: int) -> list[Job]:
        # Past the lease, as where it ran out.
        bring_up = evaluation._bring_up(hot, evaluation.book(hot))
        return [Job(str(entry.after)) for entry in bring_up]

    with ThreadPoolExecutor(4) as pool:
        results = [job for jobs in pool.map(evaluate, range(8)) for job in jobs]
    assert results == [Job("firing")] * 2
    assert len(service.firing(hot)) == 2
    assert service.overview(hot)["summary"]["total_alerts"] == 2


def test_an_evaluation_waits_for_nobody_who_holds_the_lease_and_gives_it_back(hot: Context) -> None:
    measure(hot, a=90)
    lease.claim(hot.redis, "evaluate", 10)
    assert service.evaluate(hot) == []
    lease.release(hot.redis, "evaluate")
    assert service.evaluate(hot) == FOLLOWS
    assert hot.redis.get(keys.lease("evaluate")) is None


def test_samples_that_come_in_during_an_evaluation_cause_one_more(
    hot: Context, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks = metrics.instant

    def instant(ctx: Context, expr: str, at: float) -> object:
        with monkeypatch.context() as patched:
            patched.setattr(metrics, "instant", asks)
            # Others who were woken.
            assert [service.evaluate(hot) for _ in range(3)] == [[], [], []]
        return asks(ctx, expr, at)

    monkeypatch.setattr(metrics, "instant", instant)
    assert service.evaluate(hot) == [Job("alerts.evaluate")]
    monkeypatch.undo()
    clock.move(1)
    assert service.evaluate(hot) == []


def test_many_rules_are_few_round_trips(configure: Configure, clock: Clock) -> None:
    ctx = configure(rules=rules(*(HOT.replace("hot", f"hot{n}", 1) for n in range(30))))
    measure(ctx, a=90)
    service.evaluate(ctx)
    clock.move(1)
    before = ctx.redis.info("stats")["total_commands_processed"]
    service.evaluate(ctx)
    assert ctx.redis.info("stats")["total_commands_processed"] - before < 60
    assert len(service.firing(ctx)) == 30


def test_an_evaluation_that_was_overtaken_changes_nothing(hot: Context, clock: Clock) -> None:
    measure(hot, a=90)
    clock.move(5)
    service.evaluate(hot)
    clock.move(-2)
    measure(hot, a=1)
    assert service.evaluate(hot) == []
    assert firing(hot) == [("hot", "a")]


def test_a_clock_that_was_set_back_does_not_stop_evaluation(hot: Context, clock: Clock) -> None:
    service.evaluate(hot)
    clock.move(-3600)
    measure(hot, a=90)
    assert service.evaluate(hot) == FOLLOWS


def test_two_series_that_are_one_alert_are_the_trouble_of_that_rule_alone(configure: Configure, clock: Clock) -> None:
    both = "{alert: both, expr: heat > 80, labels: {instance: all}}"
    ctx = configure(rules=rules(both, HOT))
    measure(ctx, a=90)
    service.evaluate(ctx)
    assert firing(ctx) == [("both", "all"), ("hot", "a")]
    clock.move(10)
    measure(ctx, a=90, b=90)
    service.evaluate(ctx)
    assert firing(ctx) == [("both", "all"), ("hot", "a"), ("hot", "b")]
    body = {entry["name"]: entry["error"] for entry in service.overview(ctx)["alert_rules"]}
    assert "two series make one alert" in body["both"]
    assert body["hot"] is None
    assert any(dict(s.labels).get("__name__") == "memmon_rule_failures_total" for s in counters.read(ctx.redis))


def test_a_rule_that_cannot_be_evaluated_keeps_its_alerts_and_touches_no_other(
    configure: Configure, clock: Clock
) -> None:
    odd = "{alert: odd, expr: heat + on () group_left () cold > 80}"
    ctx = configure(rules=rules(odd, HOT))
    measure(ctx, "cold", x=1)
    measure(ctx, a=90)
    service.evaluate(ctx)
    assert len(service.firing(ctx)) == 2
    clock.move(10)
    measure(ctx, "cold", x=1, y=1)
    measure(ctx, a=1)
    service.evaluate(ctx)
    assert [name for name, _ in firing(ctx)] == ["odd"]


def test_the_alerts_of_a_rule_that_is_there_no_more_end(configure: Configure, clock: Clock) -> None:
    waiting = "{alert: waiting, expr: heat > 80, for: 1h}"
    ctx = configure(rules=rules(HOT, waiting, "{alert: stays, expr: heat > 80}"))
    measure(ctx, a=90)
    service.evaluate(ctx)
    assert len(service.active(ctx)) == 3
    clock.move(10)
    configure(rules=rules("{alert: stays, expr: heat > 80}"))
    measure(ctx, a=90)
    assert service.evaluate(ctx) == FOLLOWS
    assert firing(ctx) == [("stays", "a")]
    assert len(service.active(ctx)) == 1
    assert [entry["name"] for entry in service.overview(ctx)["alert_history"]] == ["hot"]
    assert service.evaluate(ctx) == []


def test_labels_with_a_template_are_filled_in_once_and_the_alert_stays_the_same(
    configure: Configure, clock: Clock
) -> None:
    ctx = configure(
        rules=rules("{alert: hot, expr: heat > 80, labels: {seen: '{{ $value }}', of: '{{ $labels.instance }}'}}")
    )
    for value in (90, 95, 99):
        measure(ctx, a=value)
        service.evaluate(ctx)
        clock.move(10)
    [alert] = service.firing(ctx)
    assert alert["labels"] == {"alertname": "hot", "instance": "a", "of": "a", "seen": "90"}
    assert alert["fingerprint"] == label_sets.fingerprint(label_sets.of(alert["labels"]))
    measure(ctx, a=1)
    service.evaluate(ctx)
    assert service.firing(ctx) == []


def test_a_severity_may_come_from_a_label_of_the_series(configure: Configure) -> None:
    ctx = configure(rules=rules("{alert: hot, expr: heat > 80, labels: {severity: '{{ $labels.level }}'}}"))
    samples = [Sample(label_sets.of(__name__="heat", level=level), 90) for level in ("critical", "odd")]
    metrics.ingest(ctx, "t", samples, {}, ctx.now(), 10)
    service.evaluate(ctx)
    assert {a["labels"]["severity"]: a["severity"] for a in service.firing(ctx)} == {
        "critical": "critical",
        "odd": "warning",
    }


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_no_finite_number_breaks_nothing(configure: Configure, value: float, clock: Clock) -> None:
    text = "'{{ $value | humanizeDuration }} {{ $value | printf \"%.0f\" }}'"
    ctx = configure(rules=rules(f"{{alert: hot, expr: heat, annotations: {{summary: {text}}}}}"))
    measure(ctx, a=value)
    service.evaluate(ctx)
    [alert] = service.firing(ctx)
    assert alert["value"] is None
    assert alert["message"] == ("NaN NaN" if math.isnan(value) else "+Inf +Inf")
    clock.move(10)
    measure(ctx, a=value)
    assert service.evaluate(ctx) == []


def test_the_rules_are_parsed_once_for_each_configuration(configure: Configure) -> None:
    ctx = configure(rules=rules(HOT))
    first = evaluation.book(ctx)
    assert evaluation.book(ctx) is first
    configure(rules=rules("{alert: other, expr: up}"))
    assert [rule.name for rule in service.rules(ctx)] == ["other"]


def values_of(ctx: Context, name: str) -> dict[str, float]:
    """Return what a metric is now, by its labels without the name."""
    points = metrics.instant(ctx, f"{{__name__='{name}'}}")
    return {label_sets.show(label_sets.without(point.labels, "__name__")): point.value for point in points}


def test_what_a_rule_records_is_read_by_the_next_and_goes_stale_with_its_source(
    configure: Configure, clock: Clock
) -> None:
    ctx = configure(
        rules=rules(
            "{record: 'zone:heat:max', expr: max by (instance) (heat), labels: {zone: z}}",
            "{alert: hot, expr: 'zone:heat:max > 80'}",
        )
    )
    measure(ctx, a=90, b=1)
    service.evaluate(ctx)
    assert values_of(ctx, "zone:heat:max") == {'{instance="a",zone="z"}': 90, '{instance="b",zone="z"}': 1}
    assert firing(ctx) == [("hot", "a")]
    clock.move(10)
    measure(ctx, b=2)
    service.evaluate(ctx)
    assert values_of(ctx, "zone:heat:max") == {'{instance="b",zone="z"}': 2}
    assert firing(ctx) == []


def test_another_process_ends_what_this_one_recorded(configure: Configure, clock: Clock) -> None:
    ctx = configure(rules=rules("{record: 'warm', expr: heat > 80}"))
    measure(ctx, a=90, b=90)
    service.evaluate(ctx)
    recording._known.clear()
    clock.move(10)
    measure(ctx, a=90, b=1)
    service.evaluate(ctx)
    assert values_of(ctx, "warm") == {'{instance="a"}': 90}


def test_a_rule_that_makes_too_much_fails_and_what_fires_goes_on(configure: Configure, clock: Clock) -> None:
    group = "{name: g, limit: 1, rules: [{alert: hot, expr: heat > 80}, {record: r, expr: heat}]}"
    ctx = configure(rules=rules().replace("{name: g, rules: []}", group))
    measure(ctx, a=90)
    service.evaluate(ctx)
    clock.move(10)
    measure(ctx, a=90, b=90)
    service.evaluate(ctx)
    assert firing(ctx) == [("hot", "a")]
    with ctx.read() as session:
        errors = {name: row.error for name, row in store.health(session).items()}
    assert errors["g/hot"] == "exceeded limit of 1 with 2 alerts"
    assert errors["g/r"] == "exceeded limit of 1 with 2 series"
    assert values_of(ctx, "r") == {'{instance="a"}': 90}


def test_a_group_with_an_interval_is_evaluated_once_in_it(configure: Configure, clock: Clock) -> None:
    ctx = configure(rules=rules(HOT).replace("{name: g,", "{name: g, interval: 1m,"))
    service.evaluate(ctx)
    for seconds, expected in ((30, []), (29, [("hot", "a")])):
        clock.move(seconds)
        measure(ctx, a=90)
        service.evaluate(ctx)
        assert firing(ctx) == expected


def test_an_offset_asks_about_the_past(configure: Configure, clock: Clock) -> None:
    ctx = configure(rules=rules(HOT).replace("{name: g,", "{name: g, query_offset: 1m,"))
    measure(ctx, a=90)
    service.evaluate(ctx)
    assert firing(ctx) == []
    clock.move(60)
    service.evaluate(ctx)
    assert firing(ctx) == [("hot", "a")]


def test_alerts_are_told_as_series_while_they_are_active(configure: Configure, clock: Clock) -> None:
    ctx = configure(rules=rules("{alert: hot, expr: heat > 80, for: 20s}"))
    measure(ctx, a=90)
    service.evaluate(ctx)
    began = clock.now
    assert values_of(ctx, "ALERTS") == {'{alertname="hot",alertstate="pending",instance="a"}': 1}
    clock.move(20)
    measure(ctx, a=90)
    service.evaluate(ctx)
    assert values_of(ctx, "ALERTS") == {'{alertname="hot",alertstate="firing",instance="a"}': 1}
    assert values_of(ctx, "ALERTS_FOR_STATE") == {'{alertname="hot",instance="a"}': began}
    clock.move(10)
    measure(ctx, a=1)
    service.evaluate(ctx)
    assert values_of(ctx, "ALERTS") == values_of(ctx, "ALERTS_FOR_STATE") == {}


def test_an_alert_clears_at_the_level_that_its_rule_says(configure: Configure, clock: Clock) -> None:
    ctx = configure(rules=rules("{alert: hot, expr: heat > 80, clear: heat > 70}"))
    for value, fires in ((75, False), (85, True), (75, True), (71, True), (70, False), (75, False)):
        measure(ctx, a=value)
        service.evaluate(ctx)
        assert bool(firing(ctx)) == fires, value
        clock.move(10)


def test_an_alert_that_flaps_is_damped_and_its_score_is_shown(configure: Configure, clock: Clock) -> None:
    ctx = configure(rules=rules("{alert: hot, expr: heat > 80, damping: 5m}"))
    scores = []
    for _ in range(4):
        measure(ctx, a=90)
        service.evaluate(ctx)
        scores += [alert["flaps"] for alert in service.firing(ctx)]
        clock.move(10)
        measure(ctx, a=1)
        service.evaluate(ctx)
        clock.move(10)
    assert scores == [0, 1, 2, 3]
    assert firing(ctx) == [("hot", "a")]
    clock.move(290)
    measure(ctx, a=1)
    service.evaluate(ctx)
    assert firing(ctx) == []


def test_another_process_goes_on_where_this_one_was(configure: Configure, clock: Clock) -> None:
    ctx = configure(rules=rules("{alert: hot, expr: heat > 80, for: 20s, keep_firing_for: 30s}"))

    def again(after: float, **values: float) -> list[tuple[str, str]]:
        """Evaluate in a new context without caches."""
        clock.move(after)
        fresh = Context(ctx.settings, now=clock)
        measure(fresh, **values)
        service.evaluate(fresh)
        actual = firing(fresh)
        fresh.close()
        return actual

    assert [again(10, a=90) for _ in range(3)] == [[], [], [("hot", "a")]]
    assert [again(10, a=1) for _ in range(4)] == [[("hot", "a")]] * 3 + [[]]


def test_two_alerts_that_get_the_same_labels_by_a_template_are_the_trouble_of_that_rule(configure: Configure) -> None:
    ctx = configure(rules=rules("{alert: same, expr: heat > 80, labels: {instance: '{{ \"x\" }}'}}", HOT))
    measure(ctx, a=90, b=90)
    service.evaluate(ctx)
    assert firing(ctx) == [("hot", "a"), ("hot", "b")]
    errors = {entry["name"]: entry["error"] for entry in service.overview(ctx)["alert_rules"]}
    assert "two series make one alert" in errors["same"]


def test_an_annotation_may_ask_for_more(configure: Configure, clock: Clock) -> None:
    text = "'{{ with query \"count(heat)\" }}{{ . | first | value }} in all{{ end }}'"
    ctx = configure(rules=rules(f"{{alert: hot, expr: heat > 80, annotations: {{summary: {text}}}}}"))
    measure(ctx, a=90, b=1)
    service.evaluate(ctx)
    assert service.firing(ctx)[0]["message"] == "2 in all"


def test_each_firing_is_counted_by_severity_and_logged_as_a_threshold(
    hot: Context, caplog: pytest.LogCaptureFixture
) -> None:
    measure(hot, a=90)
    service.evaluate(hot)
    service.evaluate(hot)
    expected = label_sets.of(__name__="memmimic_alerts_total", severity="critical")
    assert [s.value for s in counters.read(hot.redis) if s.labels == expected] == [1]
    assert "value 90 crossed threshold 80.0 of heat > 80" in caplog.text
