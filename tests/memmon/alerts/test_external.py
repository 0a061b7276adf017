from memmon import labels
from memmon.alerts import service
from memmon.alerts.external import PostedAlert, receive
from memmon.context import Context
from tests.conftest import Clock

DISK = labels.of(alertname="disk_full", instance="a")


def posted_alert(start: float, end: float, of: labels.Labels = DISK, **annotations: str) -> PostedAlert:
    return PostedAlert(of, annotations, start, end)


def test_an_alert_fires_once_and_tells_of_its_end_once(ctx: Context, clock: Clock) -> None:
    names = [
        job.name
        for job in receive(ctx, [posted_alert(clock() - 5, clock() + 60), posted_alert(clock() - 5, clock() + 60)])
    ]
    assert names == ["notify.tick", "incidents.correlate"]
    [alert] = service.firing(ctx)
    assert (alert["source"], alert["severity"]) == ("api", "warning")
    # Labels stay exactly as sent, because the sender knows the alert by them.
    assert alert["labels"] == dict(DISK)
    assert alert["created_at"] == "2025-12-31T23:59:55.000Z"
    assert receive(ctx, [posted_alert(clock() - 5, clock() + 600, summary="worse")]) == []
    assert service.firing(ctx)[0]["annotations"] == {"summary": "worse"}
    assert len(receive(ctx, [posted_alert(clock() - 5, clock())])) == 2
    assert service.firing(ctx) == []
    assert receive(ctx, [posted_alert(clock() - 5, clock())]) == []


def test_the_last_end_that_was_sent_counts_also_an_earlier_one(ctx: Context, clock: Clock) -> None:
    receive(ctx, [posted_alert(clock(), clock() + 600)])
    receive(ctx, [posted_alert(clock(), clock() + 60)])
    clock.move(61)
    service.evaluate(ctx)
    assert service.firing(ctx) == []


def test_an_alert_that_comes_again_is_a_new_one(ctx: Context, clock: Clock) -> None:
    numbers = set()
    for _ in range(2):
        receive(ctx, [posted_alert(clock(), clock() + 60)])
        numbers |= {alert["id"] for alert in service.firing(ctx)}
        receive(ctx, [posted_alert(clock(), clock())])
        clock.move(10)
    assert len(numbers) == 2


def test_a_long_name_is_no_trouble(ctx: Context, clock: Clock) -> None:
    receive(ctx, [posted_alert(clock(), clock() + 60, labels.of(alertname="x" * 5000))])
    assert len(service.firing(ctx)) == 1
