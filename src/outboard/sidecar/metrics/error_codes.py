"""The building blocks that error codes of the API belong to. Pure.

Source: Dapr, "Error codes reference".
"""

from __future__ import annotations

from typing import Final

__all__ = ["category_of"]

CATEGORIES: Final = {
    "ERR_ACTOR": "actor",
    "ERR_CONFIGURATION": "configuration",
    "ERR_CONVERSATION": "conversation",
    "ERR_CRYPTO": "crypto",
    "ERR_DIRECT_INVOKE": "service-invocation",
    "ERR_HEALTH": "health",
    "ERR_INVOKE_OUTPUT_BINDING": "binding",
    "ERR_LOCK": "lock",
    "ERR_NOT_SUPPORTED_STATE": "state",
    "ERR_OUTBOUND_HEALTH": "health",
    "ERR_PERMISSION_DENIED": "secret",
    "ERR_PUBLISH": "pubsub",
    "ERR_PUBSUB": "pubsub",
    "ERR_SECRET": "secret",
    "ERR_STATE": "state",
    "ERR_TOPIC": "pubsub",
}
"""The building block of an error code, by how the code begins."""
COMMON: Final = "common"


def category_of(code: str) -> str:
    """The building block that daprd counts an error code under."""
    return next((category for start, category in CATEGORIES.items() if code.startswith(start)), COMMON)
