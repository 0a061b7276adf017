"""Parses Prometheus' PromQL test scripts: loads, evaluations, and expected results.

Source of the format: prometheus/prometheus `promql/promqltest/README.md`. Native histograms are
read over.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from memmon import duration
from memmon import labels as label_sets
from memmon.errors import BadInput
from memmon.labels import Labels
from memmon.samples import STALE_NAN, Series

_NUMBER = r"[+-]?(?:inf|nan|\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?)"
_VALUE = re.compile(rf"({_NUMBER})(?:([+-])({_NUMBER.removeprefix('[+-]?')}))?(?:x(\d+))?", re.IGNORECASE)
_LABEL = re.compile(
    r'\s*(?:([a-zA-Z_:][\w:.]*|"(?:[^"\\]|\\.)*"))\s*(?:=\s*("(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'|`[^`]*`))?\s*,?'
)
_NAME = re.compile(r"[a-zA-Z_:][\w:]*")
_INSTANT = re.compile(r"eval(?:_(fail|warn|info|ordered))?\s+instant\s+at\s+(\S+)\s+(.+)")
_RANGE = re.compile(r"eval(?:_(fail|warn|info))?\s+range\s+from\s+(\S+)\s+to\s+(\S+)\s+step\s+(\S+?)\s+(.+)")
_VECTOR = re.compile(r"range vector from (\S+) to (\S+) step (\S+)")


class Steps(NamedTuple):
    """Moments of a range, in milliseconds."""

    start: int
    end: int
    step: int


class Said(NamedTuple):
    """A text that an error or an annotation must have: none, all of it, or a pattern."""

    text: str = ""
    is_pattern: bool = False

    def fits(self, text: str) -> bool:
        """Return True if `text` is the expected message."""
        return re.search(self.text, text) is not None if self.is_pattern else self.text in ("", text)


@dataclass(slots=True)
class Expected:
    """What an evaluation must come to."""

    fails: Said | None = None
    warns: list[Said] = field(default_factory=list)
    informs: list[Said] = field(default_factory=list)
    no_warnings: bool = False
    no_infos: bool = False
    ordered: bool = False
    text: str | None = None
    scalar: float | None = None
    vector: Steps | None = None
    rows: list[tuple[Labels, list[float | None]]] = field(default_factory=list)


class Clear(NamedTuple):
    """Clear the loaded series."""


class LoadCommand(NamedTuple):
    """More series."""

    series: list[Series]


class Eval(NamedTuple):
    """A question; `steps` of one moment is an instant query."""

    line: int
    expr: str
    steps: Steps
    is_range: bool
    expected: Expected


Command = Clear | LoadCommand | Eval


def read(text: str) -> Iterator[Command]:
    """Return the commands of a script; raise BadInput with the number of an invalid line."""
    lines = [line.strip() for line in text.splitlines()]
    lines = ["" if line.startswith("#") else line for line in lines]
    index = 0
    while index < len(lines):
        line, line_number = lines[index], index + 1
        index += 1
        if not line:
            continue
        block = []
        while line.startswith(("load", "eval")) and index < len(lines) and lines[index]:
            block.append(lines[index])
            index += 1
        try:
            yield _command(line, block, line_number)
        except (ValueError, SyntaxError) as error:
            raise BadInput("script", f"line {line_number}: {error}") from None


def _command(line: str, block: list[str], line_number: int) -> Command:
    word, *arguments = line.split()
    if word == "clear":
        return Clear()
    if word in ("load", "load_with_nhcb"):
        return LoadCommand(list(loaded(block, milliseconds(arguments[0]))))
    if match := _INSTANT.fullmatch(line):
        how, at, expr = match.groups()
        moment = milliseconds(at)
        return Eval(line_number, expr, Steps(moment, moment, 1000), False, _expected(block, how))
    if match := _RANGE.fullmatch(line):
        how, start, end, step, expr = match.groups()
        steps = Steps(milliseconds(start), milliseconds(end), milliseconds(step))
        return Eval(line_number, expr, steps, True, _expected(block, how))
    raise ValueError(f"no command: {line!r}")


def milliseconds(text: str) -> int:
    """Return a number of seconds or a duration in milliseconds."""
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return round(float(text) * 1000)
    sign = -1 if text.startswith("-") else 1
    return sign * round(duration.parse(text.lstrip("-")) * 1000)


def loaded(block: list[str], step: int) -> Iterator[Series]:
    """Return the series that lines of labels and values write, one value every `step` ms from 0
    on.
    """
    for line in block:
        labels, value_text = labels_of(line)
        if value_text.startswith("@st") or "{{" in value_text:
            continue  # Start timestamps and native histograms.
        pairs = [(at * step, value) for at, value in enumerate(values(value_text)) if value is not None]
        times, numbers = [at for at, _ in pairs], [value for _, value in pairs]
        yield Series(labels, np.array(times, dtype=np.int64), np.array(numbers, dtype=np.float64))


def labels_of(line: str) -> tuple[Labels, str]:
    """Return the label set that `line` begins with, and the rest."""
    name = _NAME.match(line)
    value_text = line[name.end() :] if name else line
    pairs = [(label_sets.NAME, name.group())] if name else []
    if value_text.lstrip().startswith("{") and not value_text.lstrip().startswith("{{"):
        value_text = value_text.lstrip()[1:]
        while not value_text.lstrip().startswith("}"):
            match = _LABEL.match(value_text)
            if match is None:
                raise ValueError(f"no labels: {line!r}")
            key, value = match.groups()
            pairs.append((_text(key), _text(value)) if value else (label_sets.NAME, _text(key)))
            value_text = value_text[match.end() :]
        value_text = value_text.lstrip()[1:]
    return label_sets.of(pairs), value_text.strip()


def _text(quoted: str) -> str:
    if quoted[0] == "`":
        return quoted[1:-1]
    return str(ast.literal_eval(quoted)) if quoted[0] in "\"'" else quoted


def values(text: str) -> list[float | None]:
    """Return the values of a series; None is a gap."""
    expanded: list[float | None] = []
    for token in text.split():
        if token[0] == "_":
            expanded += [None] * int(token[2:] or 1) if token[1:2] == "x" else [None]
        elif token.startswith("stale"):
            expanded += [STALE_NAN] * (int(token[6:]) + 1 if token[5:6] == "x" else 1)
        else:
            expanded += _run(token)
    return expanded


def _run(token: str) -> list[float]:
    match = _VALUE.fullmatch(token)
    if match is None:
        raise ValueError(f"no value: {token!r}")
    start, sign, by, times = match.groups()
    value, change = float(start), float(f"{sign}{by}") if by else 0.0
    repeated = [value]
    for _ in range(int(times or 0)):
        value = value + change if change else value
        repeated.append(value)
    return repeated


def _expected(block: list[str], how: str | None) -> Expected:
    expected = Expected(ordered=how == "ordered")
    if how == "fail":
        expected.fails = Said()
    if how in ("warn", "info"):
        (expected.warns if how == "warn" else expected.informs).append(Said())
    for line in block:
        if line.startswith(("expect ", "expected_fail")):
            _expect(expected, line)
        elif re.fullmatch(_NUMBER, line, re.IGNORECASE):
            expected.scalar = float(line)
        else:
            labels, value_text = labels_of(line)
            if "{{" not in value_text:
                expected.rows.append((labels, values(value_text)))
    return expected


_FLAGS = {"no_warn": "no_warnings", "no_info": "no_infos", "ordered": "ordered"}


def _expect(expected: Expected, line: str) -> None:
    if line.startswith("expected_fail"):
        kind, _, text = line.partition(" ")
        expected.fails = Said(text, kind.endswith("regexp"))
        return
    _, word, arguments = (*line.split(None, 2), "")[:3]
    match word:
        case "fail":
            expected.fails = _said(arguments)
        case "warn":
            expected.warns.append(_said(arguments))
        case "info":
            expected.informs.append(_said(arguments))
        case "no_warn" | "no_info" | "ordered":
            setattr(expected, _FLAGS[word], True)
        case "string":
            expected.text = _text(arguments)
        case "range":
            vector = _VECTOR.fullmatch(f"range {arguments}")
            if vector is None:
                raise ValueError(f"no expectation: {line!r}")
            expected.vector = Steps(*(milliseconds(group) for group in vector.groups()))
        case _:
            raise ValueError(f"no expectation: {line!r}")


def _said(text: str) -> Said:
    if text.startswith("msg:"):
        return Said(text[4:].strip())
    if text.startswith("regex:"):
        return Said(text[6:].strip(), True)
    return Said()


def is_same(a: float, b: float) -> bool:
    """Tell whether two values agree as Prometheus' own runner has it."""
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    if a == b:
        return True
    if a == 0 or b == 0 or math.isinf(a) or math.isinf(b):
        return False
    return abs(a - b) < 1e-6 * (abs(a) + abs(b))
