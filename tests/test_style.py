"""Rules for names, prose and test files that no linter checks; see `CONTRIBUTING.md`."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = ("memmon", "workers", "web")
ALL = (*PRODUCT, "tests", "bench")
MAX_COLUMNS = 100
VAGUE_NAMES = frozenset(
    [
        "one",
        "found",
        "given",
        "held",
        "known",
        "told",
        "wanted",
        "shown",
        "made",
        "own",
        "others",
        "more",
        "parts",
        "things",
        "what",
        "who",
        "which",
        "some",
        "many",
        "kept",
        "had",
        "said",
        "rest",
    ]
)
RIDDLES = re.compile(
    r"\b(what is|what was|what has|what it|what they|what there|the one that|those that|that it has|is none|are none|"
    r"told|heard of|takes? back|taken back|goes on|at it\b|somebody|stands in|stands for|so many|as often as|no sooner|"
    r"no later|looked at|has been taken|is had|be had|to be had|hears?|holds? not|whoever|whatever)\b",
    re.IGNORECASE,
)
CONFIGURATION_KEYS = {("memmon/config/guardrails.py", "rest"), ("memmon/config/playbooks.py", "who")}
"""Vague names that operators write in YAML files."""

WITHOUT_TWIN = Path(__file__).with_name("without_twin.txt")
"""Modules without a test file of their name, which other tests of their room cover. The list only
gets shorter: a new module comes with its test file.
"""


def python_files(folders: tuple[str, ...]) -> list[Path]:
    return [
        path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")) if "versions" not in path.parts
    ]


def names_bound(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and name of each variable and parameter that the code binds."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg


def prose_of(source: str) -> Iterator[tuple[int, str]]:
    """Yield line number and text of each line of the docstrings and comments."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            for offset, line in enumerate(node.value.value.splitlines()):
                yield node.lineno + offset, line
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("# ")


def messages_of(source: str) -> Iterator[tuple[int, str]]:
    """Yield line number and text of the string literals that are not docstrings."""
    tree = ast.parse(source)
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


def documents() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def twin(module: Path) -> Path:
    """Return where the tests of a module belong."""
    relative = module.relative_to(ROOT)
    return ROOT / "tests" / relative.parent / f"test_{relative.name}"


@pytest.mark.parametrize("folder", ALL)
def test_no_variable_has_a_vague_name(folder: str) -> None:
    vague = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in python_files((folder,))
        for line, name in names_bound(ast.parse(path.read_text()))
        if name in VAGUE_NAMES and (str(path.relative_to(ROOT)), name) not in CONFIGURATION_KEYS
    ]
    assert vague == [], "say what the value is: `alert`, `firing_alerts`, `decision`"


@pytest.mark.parametrize("folder", ALL)
def test_docstrings_and_comments_name_their_subject(folder: str) -> None:
    riddles = [
        f"{path.relative_to(ROOT)}:{line}: {phrase.group(0)}"
        for path in python_files((folder,))
        for line, text in prose_of(path.read_text())
        for phrase in RIDDLES.finditer(text)
    ]
    assert riddles == [], "name the thing and the action"


def test_documents_name_their_subject() -> None:
    riddles = [
        f"{path.relative_to(ROOT)}:{line_number}: {phrase.group(0)}"
        for path in documents()
        for line_number, line in enumerate(path.read_text().splitlines(), start=1)
        for phrase in RIDDLES.finditer(line)
    ]
    assert riddles == [], "name the thing and the action"


def test_messages_name_their_subject() -> None:
    riddles = [
        f"{path.relative_to(ROOT)}:{line}: {phrase.group(0)}"
        for path in python_files(PRODUCT)
        for line, text in messages_of(path.read_text())
        for phrase in RIDDLES.finditer(text)
    ]
    assert riddles == [], "name the thing and the action"


def test_lines_of_prose_end_at_column_100() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in python_files(ALL)
        for line, text in prose_of(path.read_text())
        if len(text) > MAX_COLUMNS
    ]
    assert long == []


def test_each_module_has_a_test_file_of_its_name() -> None:
    modules = [path for path in python_files(PRODUCT) if path.name not in ("__init__.py", "__main__.py")]
    missing = {str(path.relative_to(ROOT)) for path in modules if not twin(path).exists()}
    listed = {line for line in WITHOUT_TWIN.read_text().splitlines() if not line.startswith("#")}
    assert missing - listed == set(), "add the test file"
    assert listed - missing == set(), "take the module off tests/without_twin.txt"


def test_each_pure_module_is_in_the_contracts() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    listed = {
        module for contract in contracts if contract["name"].startswith("pure") for module in contract["source_modules"]
    }
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for path in python_files(("memmon",))
        if (ast.get_docstring(ast.parse(path.read_text())) or "").startswith("Pure")
    }
    unlisted = [
        name
        for name in modules
        if not any(name == module or name.startswith(f"{module}.") for module in listed)
        and not name.startswith(("memmon.client.", "memmon.demo."))
    ]
    assert unlisted == []
