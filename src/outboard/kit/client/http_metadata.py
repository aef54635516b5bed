"""What a sidecar tells of its components over HTTP.

Source: Dapr, "Metadata API reference".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pydantic_core import from_json

from outboard.kit.client import api
from outboard.kit.client.loaded import AskComponents, Component
from outboard.kit.client.settings import Settings
from outboard.wire.dapr import METADATA_PATH
from outboard.wire.http import Exchange, ExchangeFailed, Request

__all__ = ["asking_components"]

OK: Final = 200


def asking_components(exchange: Exchange, settings: Settings) -> AskComponents:
    """How the sidecar at the other end of `exchange` is asked."""
    request = api.authorized(Request("GET", METADATA_PATH), settings.api_token)

    async def ask(timeout: float) -> Sequence[Component] | None:
        try:
            response = await exchange(request, timeout)
        except ExchangeFailed:
            return None
        return _components(response.body) if response.status == OK else None

    return ask


def _components(body: bytes) -> list[Component] | None:
    """None where the answer is not one of Dapr's."""
    try:
        answer = from_json(body)
    except ValueError:
        return None
    if not isinstance(answer, dict):
        return None
    components = answer.get("components") or []
    if not isinstance(components, list) or not all(isinstance(each, dict) for each in components):
        return None
    return [(str(each.get("name")), str(each.get("type"))) for each in components]
