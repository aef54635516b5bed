"""Which components the sidecar has, asked only where one was not found."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from copy import copy
from typing import Final, TypeAlias

from outboard.errors import PubSubNotFound, SidecarError, StateStoreNotFound
from outboard.kit.client.port import PublishResult
from outboard.resources.node import near

__all__ = ["AskComponents", "Component", "name_loaded", "name_loaded_of_each"]

Component: TypeAlias = tuple[str, str]
"""Name and type."""
AskComponents: TypeAlias = Callable[[float], Awaitable[Sequence[Component] | None]]
"""Ask the sidecar for its components, within so many seconds; None where it does not tell."""

LONGEST_WAIT: Final = 1.0
MOST_NAMES: Final = 10


async def name_loaded(error: SidecarError, ask: AskComponents, timeout: float) -> SidecarError:
    """`error`; where a component was not found, with those that there are in its place.

    Waits a second at most, and no longer than `timeout`; where the sidecar does not tell, the error stays as
    it is.
    """
    if timeout <= 0 or not isinstance(error, PubSubNotFound | StateStoreNotFound):
        return error
    components = await ask(min(timeout, LONGEST_WAIT))
    if components is None:
        return error
    category = "pubsub" if isinstance(error, PubSubNotFound) else "state"
    return _named(error, [name for name, type in components if type.startswith(f"{category}.")])


async def name_loaded_of_each(
    outcomes: Sequence[PublishResult], ask: AskComponents, timeout: float
) -> Sequence[PublishResult]:
    """As `name_loaded` for the outcomes of a batch, one of them PubSubNotFound: asks once."""
    missing = next(each for each in outcomes if isinstance(each, PubSubNotFound))
    named = await name_loaded(missing, ask, timeout)
    return [
        copy(named) if isinstance(each, PubSubNotFound) else each
        for each in outcomes  # an exception of its own for each of those who wait
    ]


def _named(error: PubSubNotFound | StateStoreNotFound, names: Sequence[str]) -> SidecarError:
    if isinstance(error, PubSubNotFound):
        return PubSubNotFound(error.pubsub, _told(error.pubsub, names, "pub/sub component"))
    return StateStoreNotFound(error.store, _told(error.store, names, "state store"))


def _told(wanted: str, names: Sequence[str], kind: str) -> str:
    if not names:
        return f"No {kind} at all is loaded there."
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    hint = near(wanted, names)
    return f"Loaded there: {', '.join(names[:MOST_NAMES])}{more}. {hint}".rstrip()
