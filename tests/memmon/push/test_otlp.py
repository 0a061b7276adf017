from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from memmon import labels as label_sets
from memmon.errors import BadInput
from memmon.metrics.head.batches import Bounds
from memmon.push import compression, otlp
from memmon.push.rejections import Pushed, Refusals
from memmon.samples import STALE_BITS, Metadata
from tests.memmon.push.requests import field

AT = 1_767_225_600_000
NANOS = str(AT * 1_000_000)
BOUNDS = Bounds(AT - 1000, AT + 1000)
SERVICE = {"service.name": "shop", "service.namespace": "eu", "service.instance.id": "i-1"}


def attributes(pairs: dict[str, Any]) -> list[dict[str, Any]]:
    kinds = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}
    return [
        {"key": key, "value": value if isinstance(value, dict) else {kinds[type(value)]: value}}
        for key, value in pairs.items()
    ]


def point(value: float | None = None, pairs: dict[str, Any] | None = None, **extra: Any) -> dict[str, Any]:
    arguments = {} if value is None else {"asDouble": value}
    return {"timeUnixNano": NANOS, "attributes": attributes(pairs or {}), **arguments, **extra}


def request(*metrics: dict[str, Any], resource: dict[str, Any] | None = None) -> bytes:
    """Return a request in JSON."""
    scope = {"scope": {"name": "lib", "version": "1"}, "metrics": list(metrics)}
    whole = {"resource": {"attributes": attributes(resource or {})}, "scopeMetrics": [scope]}
    return json.dumps({"resourceMetrics": [whole]}).encode()


def gauge(*points: dict[str, Any], name: str = "g", **extra: Any) -> dict[str, Any]:
    return {"name": name, "gauge": {"dataPoints": list(points)}, **extra}


def cumulative(*points: dict[str, Any], **extra: Any) -> dict[str, Any]:
    return {"dataPoints": list(points), "aggregationTemporality": 2, **extra}


def translated(*metrics: dict[str, Any], resource: dict[str, Any] | None = None) -> Pushed:
    return otlp.translate(otlp.read(request(*metrics, resource=resource), otlp.JSON), BOUNDS)


def values(pushed: Pushed) -> dict[str, float]:
    assert {sample.at for sample in pushed.samples} <= {AT}
    return {label_sets.show(sample.labels): sample.value for sample in pushed.samples}


def test_a_resource_becomes_job_and_instance_and_target_info() -> None:
    actual = translated(gauge(point(1.0)), resource={**SERVICE, "host.name": "h", "n": 3})
    assert values(actual) == {
        'g{instance="i-1",job="eu/shop"}': 1.0,
        'target_info{host_name="h",instance="i-1",job="eu/shop",n="3"}': 1.0,
    }


def test_without_a_namespace_the_name_is_the_job() -> None:
    assert values(translated(gauge(point(1.0)), resource={"service.name": "shop"})) == {'g{job="shop"}': 1.0}


def test_what_cannot_be_told_apart_has_no_target_info() -> None:
    assert values(translated(gauge(point(1.0)), resource={"host.name": "h"})) == {"g": 1.0}


def test_job_and_instance_are_the_resource_s() -> None:
    actual = translated(gauge(point(1.0, {"job": "mine", "a": "b"})), resource={"service.name": "shop"})
    assert values(actual) == {'g{a="b",job="shop"}': 1.0}


def test_gauges_and_sums() -> None:
    actual = translated(
        gauge(point(0.5), name="cpu.usage", unit="1", description="Usage"),
        {"name": "requests", "unit": "{request}", "sum": cumulative(point(7.0), isMonotonic=True)},
        {"name": "queue.size", "unit": "By", "sum": cumulative(point(asInt="3"), isMonotonic=False)},
    )
    assert values(actual) == {"cpu_usage_ratio": 0.5, "requests_total": 7.0, "queue_size_bytes": 3.0}
    assert actual.metadata == {
        "cpu_usage_ratio": Metadata("gauge", "Usage"),
        "requests_total": Metadata("counter"),
        "queue_size_bytes": Metadata("gauge", "", "bytes"),
    }


def test_a_histogram_has_buckets_that_add_up() -> None:
    entry = point(pairs={"a": "b"}, count="6", sum=12.5, bucketCounts=["1", "2", "3"], explicitBounds=[0.005, 10])
    actual = translated({"name": "latency", "unit": "s", "histogram": cumulative(entry)})
    assert values(actual) == {
        'latency_seconds_sum{a="b"}': 12.5,
        'latency_seconds_count{a="b"}': 6.0,
        'latency_seconds_bucket{a="b",le="0.005"}': 1.0,
        'latency_seconds_bucket{a="b",le="10"}': 3.0,
        'latency_seconds_bucket{a="b",le="+Inf"}': 6.0,
    }
    assert actual.metadata == {"latency_seconds": Metadata("histogram", "", "seconds")}


def test_a_histogram_without_a_sum_has_none() -> None:
    actual = translated({"name": "h", "histogram": cumulative(point(count="2"))})
    assert values(actual) == {"h_count": 2.0, 'h_bucket{le="+Inf"}': 2.0}


def test_a_summary_has_quantiles() -> None:
    quantiles = [{"quantile": 0.5, "value": 1.5}, {"quantile": 1, "value": 9}]
    actual = translated({"name": "s", "summary": {"dataPoints": [point(count="4", sum=8.0, quantileValues=quantiles)]}})
    assert values(actual) == {"s_sum": 8.0, "s_count": 4.0, 's{quantile="0.5"}': 1.5, 's{quantile="1"}': 9.0}


