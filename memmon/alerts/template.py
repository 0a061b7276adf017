"""Annotations: the part of Go's templates that they use, with nothing behind it that could run.

Known: {{ $value }}, {{ .Value }}, {{ $labels.name }}, {{ .Labels.name }}, each with pipes of `humanize`, `humanizePercentage`,
`humanizeDuration` or `printf "format"`, which may also stand in front. Anything else fails at load.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping

from memmon.errors import BadConfig

_ACTION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}", re.DOTALL)
_LABEL = re.compile(r"(?:\$labels|\.Labels)\.([a-zA-Z_][a-zA-Z0-9_]*)")
_VERB = re.compile(r"%[-+0 ]?\d*(?:\.\d+)?([fgeds])")
_PRINTF = re.compile(rf'printf\s+"((?:[^"%]|%%)*{_VERB.pattern}(?:[^"%]|%%)*)"\s*(.*)')


def render(text: str, labels: Mapping[str, str], value: float) -> str:
    """Return `text` with its actions filled in."""
    return _ACTION.sub(lambda match: _action(match.group(1), labels, value), text)


def check(text: str) -> None:
    """Raise BadConfig for an action that is not known."""
    render(text, {}, 0.0)


def _action(body: str, labels: Mapping[str, str], value: float) -> str:
    first, *pipes = [part.strip() for part in body.split("|")]
    result: float | str = _operand(first, labels, value)
    for pipe in pipes:
        result = _apply(pipe, result)
    return result if isinstance(result, str) else _plain(result)


def _operand(text: str, labels: Mapping[str, str], value: float) -> float | str:
    label = _LABEL.fullmatch(text)
    if label:
        return labels.get(label.group(1), "")
    if text in ("$value", ".Value"):
        return value
    name, _, rest = text.partition(" ")
    if name == "printf" and (found := _PRINTF.fullmatch(text)):
        return _format(found.group(1), found.group(2), _operand(found.group(3), labels, value))
    if name in _FUNCTIONS and rest:
        return _FUNCTIONS[name](_number(_operand(rest.strip(), labels, value)))
    raise BadConfig(f"template: {{{{ {text} }}}} is not supported")


def _apply(pipe: str, given: float | str) -> str:
    if pipe in _FUNCTIONS:
        return _FUNCTIONS[pipe](_number(given))
    found = _PRINTF.fullmatch(pipe + " ")
    if found:
        return _format(found.group(1), found.group(2), given)
    raise BadConfig(f"template: | {pipe} is not supported")


def _format(form: str, verb: str, given: float | str) -> str:
    if verb == "s":
        return form % (given if isinstance(given, str) else _plain(given))
    number = _number(given)
    if not math.isfinite(number):
        return _VERB.sub("%s", form) % _plain(number)
    return form % (int(number) if verb == "d" else number)


def _number(given: float | str) -> float:
    try:
        return float(given or 0)
    except ValueError:
        return float("nan")


def _plain(value: float, digits: int = 6) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return f"{value:.{digits}g}"


def _humanize(value: float) -> str:
    for limit, sign in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit and math.isfinite(value):
            return f"{value / limit:.4g}{sign}"
    return _small(value)


def _small(value: float) -> str:
    """Return a number below 1 in thousandths, millionths and so on, as Prometheus does."""
    sign = ""
    for sign in ("", "m", "u", "n", "p"):
        if value == 0 or sign == "p" or not abs(value) < 1:
            break
        value *= 1000
    return f"{_plain(value, 4)}{sign}"


def _humanize_duration(value: float) -> str:
    if abs(value) < 60 or not math.isfinite(value):
        return f"{_small(value)}s" if math.isfinite(value) else _plain(value)
    seconds = int(abs(value))
    parts = [(seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")]
    started = [index for index, (count, _) in enumerate(parts) if count]
    return ("-" if value < 0 else "") + " ".join(f"{count}{unit}" for count, unit in parts[started[0] :])


_FUNCTIONS: dict[str, Callable[[float], str]] = {
    "humanize": _humanize,
    "humanizePercentage": lambda value: f"{_plain(value * 100, 4)}%",
    "humanizeDuration": _humanize_duration,
}
