"""A group of pushed metrics, as Prometheus' Pushgateway keeps it: found by its grouping labels,
visible until it is deleted.

Source: prometheus/pushgateway `README.md`, `handler/push.go` and `storage/diskmetricstore.go`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from memmon import labels as label_sets
from memmon.errors import BadInput
from memmon.labels import Labels
from memmon.push import naming
from memmon.samples import Metadata, Point

BASE64 = "@base64"
PUSH_TIME = "push_time_seconds"
FAILURE_TIME = "push_failure_time_seconds"
OWN = {
    PUSH_TIME: Metadata("gauge", "Last Unix time when this group was pushed, 0 when it never was"),
    FAILURE_TIME: Metadata("gauge", "Last Unix time when a push of this group was refused, 0 when none ever was"),
}
MAX_LINES = 50_000
MAX_HELP = 1000
ESCAPES = {"n": "\n", "\\": "\\"}
LONGEST_LINE = 32 << 10
"""Of a page. The parser takes a time that grows with the square of a line."""

_COMMENT = re.compile(r"^[ \t]*#[ \t]+(TYPE|HELP)[ \t]+(\S+)[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_ESCAPED = re.compile(r"\\(.)")
_PARTS = ("_bucket", "_sum", "_count")


class Inconsistent(BadInput):
    """The metrics can be read, and do not go together with each other or with those of another
    group.
    """


class Family(NamedTuple):
    """The metrics of one name."""

    kind: str
    help: str
    points: tuple[Point, ...]


Families = dict[str, Family]


class PushGroup(NamedTuple):
    """The metrics pushed for one set of grouping labels, and the times (Unix seconds) of the last
    success and failure.
    """

    labels: dict[str, str]
    families: Families
    pushed_at: float
    failed_at: float


def labels_of(job: str, is_base64: bool, path: str) -> dict[str, str]:
    """Return the grouping labels of a path `/metrics/job/<job>/<path>`; raise BadInput for an
    invalid one.
    """
    labels = {"job": _decoded(job, "job") if is_base64 else job}
    if not labels["job"]:
        raise BadInput("job", "is empty")
    segments = path.split("/") if path else []
    if len(segments) % 2:
        raise BadInput("path", f"has an odd number of parts after the job: {path!r}")
    for name, value in zip(segments[::2], segments[1::2], strict=True):
        plain = name.removesuffix(BASE64)
        if not label_sets.LABEL_NAME.fullmatch(plain) or plain.startswith("__"):
            raise BadInput("path", f"{plain!r} is no name of a label")
        if plain == "job":
            continue  # The first one counts.
        labels[plain] = value if name == plain else _decoded(value, plain)
    if problem := naming.wrong(label_sets.of({**labels, label_sets.NAME: PUSH_TIME})):
        raise BadInput("path", problem)
    return labels


def _decoded(value: str, name: str) -> str:
    """Return the decoded base64url text (RFC 4648, section 5), with or without padding."""
    bare = value.rstrip("=")
    try:
        return base64.b64decode((bare + "=" * (-len(bare) % 4)).encode(), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise BadInput("path", f"the value of {name} is not base64: {error}") from None


def key_of(labels: Mapping[str, str]) -> str:
    """Return the name of a group, the same for the same labels; one that is empty counts, as it
    does for Pushgateway.
    """
    return hashlib.sha256(json.dumps(sorted(labels.items())).encode()).hexdigest()


def read(body: bytes, labels: Mapping[str, str]) -> Families:
    """Return the families of a page in text format 0.0.4, each series with the grouping labels."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadInput("body", f"is not Prometheus text format: {error}") from None
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        raise BadInput("body", f"has more than {MAX_LINES} lines")
    if len(max(lines, key=len)) > LONGEST_LINE:
        raise BadInput("body", f"has a line of more than {LONGEST_LINE} characters")
    kinds, helps = _comments(text)
    families: dict[str, list[Point]] = {}
    seen: set[Labels] = set()
    for name, sample_labels, value, at in _samples(text, kinds):
        family = _family_of(name, kinds)
        if family in OWN:
            continue
        if at is not None:
            raise Inconsistent("body", f"{name} has a timestamp, but pushed samples have the time of their collection")
        full = label_sets.of({**sample_labels, **labels, label_sets.NAME: name})
        if problem := naming.wrong(full):
            raise BadInput("body", f"{label_sets.show(full)}: {problem}")
        if full in seen:
            raise Inconsistent("body", f"{label_sets.show(full)} is there twice")
        seen.add(full)
        families.setdefault(family, []).append(Point(full, value))
    return {name: Family(kinds.get(name, "untyped"), helps.get(name, ""), tuple(p)) for name, p in families.items()}


