"""From the settings of an app to the ports and the command line of daprd 1.18 on a laptop.

Source: `daprd --help`; Dapr's "Dapr arguments and annotations".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from outboard.run.plan.settings import (
    APP_PROTOCOL,
    INTERNAL_GRPC_PORT,
    LISTEN_ADDRESSES,
    METRICS_PORT,
    PROFILE_PORT,
    PROFILING,
    UNIX_SOCKET,
    Value,
    sidecar_arguments,
)
from outboard.run.plan.sidecar_program import API_PORTS

__all__ = ["DaprdProgram", "daprd_arguments", "daprd_variables"]

LOOPBACK: Final = "127.0.0.1"
BETWEEN_SIDECARS: Final = 50002
METRICS: Final = 9090
PROFILES: Final = 7777
APP_SSL: Final = "app-ssl"
SIZES: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "dapr-http-max-request-size": ("max-body-size", "Mi"),
        "dapr-http-read-buffer-size": ("read-buffer-size", "Ki"),
    }
)
"""Options that `dapr run` still takes and daprd no longer does: the one that took its place, and the unit."""


class DaprdProgram:
    """daprd as the program of the sidecars."""

    def first_ports(self, settings: Mapping[str, Value]) -> Mapping[str, int]:
        """Each daprd also opens one for the others and one for metrics; two cannot share the defaults."""
        profiles = {PROFILE_PORT: PROFILES} if settings.get(PROFILING) else {}
        return {**API_PORTS, INTERNAL_GRPC_PORT: BETWEEN_SIDECARS, METRICS_PORT: METRICS, **profiles}

    def arguments(self, app_id: str, settings: Mapping[str, Value]) -> tuple[str, ...]:
        return daprd_arguments(app_id, settings)


def daprd_arguments(app_id: str, settings: Mapping[str, Value]) -> tuple[str, ...]:
    """daprd's command line for the app `app_id` with `settings` by flag, all ports among them.

    It listens on loopback only, unless the settings say otherwise, as Outboard's sidecar does.
    """
    known = {flag: value for flag, value in settings.items() if flag not in SIZES}
    if known.pop(APP_SSL, False):
        known.setdefault(APP_PROTOCOL, "https")
    known.pop(UNIX_SOCKET, None)  # apps are told ports
    for old, (flag, unit) in SIZES.items():
        if old in settings:
            known.setdefault(flag, f"{settings[old]}{unit}")
    fixed: dict[str, Value] = {
        "mode": "standalone",
        LISTEN_ADDRESSES: LOOPBACK,
        "dapr-internal-grpc-listen-address": LOOPBACK,
        "metrics-listen-address": LOOPBACK,
    }
    return sidecar_arguments(app_id, {**fixed, **known})


def daprd_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` with the address at which the other sidecars of this machine find this one."""
    return {"DAPR_HOST_IP": LOOPBACK, **environment}
