"""From a breach to the first action, and from an attack to its containment, through a whole running
stack.
"""

from __future__ import annotations

import random
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from bench.breach import DEFAULTS, flip, middle_and_high
from bench.report import Figure
from tests.e2e.stack import Inbox, Stack
from tests.e2e.test_scenarios import demo
from tests.memmon.pages import Pages
from tests.support import eventually

RULES = """
groups:
  - name: bench
    rules:
      - {alert: flipped, expr: flip > 0, labels: {severity: critical, category: bench}}
"""
PLAYBOOKS = """
playbooks:
  - name: bench
    title: 'trial $trial'
    severity: high
    mttr_target: 5m
    match: {labels: {category: bench}}
    correlation: {group_by: [trial]}
    stages:
      - name: act
        due: 60s
        steps:
          - {action: http, parameters: {url: '%s', body: {kind: action, trial: $trial}}}
"""
WITHIN = 90.0


def first_action(trials: int, interval: float) -> list[Figure]:
    """Return median and 95th percentile of the seconds from a breach to the first action of a
    playbook: a call that is received.
    """
    delays: list[float] = []
    with tempfile.TemporaryDirectory(prefix="mms") as folder:
        inbox, target = Inbox(), Pages()
        stack = Stack(Path(folder), inbox, RULES, **({} if interval == 1 else DEFAULTS))
        config = stack.home / "config"
        (config / "playbooks.yml").write_text(PLAYBOOKS % inbox.url)
        (config / "targets.yml").write_text(
            f"targets: [{{name: flip, tier: critical, metrics: '{target.url}/metrics'}}]"
        )
        flip(target, trials, -1)
        try:
            stack.start()
            eventually(lambda: stack.get("/api/v1/query?query=flip")["data"]["result"], within=60)
            for index in range(trials):
                # A breach comes at any time between two scrapes.
                time.sleep(random.uniform(0, interval))
                began = time.perf_counter()
                flip(target, trials, index)
                eventually(lambda trial=str(index): _acted(inbox, trial), within=WITHIN, every=0.005)  # type: ignore[misc]
                delays.append(time.perf_counter() - began)
        finally:
            stack.stop()
            inbox.close()
            target.close()
    p50, p95 = middle_and_high(delays)
    label = f"breach to first action, {interval:g} s scrapes, {trials} trials"
    return [Figure(f"{label}, p50", "s", p50), Figure(f"{label}, p95", "s", p95)]


def _acted(inbox: Inbox, trial: str) -> bool:
    return any(message.get("kind") == "action" and message.get("trial") == trial for message in list(inbox.received))


def containment(trials: int) -> list[Figure]:
    """Return median and 95th percentile of the seconds from the report of an attack to the first
    request of its address that the service refuses.
    """
    delays: list[float] = []
    with tempfile.TemporaryDirectory(prefix="mms") as folder:
        inbox = Inbox()
        stack = Stack(Path(folder), inbox, **DEFAULTS)
        try:
            stack.start("--demo")
            for index in range(trials):
                address = f"203.0.113.{index + 1}"
                time.sleep(random.uniform(0, 2))  # And an attack between two ticks.
                began = time.perf_counter()
                stack.post("/api/security/events", {"event_type": "injection_attempt", "source_ip": address})
                eventually(lambda address_=address: _answer(stack, address_) == 403, within=WITHIN, every=0.01)  # type: ignore[misc]
                delays.append(time.perf_counter() - began)
        finally:
            stack.stop()
            inbox.close()
    p50, p95 = middle_and_high(delays)
    label = f"attack to containment, default intervals, {trials} trials"
    return [Figure(f"{label}, p50", "s", p50), Figure(f"{label}, p95", "s", p95, goal=5.0)]


def _answer(stack: Stack, address: str) -> int:
    """Return what the demo answers at a path that no throttle is about: only a block refuses it."""
    request = urllib.request.Request(f"{demo(stack)['url']}/healthz", headers={"X-Forwarded-For": address})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
