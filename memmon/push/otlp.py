"""OpenTelemetry's metrics over HTTP, as Prometheus' receiver translates them.

Source: https://opentelemetry.io/docs/specs/otlp/#otlphttp, opentelemetry-proto `metrics.proto`, and
prometheus/prometheus `storage/remote/otlptranslator/prometheusremotewrite`.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from memmon import labels as label_sets
from memmon.errors import BadInput
from memmon.labels import Labels
from memmon.metrics.head.batches import Bounds
from memmon.metrics.head.timestamped import OUT_OF_BOUNDS
from memmon.push import compression, naming, protobuf, rejections
from memmon.push.compression import NotSpoken
from memmon.push.rejections import Pushed, Refusals
from memmon.samples import STALE_NAN, Metadata, Sample

MAX_BODY = 4 * compression.MIB
"""Of an opened request. An empty message of two bytes takes up to seventy times that once it is
parsed.
"""

MAX_PARTS = 50_000
"""Resources, scopes, metrics or data points of one request."""

MAX_SAMPLES = 200_000
"""What becomes of the data points of one request."""

PROTOBUF, JSON = "application/x-protobuf", "application/json"
CUMULATIVE, DELTA = 2, 1
NOT_RECORDED = 1  # The flag of a data point that says that there is no value any more.
IDENTITY = ("service.namespace", "service.name", "service.instance.id")
TARGET_INFO = "target_info"
MAX_HELP = 1000

Status = protobuf.classes("google.rpc", {"Status": {"code": (1, "int32"), "message": (2, "string")}})["Status"]
"""What an answer that is no success says."""


def read(body: bytes, content_type: str) -> Any:
    """Return the request `body`; raise BadInput for an invalid one."""
    if kind_of(content_type) == PROTOBUF:
        return protobuf.parse(ExportMetricsServiceRequest, body)
    try:
        return json_format.Parse(body, ExportMetricsServiceRequest(), ignore_unknown_fields=True)
    except (json_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("body", f"is no ExportMetricsServiceRequest: {str(error)[:500]}") from None


def kind_of(content_type: str) -> str:
    """Return which of the two encodings a Content-Type names."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in (PROTOBUF, JSON):
        raise NotSpoken("Content-Type", f"{content_type!r} is neither {PROTOBUF} nor {JSON}")
    return kind


def answer(refused: Refusals, content_type: str) -> bytes:
    """Return the answer to a request of which some data points were `refused`."""
    response = ExportMetricsServiceResponse()
    if refused:
        response.partial_success.rejected_data_points = refused.total
        response.partial_success.error_message = refused.text("data points")
    return encode(response, content_type)


def encode(answered: Any, content_type: str) -> bytes:
    """Return a message in the encoding of its request."""
    if kind_of(content_type) == JSON:
        text: str = json_format.MessageToJson(answered, indent=None)
        return text.encode()
    encoded: bytes = answered.SerializeToString()
    return encoded


def translate(request: Any, bounds: Bounds) -> Pushed:
    """Return what a request says in Prometheus' terms; data points out of `bounds` are refused."""
    _check_size(request)
    pushed = Pushed([], {}, Refusals())
    for resource_metrics in request.resource_metrics:
        attributes = {attribute.key: _text(attribute.value) for attribute in resource_metrics.resource.attributes}
        identity = _identity(attributes)
        first = len(pushed.samples)
        for scope_metrics in resource_metrics.scope_metrics:
            for metric in scope_metrics.metrics:
                _translate_metric(metric, identity, bounds, pushed)
        newest = max((sample.at or 0 for sample in pushed.samples[first:]), default=None)
        if newest is not None:
            _add_target_info(attributes, identity, newest, pushed)
    return pushed


def _check_size(request: Any) -> None:
    """Raise BadInput for a request of too many parts. Each level is counted only where there are
    not too many of the one above.
    """
    resources = request.resource_metrics
    _check_number("resources", len(resources))
    _check_number("scopes", sum(len(resource.scope_metrics) for resource in resources))
    scopes = [scope for resource in resources for scope in resource.scope_metrics]
    _check_number("metrics", sum(len(scope.metrics) for scope in scopes))
    metrics = (metric for scope in scopes for metric in scope.metrics)
    kinds = ((metric, metric.WhichOneof("data")) for metric in metrics)
    _check_number("data points", sum(len(getattr(metric, kind).data_points) for metric, kind in kinds if kind))


def _check_number(part: str, count: int) -> None:
    if count > MAX_PARTS:
        raise BadInput("body", f"has more than {MAX_PARTS} {part}")


def _identity(attributes: dict[str, str]) -> dict[str, str]:
    """Return job and instance of a resource."""
    namespace, name, instance = (attributes.get(key, "") for key in IDENTITY)
    job = f"{namespace}/{name}" if namespace and name else name
    return {key: value for key, value in (("job", job), ("instance", instance)) if value}


def _add_target_info(attributes: dict[str, str], identity: dict[str, str], at: int, pushed: Pushed) -> None:
    """Add the other attributes of a resource as target_info, if the resource can be identified."""
    extra = {key: value for key, value in attributes.items() if key not in IDENTITY}
    if not extra or not identity:
        return
    labels = label_sets.of({**_labels_of(extra), **identity, label_sets.NAME: TARGET_INFO})
    if not naming.wrong(labels):
        pushed.samples.append(Sample(labels, 1.0, at))
        pushed.metadata[TARGET_INFO] = Metadata("gauge", "Target metadata")


