"""Measured figures as a table and as JSON."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple


class Figure(NamedTuple):
    """One figure: memmon's value and, if available, that of Prometheus; `goal` is its upper
    limit.
    """

    label: str
    unit: str
    memmon: float
    goal: float | None = None
    prometheus: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times Prometheus needs what memmon needs."""
        return self.prometheus / self.memmon if self.prometheus is not None and self.memmon else None

    @property
    def reached(self) -> bool | None:
        """Tell whether the goal was reached, where there is one."""
        return None if self.goal is None else self.memmon <= self.goal


def machine() -> dict[str, Any]:
    """Return the machine's description."""
    cpuinfo = Path("/proc/cpuinfo")
    names = [line for line in cpuinfo.read_text().splitlines() if "model name" in line] if cpuinfo.exists() else []
    return {
        "cpu": names[0].partition(":")[2].strip() if names else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a Markdown table."""
    rows = [("what", "memmon", "goal", "Prometheus", "ratio", "reached")]
    for figure in figures:
        rows.append(
            (
                f"{figure.label} ({figure.unit})" + (f"; {figure.note}" if figure.note else ""),
                f"{figure.memmon:.3g}",
                "" if figure.goal is None else f"<= {figure.goal:.3g}",
                "" if figure.prometheus is None else f"{figure.prometheus:.3g}",
                "" if figure.ratio is None else f"{figure.ratio:.1f}",
                {True: "yes", False: "no", None: ""}[figure.reached],
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def dump(figures: Sequence[Figure]) -> str:
    """Return the figures and the machine as JSON."""
    rows = [{**figure._asdict(), "ratio": figure.ratio, "reached": figure.reached} for figure in figures]
    return json.dumps({"machine": machine(), "figures": rows}, indent=2)
