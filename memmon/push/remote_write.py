"""Prometheus' remote write 1.0: a block of Snappy around the message `prometheus.WriteRequest`.

Source: https://prometheus.io/docs/specs/prw/remote_write_spec/ and prometheus/prometheus
`prompb/remote.proto`, `types.proto`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from memmon import labels as label_sets
from memmon.errors import BadInput
from memmon.labels import Labels
from memmon.push import compression, naming, protobuf, rejections
from memmon.push.compression import NotSpoken
from memmon.push.rejections import Pushed, Refusals
from memmon.samples import Metadata, Sample

MAX_BODY = 8 * compression.MIB
"""Of an opened request. (Prometheus sends 2 000 samples at a time, some 500 kB.)"""

MAX_SERIES_BODY = compression.MIB // 4
"""Of one series with its samples. An empty message of two bytes takes fifty times that once it is
parsed: series are parsed one by one, so that what a request takes is bounded by its size.
"""

MAX_PARTS = 100_000
"""Most series, samples or metadata of one request: an empty element costs two bytes to send, but
much more to process.
"""

CONTENT_TYPE = "application/x-protobuf"
VERSION_1 = "prometheus.WriteRequest"
KINDS = ("untyped", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset")
MAX_HELP = 1000
SUFFIXES = ("", "_total", "_bucket", "_count", "_info")

# Series and metadata are parsed one by one, and exemplars and native histograms are only counted:
# all four are bytes here.
_CLASSES = protobuf.classes(
    "prometheus",
    {
        "WriteRequest": {"timeseries": (1, "repeated bytes"), "metadata": (3, "repeated bytes")},
        "TimeSeries": {
            "labels": (1, "repeated Label"),
            "samples": (2, "repeated Sample"),
            "exemplars": (3, "repeated bytes"),
            "histograms": (4, "repeated bytes"),
        },
        "Label": {"name": (1, "string"), "value": (2, "string")},
        "Sample": {"value": (1, "double"), "timestamp": (2, "int64")},
        "MetricMetadata": {
            "type": (1, "int32"),
            "metric_family_name": (2, "string"),
            "help": (4, "string"),
            "unit": (5, "string"),
        },
    },
)
_WriteRequest, _TimeSeries, _MetricMetadata = (_CLASSES[n] for n in ("WriteRequest", "TimeSeries", "MetricMetadata"))


def check_type(content_type: str, encoding: str) -> None:
    """Raise NotSpoken for a request that is not remote write 1.0 by its headers."""
    kind, _, parameters = content_type.partition(";")
    if kind.strip().lower() != CONTENT_TYPE:
        raise NotSpoken("Content-Type", f"{content_type!r} is not {CONTENT_TYPE}")
    for parameter in parameters.split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.strip().lower() == "proto" and value.strip().strip('"') != VERSION_1:
            raise NotSpoken("Content-Type", f"{value.strip()} is not spoken here, only {VERSION_1} (remote write 1.0)")
    if encoding.strip().lower() not in ("", "snappy"):
        raise NotSpoken("Content-Encoding", f"{encoding!r} is not snappy")


def read(body: bytes) -> Pushed:
    """Return the content of the request `body`; raise BadInput for an invalid one."""
    request = protobuf.parse(_WriteRequest, compression.unsnap(body, MAX_BODY))
    for part, count in (("series", len(request.timeseries)), ("metadata", len(request.metadata))):
        _check_number(part, count)
    samples: list[Sample] = []
    refused = Refusals()
    for raw in request.timeseries:
        _read_series(raw, samples, refused)
    return Pushed(samples, dict(_metadata(raw) for raw in request.metadata), refused)


def _read_series(raw: bytes, samples: list[Sample], refused: Refusals) -> None:
    if len(raw) > MAX_SERIES_BODY:
        raise BadInput("body", f"has a series of more than {MAX_SERIES_BODY} bytes")
    series = protobuf.parse(_TimeSeries, raw)
    labels, wrong = _labels(series)
    example = label_sets.show(labels)
    if wrong:
        refused.add(rejections.INVALID_LABELS, max(1, len(series.samples)), f"{example}: {wrong}")
        return
    _check_number("samples", len(samples) + len(series.samples))
    refused.add(rejections.NATIVE_HISTOGRAM, len(series.histograms), example)
    refused.add(rejections.EXEMPLAR, len(series.exemplars), example)
    samples.extend(Sample(labels, sample.value, sample.timestamp) for sample in series.samples)


def _check_number(part: str, count: int) -> None:
    if count > MAX_PARTS:
        raise BadInput("body", f"has more than {MAX_PARTS} {part}")


def _labels(series: Any) -> tuple[Labels, str]:
    """Return the labels of a series, and their error."""
    pairs = [(label.name, label.value) for label in series.labels]
    labels = tuple(sorted(pair for pair in pairs if pair[1]))
    if len({name for name, _ in pairs}) != len(pairs):
        return labels, "a label is there twice"
    return labels, naming.wrong(labels)


def _metadata(raw: bytes) -> tuple[str, Metadata]:
    if len(raw) > MAX_SERIES_BODY:
        raise BadInput("body", f"has metadata of more than {MAX_SERIES_BODY} bytes")
    about = protobuf.parse(_MetricMetadata, raw)
    kind = KINDS[about.type] if 0 <= about.type < len(KINDS) else KINDS[0]
    return about.metric_family_name, Metadata(kind, about.help[:MAX_HELP], about.unit)


def about_known(metadata: dict[str, Metadata], names: Iterable[str]) -> dict[str, Metadata]:
    """Return the metadata of the families of the metric `names`; other metadata would only
    accumulate.
    """
    family_names = set(names)
    return {
        name: metadata_
        for name, metadata_ in metadata.items()
        if any(f"{name}{suffix}" in family_names for suffix in SUFFIXES)
    }
