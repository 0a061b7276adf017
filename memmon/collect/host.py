"""This host, by psutil."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from memmon.collect.base import Collected, SampleSheet


def collect(disk: Path) -> Collected:
    """Return CPU since the last call in this process, memory, load, and the disk that holds
    `disk`.
    """
    sheet = SampleSheet()
    memory = psutil.virtual_memory()
    sheet.add("memmimic_memory_usage_bytes", "Memory in use on the host, in bytes", memory.total - memory.available)
    sheet.add("memmimic_memory_available_bytes", "Memory available on the host, in bytes", memory.available)
    sheet.add("memmimic_memory_usage_percent", "Memory in use on the host, in percent", memory.percent)
    sheet.add(
        "memmimic_cpu_usage_percent", "CPU in use on the host since the last collection, in percent", cpu_percent()
    )
    for span, load in zip(("1m", "5m", "15m"), os.getloadavg(), strict=True):
        sheet.add(f"memmimic_load_average_{span}", f"Load average of the host over {span}", load)
    used = psutil.disk_usage(str(existing(disk)))
    sheet.add("memmimic_disk_usage_bytes", "Disk space in use, in bytes", used.used)
    sheet.add("memmimic_disk_available_bytes", "Disk space available, in bytes", used.free)
    sheet.add("memmimic_disk_usage_percent", "Disk space in use, in percent", used.percent)
    return sheet.done()


def cpu_percent() -> float:
    """Return the share of CPU in use since the last call, or over a tenth of a second the first
    time.
    """
    value = psutil.cpu_percent(interval=None)
    return value if value > 0 else psutil.cpu_percent(interval=0.1)


def existing(path: Path) -> Path:
    """Return `path`, or the nearest folder above it that exists."""
    while not path.exists():
        path = path.parent
    return path


def started_at() -> float:
    """Return when this process started (Unix seconds)."""
    return psutil.Process().create_time()