def test_attributes_of_every_kind_become_text() -> None:
    array = {"arrayValue": {"values": [{"intValue": "1"}, {"stringValue": "x"}]}}
    nested = {"kvlistValue": {"values": [{"key": "k", "value": {"boolValue": True}}]}}
    arguments = {
        "a.b": "1",
        "a-b": "2",
        "t": True,
        "f": 1.5,
        "w": 2.0,
        "l": array,
        "m": nested,
        "b": {"bytesValue": "AQI="},
    }
    [sample] = translated(gauge(point(1.0, arguments))).samples
    assert dict(sample.labels) == {
        "__name__": "g",
        "a_b": "2;1",
        "t": "true",
        "f": "1.5",
        "w": "2",
        "l": '[1,"x"]',
        "m": '{"k":true}',
        "b": "AQI=",
    }


def test_a_point_that_is_recorded_no_more_goes_stale() -> None:
    [sample] = translated(gauge(point(flags=1))).samples
    assert struct.unpack("<Q", struct.pack("<d", sample.value)) == (STALE_BITS,)


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ({"name": "d", "sum": {"dataPoints": [point(1.0)] * 2, "aggregationTemporality": 1}}, "delta_temporality"),
        ({"name": "d", "histogram": {"dataPoints": [point()] * 2, "aggregationTemporality": 1}}, "delta_temporality"),
        ({"name": "d", "sum": {"dataPoints": [point(1.0)] * 2}}, "no_temporality"),
        ({"name": "e", "exponentialHistogram": cumulative(point(), point())}, "exponential_histogram"),
        (gauge(point(), point()), "no_value"),
        (gauge(point(1.0), point(1.0), name="..."), "invalid_labels"),
        (gauge(point(1.0, timeUnixNano="0"), point(1.0, timeUnixNano=NANOS + "0")), "out_of_bounds"),
    ],
)
def test_what_is_not_kept_is_refused_by_data_points_and_the_rest_is_kept(metric: dict[str, Any], reason: str) -> None:
    actual = translated(metric, gauge(point(1.0), name="other"))
    assert actual.refused.counts == {reason: 2}
    assert values(actual) == {"other": 1.0}
    assert actual.metadata.keys() == {"other"}


def test_json_and_protobuf_say_the_same() -> None:
    body = request(gauge(point(1.0, {"a": "b"})), resource=dict(SERVICE))
    message = json_format.Parse(body, ExportMetricsServiceRequest())
    assert otlp.read(message.SerializeToString(), otlp.PROTOBUF) == otlp.read(body, "application/json; charset=utf-8")


def test_the_answer_says_how_much_was_refused() -> None:
    refused = Refusals()
    assert otlp.answer(refused, otlp.PROTOBUF) == b""
    assert json.loads(otlp.answer(refused, otlp.JSON)) == {}
    refused.add("delta_temporality", 3, "d")
    partial_success = ExportMetricsServiceResponse.FromString(otlp.answer(refused, otlp.PROTOBUF)).partial_success
    assert partial_success.rejected_data_points == 3
    assert partial_success.error_message == (
        "refused 3 data points; 3: delta temporality is not kept; export cumulative values, e.g. d"
    )
    assert json.loads(otlp.answer(refused, otlp.JSON))["partialSuccess"]["rejectedDataPoints"] == "3"


@pytest.mark.parametrize(
    ("body", "content_type", "error"),
    [
        (b"{", otlp.JSON, BadInput),
        (b'{"resourceMetrics": 3}', otlp.JSON, BadInput),
        (b"[" * 100_000, otlp.JSON, BadInput),
        (b'{"resourceMetrics":[{"resource":{"attributes":[{"key":"\\ud800"}]}}]}', otlp.JSON, BadInput),
        (b"\xff", otlp.JSON, BadInput),
        (b"\x0a", otlp.PROTOBUF, BadInput),
        (b"", "text/plain", compression.NotSpoken),
    ],
)
def test_what_is_no_request_is_bad_input(body: bytes, content_type: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        otlp.read(body, content_type)


@pytest.mark.parametrize(
    ("path", "part"),
    [((1,), "resources"), ((1, 2), "scopes"), ((1, 2, 2), "metrics"), ((1, 2, 2, 5, 1), "data points")],
)
def test_a_request_of_very_many_parts_is_bad_input(path: tuple[int, ...], part: str) -> None:
    body = field(path[-1], b"") * (otlp.MAX_PARTS + 1)
    for index in reversed(path[:-1]):
        body = field(index, body)
    with pytest.raises(BadInput, match=f"has more than {otlp.MAX_PARTS} {part}"):
        otlp.translate(otlp.read(body, otlp.PROTOBUF), BOUNDS)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(content=st.binary(max_size=150), cut=st.integers(0, 300), at=st.integers(0, 300), to=st.integers(0, 255))
def test_any_bytes_are_translated_or_bad_input(content: bytes, cut: int, at: int, to: int) -> None:
    entry = point(count="6", sum=12.5, bucketCounts=["1", "5"], explicitBounds=[1])
    text = request(gauge(point(1.0, {"a": 1})), {"name": "h", "histogram": cumulative(entry)}, resource=dict(SERVICE))
    good = json_format.Parse(text, ExportMetricsServiceRequest()).SerializeToString()
    for kind, whole in ((otlp.PROTOBUF, bytearray(good)), (otlp.JSON, bytearray(text))):
        whole[at % len(whole)] = to
        for body in (content, bytes(whole), bytes(whole[:cut])):
            try:
                otlp.translate(otlp.read(body, kind), BOUNDS)
            except BadInput:
                continue
