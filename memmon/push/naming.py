"""Names: which are legal, and how those of OpenTelemetry become Prometheus' own.

Source of the translation: OpenTelemetry's `compatibility/prometheus_and_openmetrics.md`, and
prometheus/otlptranslator with the strategy UnderscoreEscapingWithSuffixes, which is what
Prometheus' receiver does by default.
"""

from __future__ import annotations

import re

from memmon import labels as label_sets
from memmon.labels import Labels

LONGEST_NAME = 255
"""Of a metric: what its column in SQL takes."""

LONGEST_VALUE = 4096
MOST_LABELS = 100

UNITS = {
    "d": "days",
    "h": "hours",
    "min": "minutes",
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
    "By": "bytes",
    "KiBy": "kibibytes",
    "MiBy": "mebibytes",
    "GiBy": "gibibytes",
    "TiBy": "tibibytes",
    "KBy": "kilobytes",
    "MBy": "megabytes",
    "GBy": "gigabytes",
    "TBy": "terabytes",
    "m": "meters",
    "V": "volts",
    "A": "amperes",
    "J": "joules",
    "W": "watts",
    "g": "grams",
    "Cel": "celsius",
    "Hz": "hertz",
    "1": "",
    "%": "percent",
}
PER = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}

_TOKENS = re.compile(r"[a-zA-Z0-9:]+")
_NO_LABEL = re.compile(r"[^a-zA-Z0-9]+")
_NO_UNIT = re.compile(r"[^a-zA-Z0-9]+")


def wrong(labels: Labels) -> str:
    """Return the error in the labels of a series, or an empty text."""
    name = label_sets.name_of(labels)
    if not label_sets.METRIC_NAME.fullmatch(name):
        return f"{name!r} is no metric name" if name else "there is no metric name"
    if len(name) > LONGEST_NAME:
        return f"the metric name has more than {LONGEST_NAME} characters"
    if len(labels) > MOST_LABELS:
        return f"there are more than {MOST_LABELS} labels"
    for key, value in labels:
        if not label_sets.LABEL_NAME.fullmatch(key) or len(key) > LONGEST_NAME:
            return f"{key!r} is no label name"
        if len(value) > LONGEST_VALUE:
            return f"the value of {key} has more than {LONGEST_VALUE} characters"
        if "\0" in value:
            return f"the value of {key} has a NUL in it, which PostgreSQL does not keep"
    return ""


def metric(name: str, unit: str, is_counter: bool = False, is_gauge: bool = False) -> str:
    """Return the name of an OpenTelemetry metric with its unit and kind as suffixes; empty where
    nothing is left of it.
    """
    tokens = _TOKENS.findall(name)
    main, per = _units(unit)
    tokens += [part for part in (main, per) if part and part not in tokens]
    if is_counter:
        tokens = [token for token in tokens if token != "total"] + ["total"]
    if is_gauge and unit == "1":
        tokens = [token for token in tokens if token != "ratio"] + ["ratio"]
    name_ = "_".join(tokens)
    return f"_{name_}" if name_[:1].isdigit() else name_


def label(key: str) -> str:
    """Return the name of an attribute as a label; empty where nothing is left of it."""
    reserved = len(key) > 4 and key.startswith("__") and key.endswith("__")
    label_name = _NO_LABEL.sub("_", key[2:-2] if reserved else key)
    if not label_name.strip("_"):
        return ""
    if reserved:
        return f"__{label_name}__"
    return f"key_{label_name}" if label_name[0].isdigit() else label_name


def unit(text: str) -> str:
    """Return the unit of an OpenTelemetry metric in words."""
    return "_".join(part for part in _units(text) if part)


def _units(text: str) -> tuple[str, str]:
    main, _, per = (part.strip() for part in text.partition("/"))
    main = "" if "{" in main or "}" in main else _clean(UNITS.get(main, main))
    per = "" if "{" in per or "}" in per else _clean(PER.get(per, per))
    return main, f"per_{per}" if per else ""


def _clean(text: str) -> str:
    return _NO_UNIT.sub("_", text).strip("_")
