"""Which port is whose: those that the author gave, and those that are picked for the rest."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from outboard.errors import PortTaken
from outboard.host.ports import Ports
from outboard.run.plan.settings import (
    APP_PORT,
    BY_FLAG,
    GRPC_PORT,
    HTTP_PORT,
    INTERNAL_GRPC_PORT,
    METRICS_PORT,
    PROFILE_PORT,
    Value,
)
from outboard.run.plan.sidecar_program import SidecarProgram
from outboard.run.plan.template import AppSpec

__all__ = ["port_in", "with_ports"]

PURPOSES: Final[Mapping[str, str]] = {
    APP_PORT: "the app",
    HTTP_PORT: "the sidecar's HTTP API",
    GRPC_PORT: "the sidecar's gRPC API",
    INTERNAL_GRPC_PORT: "the sidecar's port for other sidecars",
    METRICS_PORT: "the sidecar's metrics",
    PROFILE_PORT: "the sidecar's profiling server",
}


def with_ports(
    specs: Sequence[AppSpec], attached: Collection[str], program: SidecarProgram, ports: Ports
) -> list[dict[str, Value]]:
    """The settings of each of `specs`, with all its ports. The port of an `attached` app may be open already.

    Raises PortTaken for a port that two want, or that somebody has.
    """
    given: dict[int, str] = {}
    for spec in specs:
        for flag in (APP_PORT, *program.first_ports(spec.settings)):
            if port := port_in(spec.settings, flag):
                _claim(given, port, spec, flag)
                if flag != APP_PORT or spec.app_id not in attached:
                    _refuse_taken(port, spec, flag, ports)
    return [_with_picked_ports(spec, program.first_ports(spec.settings), given, ports) for spec in specs]


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
    spec: AppSpec, first_ports: Mapping[str, int], given: dict[int, str], ports: Ports
) -> dict[str, Value]:
    settings = dict(spec.settings)
    for flag, first in first_ports.items():
        if not port_in(settings, flag):
            port = ports.pick(first, given)
            given[port] = f"{PURPOSES[flag]} of '{spec.app_id}'"
            settings[flag] = port
    return settings
