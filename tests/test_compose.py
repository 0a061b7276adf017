from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from flower import options as flower_options
from jsonschema import Draft7Validator
from tornado.options import options as tornado_options

from memmon.demo import environment
from memmon.settings import Settings, load
from tests import composed

SCHEMA = Path(__file__).parent / "data" / "compose-spec" / "compose-spec.json"
OTHERS = ("redis", "postgres")


def raw() -> dict[str, Any]:
    actual: dict[str, Any] = yaml.safe_load(composed.FILE.read_text())
    return actual


def services() -> dict[str, Any]:
    actual: dict[str, Any] = composed.read(composed.NEEDED)["services"]
    return actual


def ours() -> dict[str, Any]:
    return {name: service for name, service in services().items() if name not in OTHERS}


@pytest.mark.parametrize("file", ["as written", "filled in"])
def test_the_file_keeps_to_the_schema_of_the_compose_specification(file: str) -> None:
    content = raw() if file == "as written" else composed.read(composed.NEEDED)
    problems = [
        f"{list(p.path)}: {p.message}" for p in Draft7Validator(json.loads(SCHEMA.read_text())).iter_errors(content)
    ]
    assert problems == []


def test_the_schema_would_find_a_wrong_key() -> None:
    wrong = raw()
    wrong["services"]["web"]["healthchek"] = {}
    assert not Draft7Validator(json.loads(SCHEMA.read_text())).is_valid(wrong)


@pytest.mark.parametrize("name", composed.NEEDED)
def test_without_a_secret_nothing_starts(name: str) -> None:
    with pytest.raises(composed.Missing, match=name):
        composed.read({key: value for key, value in composed.NEEDED.items() if key != name})


def test_no_secret_stands_in_the_file() -> None:
    text = composed.FILE.read_text()
    for line in text.splitlines():
        if re.search(r"^\s+\w*(PASSWORD|TOKEN|KEY|AUTH)\w*:", line):
            assert re.search(r"\$\{\w+:[?-]", line), line


def test_every_setting_of_memmon_is_one_that_it_knows_and_takes() -> None:
    existing = {str(field.alias) for field in Settings.model_fields.values()}
    for name, service in ours().items():
        arguments = service["environment"]
        if name == "demo":
            environment.load(arguments)
            continue
        unknown = {key for key in arguments if key not in existing and not key.startswith("FLOWER_")}
        assert unknown == set()
        load({key: str(value) for key, value in arguments.items()})


def test_every_setting_of_flower_is_one_that_it_knows() -> None:
    assert flower_options.default_options is not None
    arguments = [key for service in ours().values() for key in service["environment"] if key.startswith("FLOWER_")]
    assert arguments == ["FLOWER_BASIC_AUTH"]
    assert "basic_auth" in tornado_options


def test_every_service_that_stays_says_how_it_is_and_comes_back() -> None:
    silent = [name for name, service in services().items() if "healthcheck" not in service]
    assert silent == ["migrate", "beat"]
    assert {service["restart"] for name, service in services().items() if name != "migrate"} == {"unless-stopped"}


def test_nothing_of_memmon_starts_before_the_schema_is_there() -> None:
    for name, service in ours().items():
        if name not in ("migrate", "demo"):
            assert service["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_only_loopback_is_published() -> None:
    ports = [port for service in services().values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_image_is_built_from_what_is_here_and_runs_as_nobody_special() -> None:
    lines = services()["migrate"]["build"]["dockerfile_inline"].splitlines()
    copied = [word for line in lines if line.startswith("COPY") for word in line.split()[1:-1]]
    assert all((composed.ROOT / name).exists() for name in copied)
    project = tomllib.loads((composed.ROOT / "pyproject.toml").read_text())
    included = project["tool"]["setuptools"]["packages"]["find"]["include"]
    packages = {name.rstrip("*") for name in included if (composed.ROOT / name.rstrip("*")).is_dir()}
    modules = {f"{name}.py" for name in project["tool"]["setuptools"]["py-modules"]}
    assert packages | modules | {"pyproject.toml", "requirements.lock"} <= set(copied)
    users = [line for line in lines if line.startswith("USER")]
    assert users == ["USER memmon"]
