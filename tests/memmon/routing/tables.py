"""What Alertmanager decides, as tables; they stand beside the repository, where there are any."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[4] / "shared" / "data" / "alertmanager"


def table(name: str, key: str) -> list[Any]:
    """Return the rows of one table; one row that skips its test where the tables are absent."""
    path = FOLDER / f"{name}.json"
    if not path.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason=f"{path} is not there"))]
    return list(json.loads(path.read_text())[key])


def shared(name: str, key: str) -> dict[str, Any]:
    """Return what the rows of a table refer to by name."""
    path = FOLDER / f"{name}.json"
    return dict(json.loads(path.read_text())[key]) if path.exists() else {}
