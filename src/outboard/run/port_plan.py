"""Which port is whose: those that the author gave, and those that are picked for the rest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final, TypeAlias

from outboard.errors import PortTaken
from outboard.host.ports import Ports
from outboard.run.settings import (
    APP_PORT,
    BY_FLAG,
    GRPC_PORT,
    HTTP_PORT,
    INTERNAL_GRPC_PORT,
    METRICS_PORT,
    PROFILE_PORT,
    PROFILING,
    Value,
)
from outboard.run.template import AppSpec
from outboard.wire.dapr import DEFAULT_GRPC_PORT, DEFAULT_HTTP_PORT

__all__ = ["Picks", "of_daprd", "of_own_sidecar", "port_in", "with_ports"]

Picks: TypeAlias = Callable[[Mapping[str, Value]], Mapping[str, int]]
"""From an app's settings to the ports that its sidecar opens: flag → the first one to try."""

PURPOSES: Final[Mapping[str, str]] = {
    APP_PORT: "the app",
    HTTP_PORT: "the sidecar's HTTP API",
    GRPC_PORT: "the sidecar's gRPC API",
    INTERNAL_GRPC_PORT: "the sidecar's port for other sidecars",
    METRICS_PORT: "the sidecar's metrics",
    PROFILE_PORT: "the sidecar's profiling server",
}
API: Final[Mapping[str, int]] = {HTTP_PORT: DEFAULT_HTTP_PORT, GRPC_PORT: DEFAULT_GRPC_PORT}
BETWEEN_SIDECARS: Final = 50002
METRICS: Final = 9090
PROFILES: Final = 7777


def of_own_sidecar(settings: Mapping[str, Value]) -> Mapping[str, int]:
    """Outboard's sidecar opens those of its API."""
    return API


def of_daprd(settings: Mapping[str, Value]) -> Mapping[str, int]:
    """Each daprd also opens one for the others and one for metrics, with defaults that two cannot share."""
    profiles = {PROFILE_PORT: PROFILES} if settings.get(PROFILING) else {}
    return {**API, INTERNAL_GRPC_PORT: BETWEEN_SIDECARS, METRICS_PORT: METRICS, **profiles}


def with_ports(
    specs: Sequence[AppSpec], attached: Collection[str], picks: Picks, ports: Ports
) -> list[dict[str, Value]]:
    """The settings of each of `specs`, with all its ports. The port of an `attached` app may be open already.

    Raises PortTaken for a port that two want, or that somebody has.
    """
    given: dict[int, str] = {}
    for spec in specs:
        for flag in (APP_PORT, *picks(spec.settings)):
            if port := port_in(spec.settings, flag):
                _claim(given, port, spec, flag)
                if flag != APP_PORT or spec.app_id not in attached:
                    _refuse_taken(port, spec, flag, ports)
    return [_with_picked_ports(spec, picks(spec.settings), given, ports) for spec in specs]


def port_in(settings: Mapping[str, Value], flag: str) -> int:
    """The port that `flag` is set to; 0 where it is not."""
    value = settings.get(flag, 0)
    return value if isinstance(value, int) else 0


def _claim(given: dict[int, str], port: int, spec: AppSpec, flag: str) -> None:
    purpose = f"{PURPOSES[flag]} of '{spec.app_id}'"
    if port in given:
        raise PortTaken(port, purpose, f"{given[port]}, of the same run", _option(spec, flag))
    given[port] = purpose


def _refuse_taken(port: int, spec: AppSpec, flag: str, ports: Ports) -> None:
    owner = ports.owner(port)
    if owner is not None:
        raise PortTaken(port, f"{PURPOSES[flag]} of '{spec.app_id}'", owner, _option(spec, flag))


def _option(spec: AppSpec, flag: str) -> str:
    in_file = BY_FLAG[flag].key
    return f"--{flag}" if spec.origin.startswith("--") else f"`{in_file}` ({spec.origin})"


def _with_picked_ports(
    spec: AppSpec, picks: Mapping[str, int], given: dict[int, str], ports: Ports
) -> dict[str, Value]:
    settings = dict(spec.settings)
    for flag, first in picks.items():
        if not port_in(settings, flag):
            port = ports.pick(first, given)
            given[port] = f"{PURPOSES[flag]} of '{spec.app_id}'"
            settings[flag] = port
    return settings
