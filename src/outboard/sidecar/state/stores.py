"""A loaded state store, and the saving of several items in it at a time, under its outbound policies.

Source: Dapr, "State management API reference"; daprd 1.18 for what is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from outboard.sidecar.components.port import (
    ComponentError,
    EtagInvalidError,
    EtagMismatchError,
    Set,
    StateStore,
)
from outboard.sidecar.resiliency.guard import Guard
from outboard.sidecar.state.settings import OutboxSettings

__all__ = ["LoadedStateStore", "SaveFailed", "save_all"]

CONFLICTS: Final = (EtagMismatchError, EtagInvalidError)


@dataclass(frozen=True, slots=True)
class LoadedStateStore:
    """`key_prefix` is empty where keys get none; `outbox` is None where there is none."""

    name: str
    component: StateStore
    key_prefix: str
    outbound: Guard
    outbox: OutboxSettings | None = None


class SaveFailed(ComponentError):
    """What the last attempt failed with; `several` if it was one of several items."""

    def __init__(self, errors: Sequence[ComponentError], *, several: bool, permanent: bool) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = errors
        self.several = several
        self.permanent = permanent


async def save_all(store: LoadedStateStore, operations: Sequence[Set]) -> None:
    """Set all. Of what failed all but conflicts of ETags is tried again, as the policies say.

    Raises SaveFailed; another Failure where time is up or the circuit breaker refuses.
    """
    rest = operations

    async def attempt() -> None:
        nonlocal rest
        failed, several = await _set_each(store.component, rest), len(rest) > 1
        if failed:
            rest = [operation for operation, error in failed if not isinstance(error, CONFLICTS)]
            raise SaveFailed([error for _, error in failed], several=several, permanent=not rest)

    if operations:
        await store.outbound.run(attempt)


async def _set_each(store: StateStore, operations: Sequence[Set]) -> list[tuple[Set, ComponentError]]:
    """Set all side by side: the operations that failed, each with its error."""

    async def one(operation: Set) -> ComponentError | None:
        try:
            await store.set(operation)
        except ComponentError as error:
            return error
        return None

    outcomes = await asyncio.gather(*map(one, operations))
    found = zip(operations, outcomes, strict=True)
    return [(operation, error) for operation, error in found if error is not None]
