"""Which components the sidecar has, asked only where one was not found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic_core import from_json

from outboard.errors import PubSubNotFound, SidecarError, StateStoreNotFound
from outboard.kit.client import api
from outboard.kit.client.settings import Settings
from outboard.resources.node import near
from outboard.wire.dapr import METADATA_PATH
from outboard.wire.http import Exchange, ExchangeFailed, Request

__all__ = ["name_loaded"]

LONGEST_WAIT: Final = 1.0
MOST_NAMES: Final = 10
OK: Final = 200


async def name_loaded(
    error: SidecarError, exchange: Exchange, settings: Settings, timeout: float
) -> SidecarError:
    """`error`; where a component was not found, with those that there are in its place.

    Waits a second at most, and no longer than `timeout`; where the sidecar does not tell, the error stays as
    it is.
    """
    if timeout <= 0 or not isinstance(error, PubSubNotFound | StateStoreNotFound):
        return error
    request = api.authorized(Request("GET", METADATA_PATH), settings.api_token)
    try:
        response = await exchange(request, min(timeout, LONGEST_WAIT))
    except ExchangeFailed:
        return error
    category = "pubsub" if isinstance(error, PubSubNotFound) else "state"
    names = _names(response.body, category) if response.status == OK else None
    return error if names is None else _named(error, names)


def _names(body: bytes, category: str) -> list[str] | None:
    """The names of the components of one category; None where the answer is not one of Dapr's."""
    try:
        answer = from_json(body)
    except ValueError:
        return None
    if not isinstance(answer, dict):
        return None
    components = answer.get("components") or []
    if not isinstance(components, list) or not all(isinstance(each, dict) for each in components):
        return None
    return [str(each.get("name")) for each in components if str(each.get("type")).startswith(f"{category}.")]


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