def _translate_metric(metric: Any, identity: dict[str, str], bounds: Bounds, pushed: Pushed) -> None:
    kind = metric.WhichOneof("data")
    if kind is None:
        return
    data = getattr(metric, kind)
    is_counter = kind == "sum" and data.is_monotonic
    name = naming.metric(metric.name, metric.unit, is_counter, kind == "gauge")
    reason = _unfit(kind, data)
    if reason:
        pushed.refused.add(reason, len(data.data_points), metric.name)
        return
    before = len(pushed.samples)
    for point in data.data_points:
        labels = label_sets.of({**_labels_of_point(point), **identity})
        _translate_point(READERS[kind], point, name, labels, bounds, pushed)
    if len(pushed.samples) > before:
        prometheus_kind = "counter" if is_counter else kind if kind in ("histogram", "summary") else "gauge"
        pushed.metadata[name] = Metadata(prometheus_kind, metric.description[:MAX_HELP], naming.unit(metric.unit))


def _unfit(kind: str, data: Any) -> str:
    """Return why nothing of a metric can be taken, or nothing."""
    if kind == "exponential_histogram":
        return rejections.EXPONENTIAL
    if kind in ("sum", "histogram") and data.aggregation_temporality != CUMULATIVE:
        return rejections.DELTA if data.aggregation_temporality == DELTA else rejections.NO_TEMPORALITY
    return ""


Parts = Iterable[tuple[str, Labels, float]]
"""Suffix of the name, more labels, and value of each sample of a data point."""


def _translate_point(
    reader: Callable[[Any], Parts], point: Any, name: str, labels: Labels, bounds: Bounds, pushed: Pushed
) -> None:
    at = point.time_unix_nano // 1_000_000
    full = label_sets.of({**dict(labels), label_sets.NAME: name})
    if problem := naming.wrong(full):
        pushed.refused.add(rejections.INVALID_LABELS, 1, f"{label_sets.show(full)}: {problem}")
    elif not bounds.hold(at):
        pushed.refused.add(OUT_OF_BOUNDS, 1, label_sets.show(full))
    else:
        is_over = bool(point.flags & NOT_RECORDED)
        readings = list(reader(point))
        if not readings:
            pushed.refused.add(rejections.NO_VALUE, 1, label_sets.show(full))
        if len(pushed.samples) + len(readings) > MAX_SAMPLES:
            raise BadInput("body", f"becomes more than {MAX_SAMPLES} samples")
        for suffix, extra_labels, value in readings:
            series = label_sets.of({**dict(labels), **dict(extra_labels), label_sets.NAME: name + suffix})
            pushed.samples.append(Sample(series, STALE_NAN if is_over else value, at))


def _number(point: Any) -> Iterator[tuple[str, Labels, float]]:
    kind = point.WhichOneof("value")
    if kind is not None or point.flags & NOT_RECORDED:
        yield "", (), float(getattr(point, kind)) if kind else 0.0


def _histogram(point: Any) -> Iterator[tuple[str, Labels, float]]:
    count = float(point.count)
    if point.HasField("sum"):
        yield "_sum", (), point.sum
    yield "_count", (), count
    below = 0
    for bound, bucket_count in zip(point.explicit_bounds, point.bucket_counts, strict=False):
        below += bucket_count
        if math.isfinite(bound):
            yield "_bucket", (("le", _decimal(bound)),), float(below)
    yield "_bucket", (("le", "+Inf"),), count


def _summary(point: Any) -> Iterator[tuple[str, Labels, float]]:
    yield "_sum", (), point.sum
    yield "_count", (), float(point.count)
    for quantile_value in point.quantile_values:
        yield "", (("quantile", _decimal(quantile_value.quantile)),), quantile_value.value


READERS: dict[str, Callable[[Any], Parts]] = {
    "gauge": _number,
    "sum": _number,
    "histogram": _histogram,
    "summary": _summary,
}


def _decimal(value: float) -> str:
    """Return a number as Go's `strconv.FormatFloat(value, 'f', -1, 64)` writes it."""
    return str(np.format_float_positional(value, trim="-"))


def _labels_of_point(point: Any) -> dict[str, str]:
    return _labels_of({attribute.key: _text(attribute.value) for attribute in point.attributes})


def _labels_of(attributes: dict[str, str]) -> dict[str, str]:
    """Return attributes as labels; values of attributes with the same label are joined in the order
    of their keys.
    """
    label_values: dict[str, str] = {}
    for key, value in sorted(attributes.items()):
        name = naming.label(key)
        if name and name != label_sets.NAME:
            label_values[name] = f"{label_values[name]};{value}" if label_values.get(name) else value
    return label_values


def _text(value: Any) -> str:
    """Return the value of an attribute as text."""
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain, separators=(",", ":"), ensure_ascii=False)


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind is None:
        return ""
    plain_value = getattr(value, kind)
    if kind == "array_value":
        return [_plain(value) for value in plain_value.values]
    if kind == "kvlist_value":
        return {value.key: _plain(value.value) for value in plain_value.values}
    if kind == "bytes_value":
        return base64.b64encode(plain_value).decode()
    return int(plain_value) if kind == "double_value" and plain_value.is_integer() else plain_value
