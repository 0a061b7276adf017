"""How channels that speak HTTP post: who they say they are, and what an answer means."""

from __future__ import annotations

import base64
import email.utils
import ssl
import time
from pathlib import Path
from typing import Any

from memmon import outbound
from memmon.config.receivers import Global, HttpConfig, TlsConfig
from memmon.errors import Permanent, Transient
from memmon.notify.channels.base import RateLimited

TIMEOUT = 10.0
LONGEST_WAIT = 600.0
RETRIED = frozenset({408, 429})


def post(
    url: str,
    body: Any,
    http: HttpConfig | None,
    defaults: Global,
    timeout: float,
    headers: dict[str, str] | None = None,
) -> outbound.Response:
    """Post JSON; return the answer of status 2xx. Raises Transient for retriable failures,
    Permanent for others.

    The operator wrote the address, so it may be a private one.
    """
    config = http or defaults.http_config or HttpConfig()
    answer = outbound.request(
        "POST",
        url,
        json=body,
        headers={**_headers(config), **(headers or {})},
        timeout=timeout or TIMEOUT,
        allow_private=True,
        tls=tls(config.tls_config) if config.tls_config else None,
        proxy=config.proxy_url,
    )
    judge(answer)
    return answer


def answer_text(answer: outbound.Response) -> str:
    """Return an answer as a line for the record."""
    return f"{answer.status} {answer.body[:200].decode(errors='replace')}".strip()


def judge(answer: outbound.Response, retried: frozenset[int] = RETRIED) -> None:
    """Raise what an answer means: 2xx is done, 5xx and those of `retried` are worth another try,
    all else is not.
    """
    if 200 <= answer.status < 300:
        return
    if answer.status in retried or answer.status >= 500:
        after = answer.headers.get("Retry-After")
        raise RateLimited(answer_text(answer), seconds(after)) if after else Transient(answer_text(answer))
    raise Permanent(answer_text(answer))


def tls(config: TlsConfig) -> ssl.SSLContext:
    """Return how a certificate is checked."""
    try:
        context = ssl.create_default_context(cafile=config.ca_file and str(config.ca_file))
        if config.cert_file:
            context.load_cert_chain(config.cert_file, config.key_file)
    except (OSError, ssl.SSLError) as error:
        raise Permanent(f"a certificate cannot be read: {error}") from error
    if config.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _headers(config: HttpConfig) -> dict[str, str]:
    headers = dict(config.headers)
    for name, header in config.http_headers.items():
        values = [*header.values, *header.secrets, *(content(path) for path in header.files)]
        headers[name] = ", ".join(values)
    if config.authorization:
        secret = config.authorization.credentials or content(config.authorization.credentials_file)
        headers["Authorization"] = f"{config.authorization.type} {secret}"
    elif config.bearer_token or config.bearer_token_file:
        headers["Authorization"] = f"Bearer {config.bearer_token or content(config.bearer_token_file)}"
    elif config.basic_auth:
        one_ = config.basic_auth
        user = one_.username or (content(one_.username_file) if one_.username_file else "")
        password = one_.password or (content(one_.password_file) if one_.password_file else "")
        headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    return headers


def header(text: str) -> str:
    """Return `text` as a header can hold it: an id is made of labels, and a label may hold
    anything.
    """
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)


def content(path: Path | None) -> str:
    """Return what a file of a secret holds."""
    try:
        return (path or Path()).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Permanent(f"{path} cannot be read: {error}") from error


def seconds(text: str) -> float:
    """Return what Retry-After asks for, in seconds: a number or a date, at most ten minutes."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), LONGEST_WAIT)
    try:
        return min(max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time()), LONGEST_WAIT)
    except ValueError:
        return 0.0
