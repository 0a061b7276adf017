"""Pure: the functions that templates of Prometheus and of Alertmanager share."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from memmon.gotemplate import strings
from memmon.gotemplate.functions import Misused
from memmon.promql.matcher import program


def text(value: Any) -> str:
    """Return a string argument."""
    if not isinstance(value, str):
        raise Misused(f"wants a string, not {strings.show(value)}")
    return value


def to_float(value: Any) -> float:
    """Return a number, also one that is written as text or as a duration."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Misused(f"wants a number, not {strings.show(value)}")
    try:
        return float(value)
    except ValueError:
        raise Misused(f"{value!r} is no number") from None


def fixed(value: float, digits: int = 4) -> str:
    """Return a number in %.4g."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    digits_text = f"{value:.{digits}g}"
    return re.sub(r"e([+-])(\d)$", r"e\g<1>0\2", digits_text)


def humanize_duration(seconds_value: Any) -> str:
    """Return seconds as days, hours, minutes and seconds; below one in thousandths and so on."""
    value = to_float(seconds_value)
    if not math.isfinite(value):
        return fixed(value)
    sign, left = ("-" if value < 0 else ""), abs(value)
    if left >= 1:
        if left < 60:
            return f"{sign}{fixed(left)}s"
        seconds = int(left)
        units = ((seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s"))
        first = next(index for index, (count, _) in enumerate(units) if count)
        return sign + " ".join(f"{count}{unit}" for count, unit in units[first:])
    return f"{small(value)}s"


def small(value: float) -> str:
    """Return a number below one with the prefix of its thousandths, millionths and so on."""
    prefix = ""
    for unit in ("m", "u", "n", "p", "f", "a", "z", "y"):
        if value == 0 or abs(value) >= 1:
            break
        value, prefix = value * 1000, unit
    return f"{fixed(value)}{prefix}"


def match(pattern: Any, subject: Any) -> bool:
    """Tell whether a regular expression is found anywhere."""
    return program(text(pattern), False).search(text(subject)) is not None


def replace_all(pattern: Any, instead: Any, subject: Any) -> str:
    """Put `instead`, in which $1 and ${name} stand for groups, in the place of everything that
    fits.
    """
    regex = program(text(pattern), False)
    template = text(instead)

    def expand(hit: Any) -> str:
        def group(name: re.Match[str]) -> str:
            key = name.group(1) or name.group(2)
            if not key:
                return "$"
            try:
                return hit.group(int(key) if key.isdigit() else key) or ""
            except (IndexError, KeyError):
                return ""

        return re.sub(r"\$(?:\{(\w+)\}|(\w+)|\$)", group, template)

    return str(regex.sub(expand, text(subject)))


def title(value: Any) -> str:
    """Return text with the first letter of each word in capitals."""
    return re.sub(r"(?<![\w'])(\w)", lambda first_letter: first_letter.group(1).upper(), text(value))


COMMON: dict[str, Callable[..., Any]] = {
    "toUpper": lambda value: text(value).upper(),
    "toLower": lambda value: text(value).lower(),
    "title": title,
    "match": match,
    "reReplaceAll": replace_all,
    "safeHtml": text,
    "humanizeDuration": humanize_duration,
}
