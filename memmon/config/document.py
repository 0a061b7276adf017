"""Reads one YAML file into one section, and says of a mistake in which file, on which line and
under which key it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from memmon import validation_messages
from memmon.config.model import Section
from memmon.errors import BadConfig

S = TypeVar("S", bound=Section)

MAX_BYTES = 1 << 20
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""That of libyaml, which is ten times as fast; PyYAML's wheels have it."""


def read(path: Path, model: type[S]) -> S:
    """Return the section in `path`; an empty file is an empty section."""
    text = text_of(path)
    try:
        tree, values = _parsed(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        raise BadConfig(f"{where}: {getattr(error, 'problem', None) or error}") from None
    try:
        return model.model_validate(values if values is not None else {})
    except ValidationError as error:
        raise BadConfig(
            "\n".join(
                _explain(path, tree, problem["loc"], validation_messages.of(problem)) for problem in error.errors()
            )
        ) from None


def _parsed(text: str) -> tuple[yaml.Node | None, Any]:
    """Return the nodes of a YAML text, which know their lines, and its values."""
    loader = LOADER(text)
    try:
        tree = loader.get_single_node()
        _no_key_twice(tree)
        return tree, None if tree is None else loader.construct_document(tree)
    finally:
        loader.dispose()


def _no_key_twice(node: yaml.Node | None) -> None:
    """The first of two values of one key would silently be without effect."""
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen and key.value != "<<":
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key.value} stands here twice", problem_mark=key.start_mark
                )
            seen.add(str(key.value))
            _no_key_twice(value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _no_key_twice(item)


def find(path: Path, value: str) -> str | None:
    """Return file, line and key of the first place where `value` stands, else of the key of that
    name; None where it stands nowhere.
    """
    tree = yaml.compose(text_of(path), Loader=LOADER)
    place = _search(tree, value, []) or _search_key(tree, value, [])
    return f"{path}:{place[0]}: {'.'.join(place[1])}" if place else None


def _search(node: yaml.Node | None, value: str, keys: list[str]) -> tuple[int, list[str]] | None:
    if isinstance(node, yaml.ScalarNode):
        return (node.start_mark.line + 1, keys) if node.value == value else None
    inner: list[tuple[str, yaml.Node]] = []
    if isinstance(node, yaml.MappingNode):
        inner = [(key.value, item) for key, item in node.value if isinstance(key, yaml.ScalarNode)]
    elif isinstance(node, yaml.SequenceNode):
        inner = [(str(index), item) for index, item in enumerate(node.value)]
    places = (_search(item, value, [*keys, key]) for key, item in inner)
    return next((place for place in places if place), None)


def _search_key(node: yaml.Node | None, name: str, keys: list[str]) -> tuple[int, list[str]] | None:
    inner: list[tuple[str, yaml.Node]] = []
    if isinstance(node, yaml.MappingNode):
        entries = [(key.value, key, item) for key, item in node.value if isinstance(key, yaml.ScalarNode)]
        key_node = next((key for text, key, _ in entries if text == name), None)
        if key_node is not None:
            return key_node.start_mark.line + 1, [*keys, name]
        inner = [(text, item) for text, _, item in entries]
    elif isinstance(node, yaml.SequenceNode):
        inner = [(str(index), item) for index, item in enumerate(node.value)]
    places = (_search_key(item, name, [*keys, key]) for key, item in inner)
    return next((place for place in places if place), None)


def text_of(path: Path) -> str:
    """Return the text of a file that is not too large; raise BadConfig where it cannot be read."""
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
    """Return the line of the deepest node on the way `loc`, and that way. pydantic adds steps of
    its own (a union's branch) that no key in the file has; those are passed over.
    """
    line = node.start_mark.line + 1 if node else 1
    keys: list[str] = []
    for step in loc:
        value_node: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(step):
                    value_node, line = value, key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            value_node = node.value[step]
            line = value_node.start_mark.line + 1
        if value_node is not None:
            node = value_node
            keys.append(str(step))
        elif step == loc[-1] and isinstance(step, str):
            keys.append(step)  # A key that is missing.
    return line, keys
