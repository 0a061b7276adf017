"""Door to `memmon.client` in a target's process: its control endpoint, with the target's token."""

from __future__ import annotations

import json
from typing import Any

from memmon import outbound
from memmon.config.targets import Client, Target
from memmon.errors import Permanent, Transient

TIMEOUT = 5.0


def call(target: Target, method: str, path: str, body: Any = None) -> Any:
    """Return the JSON answer of the target's client; raise Transient or Permanent with its message
    for other answers.
    """
    if target.client is None:
        raise Permanent(f"target {target.name} has no client to talk to")
    answer = outbound.request(
        method,
        f"{str(target.client.url).rstrip('/')}/{path}",
        json=body,
        headers={"Authorization": f"Bearer {_token(target.client)}"},
        timeout=TIMEOUT,
        allow_private=True,  # The operator's configuration names it.
    )
    if answer.status >= 500:
        raise Transient(f"{target.name}: {answer.status}")
    if answer.status >= 300:
        raise Permanent(f"{target.name}: {answer.status} {answer.body[:200].decode(errors='replace')}")
    try:
        return json.loads(answer.body)
    except ValueError as error:
        raise Permanent(f"{target.name}: not JSON: {error}") from error


def _token(client: Client) -> str:
    if client.token_file:
        try:
            return client.token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Permanent(f"{client.token_file} cannot be read: {error}") from error
    return client.token or ""
