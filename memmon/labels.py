"""Label sets: sorted tuples of (name, value), so that they hash, compare and print the same
everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from memmon.errors import BadInput

Labels: TypeAlias = tuple[tuple[str, str], ...]

NAME = "__name__"
EMPTY: Labels = ()

LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
METRIC_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")

_FNV_OFFSET = 14695981039346656037
_FNV_PRIME = 1099511628211
_SEPARATOR = 255


def of(pairs: Mapping[str, str] | Iterable[tuple[str, str]] = (), **added: str) -> Labels:
    """Return the label set of `pairs` and `added`; an empty value is an absent label."""
    merged = dict(pairs, **added)
    return tuple(sorted((name, str(value)) for name, value in merged.items() if value != ""))


def get(labels: Labels, name: str, default: str = "") -> str:
    """Return the value of the label `name`, or `default`."""
    for key, value in labels:
        if key == name:
            return value
    return default


def name_of(labels: Labels) -> str:
    """Return the metric name."""
    return get(labels, NAME)


def without(labels: Labels, *names: str) -> Labels:
    """Return `labels` less those called `names`."""
    return tuple(pair for pair in labels if pair[0] not in names)


def only(labels: Labels, names: Iterable[str]) -> Labels:
    """Return just the labels called `names`."""
    allowed = frozenset(names)
    return tuple(pair for pair in labels if pair[0] in allowed)


def merge(labels: Labels, other: Mapping[str, str] | Labels) -> Labels:
    """Return `labels` with those of `other` over them."""
    return of(dict(labels) | dict(other))


def fingerprint(labels: Labels) -> str:
    """Return Alertmanager's fingerprint: FNV-1a 64 over name, 0xff, value, 0xff in name order, as
    16 hex digits.

    Source: prometheus/common `model/signature.go`, `labelSetToFingerprint`.
    """
    value = _FNV_OFFSET
    for pair in labels:
        for text in pair:
            for byte in (*text.encode(), _SEPARATOR):
                value = ((value ^ byte) * _FNV_PRIME) & 0xFFFFFFFFFFFFFFFF
    return f"{value:016x}"


def check_name(name: str, field: str = "label") -> str:
    """Return `name` when it is a legal label name; raise BadInput otherwise."""
    if not LABEL_NAME.fullmatch(name):
        raise BadInput(field, f"{name!r} is not a label name ([a-zA-Z_][a-zA-Z0-9_]*)")
    return name


def show(labels: Labels) -> str:
    """Return Prometheus' notation: `name{a="b"}`."""
    inside = ",".join(f'{name}="{escape(value)}"' for name, value in labels if name != NAME)
    name = name_of(labels)
    return f"{name}{{{inside}}}" if inside or not name else name


def escape(value: str) -> str:
    """Return `value` escaped as inside the quotes of the text format."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
