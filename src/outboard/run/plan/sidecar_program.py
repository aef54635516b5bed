"""What a plan has to know of the program that serves as sidecar: a port, and Outboard's own sidecar."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Protocol

from outboard.run.plan.settings import GRPC_PORT, HTTP_PORT, Value, sidecar_arguments
from outboard.wire.dapr import DEFAULT_GRPC_PORT, DEFAULT_HTTP_PORT

__all__ = ["API_PORTS", "OutboardProgram", "SidecarProgram"]

API_PORTS: Final[Mapping[str, int]] = MappingProxyType(
    {HTTP_PORT: DEFAULT_HTTP_PORT, GRPC_PORT: DEFAULT_GRPC_PORT}
)


class SidecarProgram(Protocol):
    """Decides about one program; it starts nothing."""

    def first_ports(self, settings: Mapping[str, Value]) -> Mapping[str, int]:
        """The ports that a sidecar with `settings` opens: flag → the first one to try."""
        ...

    def arguments(self, app_id: str, settings: Mapping[str, Value]) -> tuple[str, ...]:
        """Its command line for the app `app_id` with `settings` by flag, all ports among them."""
        ...


class OutboardProgram:
    """Outboard's own sidecar: it opens the ports of its API only, and takes the settings as they are."""

    def first_ports(self, settings: Mapping[str, Value]) -> Mapping[str, int]:
        return API_PORTS

    def arguments(self, app_id: str, settings: Mapping[str, Value]) -> tuple[str, ...]:
        return sidecar_arguments(app_id, settings)
