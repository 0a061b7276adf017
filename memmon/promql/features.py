"""What of PromQL is not answered, found in the text of an expression and called by its name.

The experimental functions are marked in prometheus/prometheus `promql/parser/functions.go` of 3.14.
"""

from __future__ import annotations

import re

from memmon.errors import BadQuery

EXPERIMENTAL = (
    *("double_exponential_smoothing", "histogram_quantiles", "info", "mad_over_time", "max_of", "min_of"),
    *("sort_by_label", "sort_by_label_desc", "start_timestamp", "start", "end", "range", "step"),
    *("ts_of_first_over_time", "ts_of_last_over_time", "ts_of_max_over_time", "ts_of_min_over_time"),
)
NATIVE = ("histogram_avg", "histogram_count", "histogram_stddev", "histogram_stdvar", "histogram_sum")
"""Functions that look at native histograms and at nothing else."""

# `start()` and `end()` right behind an @ are of the stable language.
_CALL = re.compile(rf"(@\s*)?(?<![\w:.])({'|'.join((*EXPERIMENTAL, *NATIVE))})\s*\(", re.IGNORECASE)
_AGGREGATION = re.compile(r"(?<![\w:.])(limitk|limit_ratio)\s*(?:\(|by\b|without\b)", re.IGNORECASE)
_FILL = re.compile(r"(?<![\w:.])fill(?:_left|_right)?\s*\(", re.IGNORECASE)
_TRIM = re.compile(r"</|>/")
_DURATION = re.compile(r"\[[^\]]*[-+*/%^(][^\]]*\]|\boffset\s*[-+]?\s*\(", re.IGNORECASE)
_EXTENDED = re.compile(r"[\w\]})]\s+(anchored|smoothed)\b", re.IGNORECASE)


def refuse(bare: str) -> None:
    """Raise BadQuery if `bare`, an expression without its strings and comments, uses an unsupported
    feature.
    """
    for call in _CALL.finditer(bare):
        at, name = call.group(1), call.group(2).lower()
        if at and name in ("start", "end"):
            continue
        if name in NATIVE:
            raise _refused(f"{name}() looks at native histograms, which")
        raise _refused(f"{name}() is an experimental function, which")
    if match := _AGGREGATION.search(bare):
        raise _refused(f"{match.group(1).lower()} is an experimental aggregation, which")
    if _FILL.search(bare):
        raise _refused("fill, fill_left and fill_right are experimental modifiers, which")
    if _TRIM.search(bare):
        raise _refused("the operators </ and >/ trim native histograms, which")
    if _DURATION.search(bare):
        raise _refused("expressions in the place of durations are experimental, which")


def refuse_modifiers(bare: str) -> None:
    """Raise BadQuery where `bare`, which the parser did not understand, seems to be anchored or
    smoothed.

    Only then, since both are names of metrics as well.
    """
    if match := _EXTENDED.search(bare):
        raise _refused(f"{match.group(1).lower()} is an experimental modifier, which")


def _refused(feature: str) -> BadQuery:
    return BadQuery(f"parse error: {feature} memmon does not support")
