"""Generates the reference pages of the settings and the YAML files from their models."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from memmon.config.escalation import Escalation
from memmon.config.playbooks import Playbooks
from memmon.config.routes import Routes
from memmon.config.rules import RuleFile
from memmon.config.sections import Checks, Detectors
from memmon.config.targets import Targets
from memmon.settings import Settings

FILES: dict[str, type[BaseModel]] = {
    "targets.yml": Targets,
    "rules.yml": RuleFile,
    "routes.yml": Routes,
    "escalation.yml": Escalation,
    "playbooks.yml": Playbooks,
    "detectors.yml": Detectors,
    "checks.yml": Checks,
}
GROUPS = {"MEMMIMIC_": "Settings of MemMimic's monitoring", "MEMMON_": "Settings of memmon"}


def settings_page() -> str:
    """Return docs/settings.md: every environment variable with default, range and purpose."""
    lines = [
        "# Settings",
        "",
        "Settings are environment variables. `NAME_FILE` names a file with the value, for example for secrets.",
        "`memmon config reference` generates this page.",
    ]
    for prefix, title in GROUPS.items():
        lines += ["", f"## {title}", "", "| variable | default | allowed | purpose |", "|---|---|---|---|"]
        for field in Settings.model_fields.values():
            if str(field.alias).startswith(prefix):
                row = (f"`{field.alias}`", _default(field), _allowed(field), field.description or "")
                lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def configuration_page(defaults: Path) -> str:
    """Return docs/configuration.md: the keys of each YAML file, with defaults as example."""
    lines = [
        "# Configuration",
        "",
        "YAML files in the configuration folder (`MEMMON_CONFIG`) extend memmon's defaults; an entry replaces",
        "the default of the same name. `memmon config check` reports errors with file, line and key.",
        "`memmon config reference` generates this page.",
    ]
    for file, model in FILES.items():
        lines += ["", f"## {file}", ""]
        for section in _sections(model):
            lines += [f"**{section.__name__}**: {_summary(section)}", "", "| key | type | default |", "|---|---|---|"]
            lines += [
                f"| `{field.alias or name}` | {_type(field.annotation)} | {_default(field)} |"
                for name, field in section.model_fields.items()
            ]
            lines.append("")
        example = _example((defaults / file).read_text(encoding="utf-8"))
        lines += ["Example, from memmon's defaults:", "", "```yaml", example, "```"]
    return "\n".join(lines) + "\n"


def _example(text: str) -> str:
    return "\n".join(text.rstrip().split("\n")[:12])


def _summary(model: type[BaseModel]) -> str:
    first = (model.__doc__ or "").strip().split("\n\n")[0]
    return " ".join(first.split())


def _sections(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield a model and the models of its fields, each once, in order of appearance."""
    waiting, seen = [model], {model}
    while waiting:
        section = waiting.pop(0)
        yield section
        for field in section.model_fields.values():
            for inner in _models(field.annotation):
                if inner not in seen:
                    seen.add(inner)
                    waiting.append(inner)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _models(inner)


def _type(annotation: Any) -> str:
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(inner[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(part) for part in inner if part is not type(None)))
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (tuple, list):
        return f"list of {_type(inner[0])}"
    if origin is dict:
        return f"map of {_type(inner[1])}"
    return {"str": "text", "int": "whole number", "float": "number", "bool": "true or false", "Path": "path"}.get(
        getattr(annotation, "__name__", str(annotation)), getattr(annotation, "__name__", "any")
    )


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default is PydanticUndefined or field.default is None or isinstance(field.default, SecretStr):
        return ""
    if field.default in ((), {}, ""):
        return "empty"
    if isinstance(field.default, BaseModel):
        return f"see {type(field.default).__name__}"
    value = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
    return f"`{value}`".replace("|", "\\|")


def _allowed(field: FieldInfo) -> str:
    limits = {type(item).__name__: item for item in field.metadata}
    low, high = limits.get("Ge"), limits.get("Le")
    if low is not None and high is not None:
        return f"{low.ge:g} to {high.le:g}"
    length = limits.get("MinLen")
    return f"at least {length.min_length} characters" if length is not None else _type(field.annotation)
