"""The reference pages in docs/ equal the models."""

from __future__ import annotations

from pathlib import Path

import pytest

from memmon.config import DEFAULTS, reference
from memmon.settings import Settings

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.mark.parametrize(
    ("file", "page"),
    [("settings.md", reference.settings_page()), ("configuration.md", reference.configuration_page(DEFAULTS))],
)
def test_the_page_in_docs_is_current(file: str, page: str) -> None:
    assert (DOCS / file).read_text() == page, "run `memmon config reference --write docs`"


def test_each_setting_has_a_purpose() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("file", reference.FILES)
def test_each_file_has_its_section(file: str) -> None:
    assert f"\n## {file}\n" in reference.configuration_page(DEFAULTS)
