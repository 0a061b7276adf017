"""`memmon config`: check, apply and show the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import yaml

from memmon.cli.common import context
from memmon.config import DEFAULTS, Config, reference
from memmon.stack import config_check

SECRET = ("password", "credentials", "token", "routing_key", "secrets")
ADDRESSES = ("webhook_url", "api_url", "slack_api_url", "apprise_url")
MASK = "<secret>"


@click.group()
def config() -> None:
    """Check, apply and show the configuration files."""


@config.command("check")
def check_command() -> None:
    """Say whether the files are right, and of the first mistake its file, line and key."""
    with context() as ctx:
        config = config_check.config(ctx.settings)
        click.echo(f"{ctx.settings.config_folder}: the configuration is right: {_size(config)}")


@config.command()
def reload() -> None:
    """Apply changed files: checked first, and the old ones stay in force when they are wrong."""
    with context() as ctx:
        config = config_check.config(ctx.settings)
        ctx.publish_config_change()
        click.echo(f"{ctx.settings.config_folder}: applied within a second: {_size(config)}")


@config.command()
@click.argument("section", required=False)
def show(section: str | None) -> None:
    """Print the configuration in force (or one SECTION of it) as YAML, secrets left out."""
    with context() as ctx:
        whole = ctx.config.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    if section and section not in type(ctx.config).model_fields:
        raise click.UsageError(f"{section} is not one of {', '.join(type(ctx.config).model_fields)}")
    visible = masked({section: whole.get(section, {})} if section else whole)
    click.echo(yaml.safe_dump(visible, sort_keys=False, allow_unicode=True).rstrip())


@config.command("reference")
@click.option("--write", type=click.Path(path_type=Path), metavar="FOLDER", help="Write the pages to FOLDER.")
def reference_pages(write: Path | None) -> None:
    """Print the reference pages docs/settings.md and docs/configuration.md."""
    pages = {"settings.md": reference.settings_page(), "configuration.md": reference.configuration_page(DEFAULTS)}
    for name, text in pages.items():
        if write:
            (write / name).write_text(text, encoding="utf-8")
        else:
            click.echo(text)


def masked(value: Any, key: str = "") -> Any:
    """Return `value` without secrets: passwords, tokens, header values and webhook paths are
    masked.
    """
    if isinstance(value, Mapping):
        if key in ("headers", "http_headers"):
            return dict.fromkeys(value, MASK)
        return {name: masked(inner, _key(key, name)) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [masked(inner, key) for inner in value]
    if isinstance(value, str) and key.endswith(SECRET):
        return MASK
    if isinstance(value, str) and (key in ADDRESSES or (key == "ical" and "://" in value)):
        return f"{urlsplit(value).scheme}://{urlsplit(value).hostname}/{MASK}"
    return value


def _key(outer: str, name: str) -> str:
    """Return what a value is called; the address of a webhook, and of a service by Apprise, often
    holds its secret.
    """
    inside = {"webhook_configs": "webhook_url", "apprise_configs": "apprise_url"}
    return inside.get(outer, name) if name == "url" else name


def _size(config: Config) -> str:
    rules = sum(len(group.rules) for group in config.rules.groups)
    targets, receivers = len(config.targets.targets), len(config.routes.receivers)
    return f"{targets} targets, {rules} rules, {receivers} receivers, {len(config.playbooks.playbooks)} playbooks"