def _comments(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return kind and help of families by the name that they are declared with."""
    kinds: dict[str, str] = {}
    helps: dict[str, str] = {}
    for word, name, content in _COMMENT.findall(text):
        if word == "HELP":
            helps.setdefault(name, _ESCAPED.sub(lambda match: ESCAPES.get(match[1], match[0]), content)[:MAX_HELP])
        elif name in kinds:
            raise BadInput("body", f"has a second TYPE line of {name}")
        else:
            kinds[name] = content.lower()
    return kinds, helps


def _samples(text: str, kinds: Mapping[str, str]) -> Iterable[tuple[str, dict[str, str], float, Any]]:
    """Return name, labels, value and time of each sample. The parser calls `x_total` what a counter
    `x` is called here.
    """
    try:
        for family in text_string_to_metric_families(text):
            added = family.type == "counter" and kinds.get(family.name) == "counter"
            for sample in family.samples:
                name = sample.name.removesuffix("_total") if added else sample.name
                yield name, sample.labels, float(sample.value), sample.timestamp
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise BadInput("body", f"is not Prometheus text format: {error}") from None


def _family_of(name: str, kinds: Mapping[str, str]) -> str:
    for part in _PARTS:
        base = name.removesuffix(part)
        if base != name and kinds.get(base) in ("histogram", "summary"):
            return base
    return name


def pushed(old: PushGroup, families: Families, replaces: bool, now: float) -> PushGroup:
    """Return `old` after a push: replaced as a whole, or only its families of the same names."""
    unchanged = {} if replaces else old.families
    return PushGroup(old.labels, {**unchanged, **families}, now, old.failed_at)


def conflict(group: PushGroup, kinds: Iterable[Mapping[str, str]], taken: Iterable[Labels]) -> str:
    """Return how a group does not go together with others, by the `kinds` of theirs and the series
    `taken` by them; nothing where it does.
    """
    for other in kinds:
        for name, family in group.families.items():
            if other.get(name, family.kind) != family.kind:
                return f"{name} is a {family.kind} here and a {other[name]} in another group"
    existing_labels = {point.labels for family in group.families.values() for point in family.points}
    double = next((labels for labels in taken if labels in existing_labels), None)
    return f"{label_sets.show(double)} is in another group too" if double is not None else ""


def points(group: PushGroup) -> list[Point]:
    """Return everything of a group as it is shown, its two times too."""
    times = {PUSH_TIME: group.pushed_at, FAILURE_TIME: group.failed_at}
    points_ = [Point(label_sets.of({**group.labels, label_sets.NAME: name}), at) for name, at in times.items()]
    return points_ + [point for family in group.families.values() for point in family.points]


def metadata(group: PushGroup) -> dict[str, Metadata]:
    """Return the metadata of a group's families."""
    return OWN | {name: Metadata(family.kind, family.help) for name, family in group.families.items()}


def dump(families: Families) -> dict[str, Any]:
    """Return families as JSON; a value is text, since JSON has no NaN."""
    return {
        name: {
            "kind": family.kind,
            "help": family.help,
            "points": [[point.labels, repr(point.value)] for point in family.points],
        }
        for name, family in families.items()
    }


def load(stored: Mapping[str, Any]) -> Families:
    """Return families that were dumped."""
    return {
        name: Family(
            family["kind"],
            family["help"],
            tuple(Point(tuple((k, v) for k, v in labels), float(value)) for labels, value in family["points"]),
        )
        for name, family in stored.items()
    }
