"""Pure: a line chart as SVG, for a post-mortem: it is a file that stays as it was, needs no script
and can be put into any document.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from html import escape
from math import floor, isfinite, log10
from typing import NamedTuple

WIDTH, HEIGHT = 760, 260
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 40, 46
MOST = 6
"""Most lines in one chart; more are not distinguishable."""
COLOURS = ("#2563eb", "#c2410c", "#15803d", "#7c3aed", "#b91c1c", "#0e7490")
GAP = 3.0
"""How many usual distances between two points are a gap in a line."""


class Line(NamedTuple):
    """One line: its name and its points (Unix seconds, value)."""

    name: str
    points: Sequence[tuple[float, float]]


def svg(title: str, lines: Sequence[Line], start: float, end: float, marks: Iterable[tuple[float, str]] = ()) -> str:
    """Return a chart of `lines` from `start` to `end` (Unix seconds); `marks` are moments with a
    word each.
    """
    drawn_lines = [line._replace(points=[p for p in line.points if isfinite(p[1])]) for line in lines[:MOST]]
    low, high = _bounds([value for line in drawn_lines for _, value in line.points])
    across = (WIDTH - LEFT - RIGHT) / max(1e-9, end - start)
    up = (HEIGHT - TOP - BOTTOM) / (high - low)

    def x(at: float) -> float:
        return LEFT + (at - start) * across

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (value - low) * up

    elements = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="18" font-size="14" font-weight="bold" fill="#111">{escape(title)}</text>',
    ]
    elements += [_level(value, y(value)) for value in _ticks(low, high)]
    elements += [_time(at, x(at)) for at in _times(start, end)]
    elements += [_mark(word, x(at), index) for index, (at, word) in enumerate(marks) if start <= at <= end]
    for index, line in enumerate(drawn_lines):
        colour = COLOURS[index]
        for run in _runs(line.points):
            points = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in run)
            elements.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{points}"/>')
        elements.append(_key(line.name, colour, index))
    return "\n".join([*elements, "</svg>"]) + "\n"


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values, default=0.0), max(values, default=1.0)
    low = min(low, 0.0) if low < high / 2 or low == high else low
    return (low, high) if high > low else (low, low + 1)


def _ticks(low: float, high: float) -> list[float]:
    """Return round values in reach, about five."""
    raw = (high - low) / 4
    power = 10.0 ** floor(log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    first = -floor(-low / step)
    return [index * step for index in range(first, floor(high / step + 1e-9) + 1)]


def _times(start: float, end: float) -> list[float]:
    raw_step = (end - start) / 6
    step = next(
        (candidate for candidate in (10, 30, 60, 300, 600, 1800, 3600, 10800, 43200, 86400) if candidate >= raw_step),
        7 * 86400,
    )
    return [float(at) for at in range(int(-(-start // step) * step), int(end) + 1, step)]


def _level(value: float, y: float) -> str:
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e5e7eb"/>'
        f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{value:g}</text>'
    )


def _time(at: float, x: float) -> str:
    text = datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S" if at % 60 else "%H:%M")
    return f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle" fill="#555">{text}</text>'


def _mark(word: str, x: float, index: int) -> str:
    """A moment; the words of neighbours stand at different heights, and within the picture."""
    late = x > WIDTH - RIGHT - 80
    where = f'x="{x - 3:.1f}" text-anchor="end"' if late else f'x="{x + 3:.1f}"'
    return (
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 8}" y2="{HEIGHT - BOTTOM}" stroke="#9ca3af" stroke-dasharray="3 3"/>'
        f'<text {where} y="{TOP + index % 4 * 12}" fill="#374151">{escape(word)}</text>'
    )


def _key(name: str, colour: str, index: int) -> str:
    x, y = LEFT + index % 3 * 230, HEIGHT - 16 + index // 3 * 12
    short = name if len(name) <= 34 else f"{name[:33]}…"
    return (
        f'<rect x="{x}" y="{y - 8}" width="10" height="3" fill="{colour}"/>'
        f'<text x="{x + 14}" y="{y - 3}" fill="#333">{escape(short)}</text>'
    )


def _runs(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Return the stretches of a line without a gap."""
    if len(points) < 2:
        return [list(points)] if points else []
    steps = sorted(b[0] - a[0] for a, b in zip(points, points[1:], strict=False))
    usual = steps[len(steps) // 2]
    runs = [[points[0]]]
    for before, point in zip(points, points[1:], strict=False):
        if point[0] - before[0] > GAP * usual:
            runs.append([])
        runs[-1].append(point)
    return runs
