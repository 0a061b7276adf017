"""What the page of this process says; its registry lives as long as the process, so tests compare
before and after.
"""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from memmon import client


def value(name: str, **labels: str) -> float | None:
    """Return a sample of the page, None where it has none."""
    for family in text_string_to_metric_families(client.page().decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return float(sample.value)
    return None


def count(name: str, **labels: str) -> float:
    """Return a sample's value, 0 before the first."""
    return value(name, **labels) or 0.0
