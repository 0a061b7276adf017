"""What the pages are made of: unchanged vendored files, readable colours, nothing that the policy
forbids.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

WEB = Path(__file__).parents[2] / "web"
UPLOT = WEB / "static/vendor/uplot"
OWN = sorted((WEB / "static").glob("*.js"))


def test_vendored_files_are_as_they_were_published() -> None:
    sums = dict(line.split("  ")[::-1] for line in (UPLOT / "SHA256SUMS").read_text().splitlines())
    actual = {path.name for path in UPLOT.iterdir()} - {"SHA256SUMS"}
    assert set(sums) == actual
    for name, digest in sums.items():
        assert hashlib.sha256((UPLOT / name).read_bytes()).hexdigest() == digest, name


def test_the_licence_of_what_is_vendored_is_there() -> None:
    assert "MIT" in (UPLOT / "LICENSE").read_text()


def colours(theme: int) -> dict[str, str]:
    text = (WEB / "static/tokens.css").read_text()
    pairs = re.findall(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", text)
    return {name: (light, dark)[theme] for name, light, dark in pairs}


def luminance(colour: str) -> float:
    pieces = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in pieces]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(entry: str, other: str) -> float:
    low, high = sorted((luminance(entry), luminance(other)))
    return (high + 0.05) / (low + 0.05)


TEXT = [
    *((text, ground) for text in ("text", "muted") for ground in ("ground", "card", "raised")),
    *((text, ground) for text in ("accent", "bad") for ground in ("ground", "card")),
    *((tone, f"{tone}-soft") for tone in ("good", "warn", "bad", "accent")),
    ("text", "accent-soft"),
    ("on-accent", "accent"),
]
GRAPHICS = [(name, "card") for name in ("good-bar", "warn-bar", "bad-bar", "accent", "edge-strong")]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_of_text_and_graphics_can_be_told_from_their_ground(theme: int) -> None:
    actual = colours(theme)
    for text, ground in TEXT:
        assert contrast(actual[text], actual[ground]) >= 4.5, (text, ground)
    for mark, ground in GRAPHICS:
        assert contrast(actual[mark], actual[ground]) >= 3, (mark, ground)


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_own_scripts_build_no_markup_out_of_text(path: Path) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", path.read_text()
    )


@pytest.mark.parametrize("path", [*(WEB / "templates").iterdir()], ids=lambda path: path.name)
def test_templates_have_neither_inline_scripts_nor_styles_nor_unescaped_text(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|\| *safe\b|autoescape", text)
