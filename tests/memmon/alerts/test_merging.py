from __future__ import annotations

from typing import Any

import pytest

from memmon.alerts import merging
from memmon.alerts.merging import Report
from tests.memmon.routing.tables import table


@pytest.mark.parametrize("row", table("merge", "merged"))
def test_alertmanager_merges_the_same(row: dict[str, Any]) -> None:
    older, newer = Report(**row["older"]), Report(**row["newer"])
    assert merging.merged(older, newer, 0.0) == merging.merged(newer, older, 0.0) == Report(**row["merged"])


@pytest.mark.parametrize("row", table("merge", "overlap"))
def test_alertmanager_merges_the_same_reports_at_all(row: dict[str, Any]) -> None:
    assert merging.overlap(Report(**row["stored"]), Report(**row["posted"])) == row["merged"]


def test_an_end_that_was_given_outlasts_one_that_was_made_up() -> None:
    arguments, made_up = Report(-60, 600, 0, False), Report(-60, 300, 5, True)
    assert merging.merged(arguments, made_up, 0.0).end == 600
