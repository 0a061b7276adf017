"""Functions that change labels, and the labels of `absent`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memmon import labels as label_sets
from memmon.errors import BadQuery
from memmon.labels import Labels
from memmon.promql.matcher import compiled
from memmon.promql.tree import Matrix, Node, Selector
from memmon.samples import Point

MAX_VALUE = 1 << 16
"""Characters of a label value that a function makes: nested ones would double it again and again.
"""


def replace(points: Sequence[Point], target: str, template: str, source: str, pattern: str) -> list[Point]:
    """Set `target` to `template`, filled from the match, where all of `source` fits `pattern`."""
    _check_name(target, "label_replace")
    try:
        program, points_ = compiled(pattern), []
    except BadQuery as error:
        raise BadQuery(f"invalid regular expression in label_replace(): {pattern} ({error})", "execution") from None
    for point in points:
        match = program.search(label_sets.get(point.labels, source))
        if match:
            point = Point(label_sets.merge(point.labels, {target: _expand(template, match)}), point.value)
        points_.append(point)
    return points_


def join(points: Sequence[Point], target: str, separator: str, sources: Sequence[str]) -> list[Point]:
    """Set `target` to the values of `sources`, joined."""
    for name in sources:
        _check_name(name, "label_join", "source")
    _check_name(target, "label_join")
    points_ = []
    for point in points:
        label_values = [label_sets.get(point.labels, name) for name in sources]
        if sum(map(len, label_values)) + len(separator) * len(label_values) > MAX_VALUE:
            raise BadQuery(f"label_join makes a value longer than {MAX_VALUE} characters", "execution")
        points_.append(Point(label_sets.merge(point.labels, {target: separator.join(label_values)}), point.value))
    return points_


def of_absent(node: Node) -> Labels:
    """Return the labels that a selector names with `=` and nothing else."""
    selector = node.selector if isinstance(node, Matrix) else node
    if not isinstance(selector, Selector):
        return ()
    absent_labels: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in selector.matchers:
        if matcher.name == label_sets.NAME:
            continue
        if matcher.op == "=" and matcher.name not in seen:
            seen.add(matcher.name)
            absent_labels[matcher.name] = matcher.value
        else:
            absent_labels.pop(matcher.name, None)  # Said twice, or otherwise than with `=`.
    return label_sets.of(absent_labels)


def _check_name(name: str, function: str, role: str = "destination") -> None:
    if not name:  # Any text will do otherwise, as in Prometheus since 3.0.
        raise BadQuery(f"invalid {role} label name in {function}(): {name}", "execution")


def _expand(template: str, match: Any) -> str:
    """Fill `$1`, `${1}` and `${name}` of Go's regexp.Expand."""
    out: list[str] = []
    index = size = 0
    while index < len(template):
        if template[index] != "$":
            out.append(template[index])
            index += 1
        else:
            index, name = _name_at(template, index + 1)
            out.append(_group(match, name))
        size += len(out[-1])
        if size > MAX_VALUE:
            raise BadQuery(f"label_replace makes a value longer than {MAX_VALUE} characters", "execution")
    return "".join(out)


def _name_at(template: str, index: int) -> tuple[int, str]:
    """Return where the name that begins at `index` ends, and the name."""
    braced = template[index : index + 1] == "{"
    index += braced
    end = index
    while end < len(template) and (template[end].isalnum() or template[end] == "_"):
        end += 1
    return end + (1 if braced else 0), template[index:end]


def _group(match: Any, name: str) -> str:
    try:
        return match.group(int(name) if name.isdigit() else name) or ""
    except (IndexError, KeyError):
        return ""
