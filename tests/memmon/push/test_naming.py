from __future__ import annotations

import pytest

from memmon import labels as label_sets
from memmon.push import naming


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        ("simple_metric", "", "gauge", "simple_metric"),
        ("metric@with#special$chars", "", "gauge", "metric_with_special_chars"),
        ("metric@@##$$name", "", "gauge", "metric_name"),
        ("123metric", "", "gauge", "_123metric"),
        ("@#$%", "", "gauge", ""),
        ("requests", "", "counter", "requests_total"),
        ("requests_total", "", "counter", "requests_total"),
        ("cpu_usage", "1", "gauge", "cpu_usage_ratio"),
        ("cpu_usage_ratio", "1", "gauge", "cpu_usage_ratio"),
        ("items", "1", "counter", "items_total"),
        ("http.server.duration", "s", "histogram", "http_server_duration_seconds"),
        ("response_time", "ms", "gauge", "response_time_milliseconds"),
        ("memory_usage", "By", "gauge", "memory_usage_bytes"),
        ("requests", "1/s", "gauge", "requests_per_second"),
        ("throughput", "By/s", "gauge", "throughput_bytes_per_second"),
        ("custom_metric", "custom_unit", "gauge", "custom_metric_custom_unit"),
        ("custom_metric", "{custom}", "gauge", "custom_metric"),
        ("custom_metric", "By/{custom}", "gauge", "custom_metric_bytes"),
        ("response_time_seconds", "s", "gauge", "response_time_seconds"),
        ("cpu_seconds_total", "s", "counter", "cpu_seconds_total"),
        ("otelcol_process_cpu_seconds", "s", "counter", "otelcol_process_cpu_seconds_total"),
        ("a__b", "unit__x", "gauge", "a_b_unit_x"),
        ("custom_metric", "unit@with#special/chars", "gauge", "custom_metric_unit_with_special_per_chars"),
    ],
)
def test_metrics_get_their_unit_and_kind_into_their_name(name: str, unit: str, kind: str, expected: str) -> None:
    assert naming.metric(name, unit, kind == "counter", kind == "gauge") == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("http.method", "http_method"),
        ("a..b", "a_b"),
        ("123invalid", "key_123invalid"),
        ("__reserved__", "__reserved__"),
        ("ünïcode", "_n_code"),
        ("...", ""),
        ("", ""),
    ],
)
def test_attributes_become_labels(key: str, expected: str) -> None:
    assert naming.label(key) == expected


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        ({"__name__": "up", "a": "b"}, ""),
        ({"a": "b"}, "there is no metric name"),
        ({"__name__": "a-b"}, "'a-b' is no metric name"),
        ({"__name__": "a" * 256}, "the metric name has more than 255 characters"),
        ({"__name__": "a", "b.c": "d"}, "'b.c' is no label name"),
        ({"__name__": "a", "b": "d" * 4097}, "the value of b has more than 4096 characters"),
        ({"__name__": "a", "b": "\0"}, "the value of b has a NUL in it, which PostgreSQL does not keep"),
        ({"__name__": "a", **{f"l{n}": "x" for n in range(100)}}, "there are more than 100 labels"),
    ],
)
def test_wrong_labels_are_told(labels: dict[str, str], problem: str) -> None:
    assert naming.wrong(label_sets.of(labels)) == problem
