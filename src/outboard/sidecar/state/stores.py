"""A loaded state store, and several items of it saved or deleted at a time, under its outbound policies.

Source: Dapr, "State management API reference"; daprd 1.18 for what is tried again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from outboard.sidecar.components.port import (
    ComponentError,
    Delete,
    EtagInvalidError,
    EtagMismatchError,
    Set,
    StateStore,
)
from outboard.sidecar.components.remote_state import RemoteState
from outboard.sidecar.resiliency.guard import Guard
from outboard.sidecar.state.settings import OutboxSettings

__all__ = ["LoadedStateStore", "WriteFailed", "write_all"]

CONFLICTS: Final = (EtagMismatchError, EtagInvalidError)


@dataclass(frozen=True, slots=True)
class LoadedStateStore:
    """`key_prefix` is empty where keys get none; `outbox` is None where there is none."""

    name: str
    component: StateStore
    key_prefix: str
    outbound: Guard
    outbox: OutboxSettings | None = None
    remote: RemoteState | None = field(init=False)
    """The component again, if it is another process."""

    def __post_init__(self) -> None:
        # Once, and not for each request: to ask whether it has all methods of a protocol takes 10 µs.
        remote = self.component if isinstance(self.component, RemoteState) else None
        object.__setattr__(self, "remote", remote)


class WriteFailed(ComponentError):
    """What the last attempt failed with; `several` if it was one of several items."""

    def __init__(self, errors: Sequence[ComponentError], *, several: bool, permanent: bool) -> None:
        super().__init__("\n".join(map(str, errors)))
        self.errors = errors
        self.several = several
        self.permanent = permanent


async def write_all(store: LoadedStateStore, operations: Sequence[Set | Delete]) -> None:
    """Do all, side by side. Of what failed all but conflicts of ETags is tried again, as the policies say.

    A store that is another process is asked for several in one step, which fails as a whole. Raises
    WriteFailed; another Failure for that, and where time is up or the circuit breaker refuses.
    """
    rest = operations

    async def attempt() -> None:
        nonlocal rest
        if len(rest) > 1 and store.remote is not None:
            await _do_together(store.remote, rest)
            return
        failed, several = await _do_each(store.component, rest), len(rest) > 1
        if failed:
            rest = [operation for operation, error in failed if not isinstance(error, CONFLICTS)]
            raise WriteFailed([error for _, error in failed], several=several, permanent=not rest)

    if operations:
        await store.outbound.run(attempt)


async def _do_together(store: RemoteState, operations: Sequence[Set | Delete]) -> None:
    """In one step: all of them are to be saved, or all to be deleted. Raises ComponentError."""
    sets = [each for each in operations if isinstance(each, Set)]
    if sets:
        await store.set_many(sets)
    else:
        await store.delete_many([each for each in operations if isinstance(each, Delete)])


async def _do_each(
    store: StateStore, operations: Sequence[Set | Delete]
) -> list[tuple[Set | Delete, ComponentError]]:
    """The operations that failed, each with its error."""

    async def one(operation: Set | Delete) -> ComponentError | None:
        try:
            await (store.set(operation) if isinstance(operation, Set) else store.delete(operation))
        except ComponentError as error:
            return error
        return None

    outcomes = await asyncio.gather(*map(one, operations))
    found = zip(operations, outcomes, strict=True)
    return [(operation, error) for operation, error in found if error is not None]
