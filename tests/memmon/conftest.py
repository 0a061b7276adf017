"""Contexts whose configuration a test writes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from memmon.context import Context


@pytest.fixture
def configure(ctx: Context) -> Callable[..., Context]:
    """Write files of the operator's folder and read them: configure(rules="...", routes="...")."""

    def write(**files: str) -> Context:
        folder = ctx.settings.config_folder
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / f"{name}.yml").write_text(text)
        ctx.reload_config()
        return ctx

    return write
