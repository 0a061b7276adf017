"""A page of its own for tests of absent metrics."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from memmon.client import observers, registry
from tests.memmon.client.serving import Memmon


@pytest.fixture
def new_page(monkeypatch: pytest.MonkeyPatch) -> observers.ObservedObjects:
    """Empty registries with their observer collector."""
    watched = observers.ObservedObjects()
    monkeypatch.setattr(registry, "REGISTRY", CollectorRegistry())
    monkeypatch.setattr(registry, "_made", {})
    monkeypatch.setattr(observers, "_watched", watched)
    registry.REGISTRY.register(watched)
    return watched


@pytest.fixture
def memmon() -> Iterator[Memmon]:
    """A receiver of security events."""
    receiver = Memmon()
    yield receiver
    receiver.close()
