"""A loaded state store, with what this app needs to use it."""

from __future__ import annotations

from dataclasses import dataclass

from outboard.sidecar.components.port import StateStore
from outboard.sidecar.resiliency.guard import Guard
from outboard.sidecar.state.settings import OutboxSettings

__all__ = ["LoadedStateStore"]


@dataclass(frozen=True, slots=True)
class LoadedStateStore:
    """`key_prefix` is empty where keys get none; `outbox` is None where there is none."""

    name: str
    component: StateStore
    key_prefix: str
    outbound: Guard
    outbox: OutboxSettings | None = None
