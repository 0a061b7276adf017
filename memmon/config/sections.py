"""checks.yml and detectors.yml: the health checks and the security detectors."""

from __future__ import annotations

import ipaddress
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from memmon.config.model import Seconds, Section


class Check(Section):
    """One health check: its weight in the score, its time limit and its own limits by name."""

    name: Literal["database", "cache", "memory_system", "cxd_classifier", "system_resources"]
    enabled: bool = True
    weight: float = Field(1.0, ge=0)
    timeout: Seconds = Field(5.0, gt=0, le=60)
    limits: dict[str, float] = {}


class Checks(Section):
    """Every health check."""

    checks: tuple[Check, ...] = ()


class Detector(Section):
    """One detector of security events."""

    name: Literal["brute_force_attack", "injection_attempt"]
    enabled: bool = True
    threshold: int = Field(1, ge=1)
    window: Seconds = Field(900.0, gt=0)
    block: bool = True
    block_for: Seconds = Field(3600.0, gt=0)


def _network(value: str) -> str:
    return str(ipaddress.ip_network(value, strict=False))


Network = Annotated[str, AfterValidator(_network)]
"""An address, or a network in CIDR notation."""


class Detectors(Section):
    """The detectors, and the addresses (networks in CIDR notation) that are never blocked."""

    detectors: tuple[Detector, ...] = ()
    allow: tuple[Network, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
