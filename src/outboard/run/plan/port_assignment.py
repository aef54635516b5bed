"""Which port is whose: those that the author gave, and those that are picked for the rest."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
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
    PORTS,
    PROFILE_PORT,
    Value,
)
from outboard.run.plan.sidecar_program import SidecarProgram
from outboard.run.plan.template import AppSpec
from outboard.wire.dapr import DEFAULT_HTTP_PORT

__all__ = ["PURPOSES", "EarlierPorts", "port_in", "ports_in_arguments", "shared_app_ports", "with_ports"]

PURPOSES: Final[Mapping[str, str]] = {
    APP_PORT: "the app",
    HTTP_PORT: "the sidecar's HTTP API",
    GRPC_PORT: "the sidecar's gRPC API",
    INTERNAL_GRPC_PORT: "the sidecar's port for other sidecars",
    METRICS_PORT: "the sidecar's metrics",
    PROFILE_PORT: "the sidecar's profiling server",
}


@dataclass(frozen=True, slots=True)
class EarlierPorts:
    """Those of the run that is planned again, by app and flag. Somebody else has those that are `lost`."""

    of_apps: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    lost: frozenset[int] = frozenset()

    def of(self, app_id: str, flag: str) -> int:
        """The port that the app had; 0 where it had none, or can have it no longer."""
        port = self.of_apps.get(app_id, {}).get(flag, 0)
        return 0 if port in self.lost else port

    def holds(self, port: int) -> bool:
        """Whether `port` is open because the run itself has it."""
        return port not in self.lost and any(port in ports.values() for ports in self.of_apps.values())


NO_EARLIER_PORTS: Final = EarlierPorts()


def with_ports(
    specs: Sequence[AppSpec],
    attached: Collection[str],
    program: SidecarProgram,
    ports: Ports,
    earlier: EarlierPorts = NO_EARLIER_PORTS,
) -> list[dict[str, Value]]:
    """The settings of each of `specs`, with all its ports.

    The port of an app that is not started here (an `attached` one, or one without a command) may be open
    already, and two apps may have one, as with `dapr run`. Beside others nobody is given the default port of
    the HTTP API: code that names it would reach a sidecar that is not its own. Of a run that is planned again
    each app keeps the ports of `earlier`, where it can.

    Raises PortTaken for another port that two want, or that somebody has.
    """
    given: dict[int, str] = {}
    of_apps: set[int] = set()
    for spec in specs:
        for flag in (APP_PORT, *program.first_ports(spec.settings)):
            port = port_in(spec.settings, flag)
            if not port or (flag == APP_PORT and port in of_apps):
                continue
            _claim(given, port, spec, flag)
            if flag == APP_PORT:
                of_apps.add(port)
            if (flag != APP_PORT or _opens_port(spec, attached)) and not earlier.holds(port):
                _refuse_taken(port, spec, flag, ports)
    if len(specs) > 1:
        given.setdefault(DEFAULT_HTTP_PORT, "nobody")
    given.update(dict.fromkeys(earlier.lost, "somebody else"))
    kept = [_with_kept_ports(spec, program.first_ports(spec.settings), given, earlier) for spec in specs]
    return [
        _with_picked_ports(spec, settings, program.first_ports(spec.settings), given, ports)
        for spec, settings in zip(specs, kept, strict=True)
    ]


def shared_app_ports(specs: Sequence[AppSpec]) -> dict[int, list[str]]:
    """The app ports that several apps have, and their names."""
    apps: dict[int, list[str]] = {}
    for spec in specs:
        if port := port_in(spec.settings, APP_PORT):
            apps.setdefault(port, []).append(spec.app_id)
    return {port: names for port, names in apps.items() if len(names) > 1}


def port_in(settings: Mapping[str, Value], flag: str) -> int:
    """The port that `flag` is set to; 0 where it is not."""
    value = settings.get(flag, 0)
    return value if isinstance(value, int) else 0


def ports_in_arguments(arguments: Sequence[str]) -> dict[str, int]:
    """The ports in a sidecar's command line, by flag."""
    return {
        name[2:]: int(value)
        for name, value in pairwise(arguments)
        if name[2:] in PORTS and name.startswith("--")
    }


def _opens_port(spec: AppSpec, attached: Collection[str]) -> bool:
    """Whether the app of `spec` is started by this run."""
    return bool(spec.command) and spec.app_id not in attached


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


def _with_kept_ports(
    spec: AppSpec, flags: Collection[str], given: dict[int, str], earlier: EarlierPorts
) -> dict[str, Value]:
    settings = dict(spec.settings)
    for flag in flags:
        port = earlier.of(spec.app_id, flag)
        if port and port not in given and not port_in(settings, flag):
            given[port] = f"{PURPOSES[flag]} of '{spec.app_id}'"
            settings[flag] = port
    return settings


def _with_picked_ports(
    spec: AppSpec,
    settings: dict[str, Value],
    first_ports: Mapping[str, int],
    given: dict[int, str],
    ports: Ports,
) -> dict[str, Value]:
    for flag, first in first_ports.items():
        if not port_in(settings, flag):
            port = ports.pick(first, given)
            given[port] = f"{PURPOSES[flag]} of '{spec.app_id}'"
            settings[flag] = port
    return settings
