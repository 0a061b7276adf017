"""Pure: Go's quoted strings and numbers, and how Go's fmt package writes values."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from memmon.errors import BadTemplate
from memmon.gotemplate.values import Record

_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL)
_PLAIN = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "\\": "\\", '"': '"', "'": "'"}
_VERB = re.compile(r"%(?P<flags>[-+ #0]*)(?P<width>\d*)(?:\.(?P<precision>\d*))?(?P<verb>.)", re.DOTALL)
MAX_WIDTH = 1000


def unquote(text: str, line: int) -> str:
    """Return what a quoted or raw string holds."""
    if text.startswith("`"):
        return text[1:-1]

    def plain(match: re.Match[str]) -> str:
        code = match.group(1) or match.group(2) or match.group(3)
        if code or match.group(4):
            value = int(code, 16) if code else int(match.group(4), 8)
            if value > 0x10FFFF:
                raise BadTemplate(f"{match.group()} is no character", line)
            return chr(value)
        if match.group(5) not in _PLAIN:
            raise BadTemplate(f"unknown escape {match.group()} in a string", line)
        return _PLAIN[match.group(5)]

    return _ESCAPE.sub(plain, text[1:-1])


def parse_number(text: str, line: int) -> int | float:
    """Return the number that `text` writes."""
    try:
        return int(text, 0) if re.fullmatch(r"[+-]?(0[xX][0-9a-fA-F_]+|[\d_]+)", text) else float(text)
    except ValueError:
        raise BadTemplate(f"{text!r} is no number", line) from None


def show(value: Any) -> str:
    """Return a value as `%v` writes it."""
    if value is None:
        return "<no value>"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return general(value)
    if isinstance(value, datetime):
        return show_time(value)
    if isinstance(value, timedelta):
        return show_duration(value.total_seconds())
    if isinstance(value, Record):
        return (
            value.text if value.text is not None else "{" + " ".join(show(item) for item in value.fields.values()) + "}"
        )
    if isinstance(value, Mapping):
        return "map[" + " ".join(f"{show(key)}:{show(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + " ".join(show(item) for item in value) + "]"
    return str(value)


def general(value: float) -> str:
    """Return a float as Go's `%v`: as short as it can be read back, with an exponent below 1e-4 and
    from 1e6 on.
    """
    if not math.isfinite(value):
        return _infinite(value)
    sign = "-" if math.copysign(1, value) < 0 else ""
    mantissa, _, exponent = next(
        form for n in range(18) if float(form := f"{abs(value):.{n}e}") == abs(value)
    ).partition("e")
    if value and not -4 <= int(exponent) < 6:
        return f"{sign}{mantissa}e{int(exponent):+03d}"
    digits = max(0, len(mantissa.replace(".", "")) - 1 - int(exponent))
    return f"{sign}{abs(value):.{digits}f}"


def _infinite(value: float) -> str:
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def show_time(at: datetime) -> str:
    """Return a time as Go's `String` writes it."""
    fraction = f".{at.microsecond:06d}".rstrip("0") if at.microsecond else ""
    return f"{at:%Y-%m-%d %H:%M:%S}{fraction} {at:%z} {at.tzname() or ''}".rstrip()


def show_duration(seconds: float) -> str:
    """Return a duration as Go writes it, such as 1h2m3.5s."""
    if seconds == 0:
        return "0s"
    sign, left = ("-" if seconds < 0 else ""), abs(seconds)
    if left < 1:
        for unit, factor in (("ms", 1e3), ("µs", 1e6), ("ns", 1e9)):
            if left * factor >= 1 or unit == "ns":
                return f"{sign}{general(round(left * factor, 6))}{unit}"
    hours, remainder = divmod(left, 3600)
    minutes, remainder = divmod(remainder, 60)
    hours_text = f"{int(hours)}h" if hours else ""
    hours_text += f"{int(minutes)}m" if hours or minutes else ""
    return f"{sign}{hours_text}{general(round(remainder, 9))}s"


def sprint(values: Sequence[Any]) -> str:
    """Return values on end, with a blank between two that are no strings."""
    escaped = ""
    for number_, value in enumerate(values):
        if number_ and not isinstance(value, str) and not isinstance(values[number_ - 1], str):
            escaped += " "
        escaped += show(value)
    return escaped


def sprintf(form: str, values: Sequence[Any]) -> str:
    """Return `form` with its verbs filled in; a value that does not fit is written as Go writes it,
    not refused.
    """
    left = list(values)

    def expand(match: re.Match[str]) -> str:
        if match["verb"] == "%":
            return "%"
        if not left:
            return f"%!{match['verb']}(MISSING)"
        return _filled(match, left.pop(0))

    text = _VERB.sub(expand, form)
    extra = ", ".join(f"{_type(value)}={show(value)}" for value in left)
    return f"{text}%!(EXTRA {extra})" if left else text


def _filled(match: re.Match[str], value: Any) -> str:
    flags, verb = match["flags"], match["verb"]
    width = min(int(match["width"] or 0), MAX_WIDTH)
    precision = None if match["precision"] is None else min(int(match["precision"] or 0), MAX_WIDTH)
    text = _verb(verb, flags, precision, value)
    if text is None:
        text_value = show(value).zfill(precision or 0) if isinstance(value, int) else show(value)
        return f"%!{verb}({_type(value)}={text_value})"
    if "-" in flags:
        return text.ljust(width)
    if "0" in flags and isinstance(value, int | float):
        sign = text[:1] if text[:1] in ("+", "-") else ""
        return sign + text[len(sign) :].rjust(width - len(sign), "0")
    return text.rjust(width)


def _verb(verb: str, flags: str, precision: int | None, value: Any) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    plus = "+" if "+" in flags else " " if " " in flags else ""
    if verb == "v":
        return show(value)
    if verb == "s":
        return None if is_number or isinstance(value, bool) else show(value)[:precision]
    if verb == "q" and isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if verb == "t" and isinstance(value, bool):
        return show(value)
    if verb in "dxXob" and isinstance(value, int) and is_number:
        return format(value, f"{plus}{verb}")
    if verb == "c" and isinstance(value, int) and is_number:
        return chr(value) if 0 <= value <= 0x10FFFF else "\ufffd"
    if verb in "fFeEgG" and isinstance(value, float):
        if not math.isfinite(value):
            return _infinite(value)
        if verb in "gG" and precision is None:
            return plus + general(value) if value >= 0 else general(value)
        return format(value, f"{plus}.{6 if precision is None else precision}{verb}")
    return None


def _type(value: Any) -> str:
    names = {bool: "bool", int: "int", float: "float64", str: "string", type(None): "<nil>"}
    return names.get(type(value), "value")
