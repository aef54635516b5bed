"""A loaded secret store, with what this app needs to use it."""

from __future__ import annotations

from dataclasses import dataclass

from outboard.sidecar.components.port import SecretStore
from outboard.sidecar.resiliency.guard import Guard

__all__ = ["LoadedSecretStore"]


@dataclass(frozen=True, slots=True)
class LoadedSecretStore:
    name: str
    component: SecretStore
    outbound: Guard
