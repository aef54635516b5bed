"""The loaded state and secret stores, each with what this app needs to use it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from outboard.resources.resiliency import Policies
from outboard.sidecar.components.port import SecretStore, StateStore

NO_POLICIES: Final = Policies()

__all__ = ["LoadedSecretStore", "LoadedStateStore"]


@dataclass(frozen=True, slots=True)
class LoadedStateStore:
    """`key_prefix` is empty where keys get none."""

    name: str
    component: StateStore
    key_prefix: str
    outbound: Policies = NO_POLICIES


@dataclass(frozen=True, slots=True)
class LoadedSecretStore:
    name: str
    component: SecretStore
