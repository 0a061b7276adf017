"""Reads one YAML file into one section, and says of a mistake in which file, on which line and under which key it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import ValidationError

from memmon.config.model import Section
from memmon.errors import BadConfig

S = TypeVar("S", bound=Section)

MAX_BYTES = 1 << 20


def read(path: Path, model: type[S]) -> S:
    """Return the section in `path`; an empty file is an empty section."""
    text = _text(path)
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise BadConfig(f"{where}: {getattr(error, 'problem', None) or error}") from None
    try:
        return model.model_validate(values if values is not None else {})
    except ValidationError as error:
        raise BadConfig(
            "\n".join(_explain(path, tree, problem["loc"], problem["msg"]) for problem in error.errors())
        ) from None


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise BadConfig(f"{path}: larger than {MAX_BYTES} bytes")
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path}: cannot be read: {error}") from None


def _explain(path: Path, tree: yaml.Node | None, loc: Sequence[int | str], message: str) -> str:
    line, keys = _locate(tree, loc)
    return f"{path}:{line}: {'.'.join(keys) or 'file'}: {message}"


def _locate(node: yaml.Node | None, loc: Sequence[int | str]) -> tuple[int, list[str]]:
    """Return the line of the deepest node on the way `loc`, and that way. pydantic adds steps of its own
    (a union's branch) that no key in the file has; those are passed over."""
    line = node.start_mark.line + 1 if node else 1
    keys: list[str] = []
    for step in loc:
        found: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(step):
                    found, line = value, key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = node.value[step]
            line = found.start_mark.line + 1
        if found is not None:
            node = found
            keys.append(str(step))
        elif step == loc[-1] and isinstance(step, str):
            keys.append(step)  # A key that is missing.
    return line, keys
