"""A context that watches how hot it is."""

from __future__ import annotations

import pytest

from memmon.context import Context
from tests.memmon.alerts.heat import HOT, Configure, rules


@pytest.fixture
def hot(configure: Configure) -> Context:
    return configure(rules=rules(HOT))
