"""What the sidecar is told of an event after the app has answered it. Pure.

Source: Dapr, "Pub/sub API reference", "Provide a route for Dapr to deliver topic events"; daprd 1.18,
which does so with an answer over HTTP.
"""

from __future__ import annotations

from typing import Final

from pydantic_core import from_json

from outboard.wire.dapr import DeliveryStatus
from outboard.wire.http import Response

__all__ = ["status_of"]

NOT_FOUND: Final = 404


def status_of(response: Response) -> DeliveryStatus:
    """An answer without a status is a success; one that cannot be understood lets the event come again."""
    if response.status == NOT_FOUND:
        return DeliveryStatus.DROP
    if not response.ok:
        return DeliveryStatus.RETRY
    try:
        body = from_json(response.body)
    except ValueError:
        body = None
    said = body.get("status") if isinstance(body, dict) else None
    if not said:
        return DeliveryStatus.SUCCESS
    return next((status for status in DeliveryStatus if status == said), DeliveryStatus.RETRY)
