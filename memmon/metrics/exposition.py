"""Prometheus' text format, in and out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from memmon import labels as label_sets
from memmon.errors import BadInput
from memmon.samples import Metadata, Point, Sample


class MetricsPage(NamedTuple):
    """What a page says: its samples, and the metadata by family name."""

    samples: list[Sample]
    metadata: dict[str, Metadata]


def parse(text: str) -> MetricsPage:
    """Return the samples of a page in text format 0.0.4; raise BadInput with the reason for an
    invalid page.
    """
    samples: list[Sample] = []
    metadata: dict[str, Metadata] = {}
    try:
        for family in text_string_to_metric_families(text):
            kind = "untyped" if family.type == "unknown" else family.type
            name = f"{family.name}_total" if kind == "counter" else family.name
            metadata[name] = Metadata(kind, family.documentation)
            for sample in family.samples:
                key = label_sets.of({**sample.labels, label_sets.NAME: sample.name})
                at = None if sample.timestamp is None else round(float(sample.timestamp) * 1000)
                samples.append(Sample(key, float(sample.value), at))
    except (ValueError, KeyError, IndexError, TypeError, OverflowError) as error:
        raise BadInput("page", f"not Prometheus text format: {error}") from None
    if not samples and text.strip() and not text.lstrip().startswith("#"):
        raise BadInput("page", "not Prometheus text format: no sample in it")
    return MetricsPage(samples, metadata)


def render(points: Iterable[Point], metadata: Mapping[str, Metadata]) -> str:
    """Return `points` as a page, every family with HELP and TYPE, its samples together."""
    families: dict[str, list[Point]] = {}
    for point in points:
        families.setdefault(family_of(label_sets.name_of(point.labels), metadata), []).append(point)
    lines: list[str] = []
    for name in sorted(families):
        about = metadata.get(name, Metadata("untyped"))
        help_text = (about.help or name.replace("_", " ")).replace("\\", "\\\\").replace("\n", "\\n")
        lines += [f"# HELP {name} {help_text}", f"# TYPE {name} {about.kind}"]
        lines += [
            f"{label_sets.show(point.labels)} {format_value(point.value)}"
            for point in sorted(families[name], key=_order)
        ]
    return "\n".join([*lines, ""])


def family_of(name: str, metadata: Mapping[str, Metadata]) -> str:
    """Return the family that the sample `name` belongs to."""
    for suffix in ("_bucket", "_sum", "_count"):
        base = name.removesuffix(suffix)
        if base != name and base in metadata and metadata[base].kind in ("histogram", "summary"):
            return base
    return name


def format_value(value: float) -> str:
    """Return `value` as the format writes it."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)


def _order(point: Point) -> tuple[str, label_sets.Labels, float]:
    """Buckets of one series by their bound, everything else by its labels."""
    bound = label_sets.get(point.labels, "le")
    return (
        label_sets.name_of(point.labels),
        label_sets.without(point.labels, "le"),
        float(bound) if bound else 0.0,
    )
