"""What Dapr refuses, whichever API it says it by, as the exception that an author catches. Pure.

Source: daprd's errors ("Error codes reference guide").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from outboard.errors import (
    EtagInvalid,
    EtagMismatch,
    PublishFailed,
    PublishForbidden,
    PubSubNotFound,
    SidecarError,
    StateFailed,
    StateStoreNotFound,
)
from outboard.wire.dapr import ErrorCode

__all__ = ["MAX_REASON", "NO_CODE", "Refusal", "publish_refused", "shorten", "state_refused"]

MAX_REASON: Final = 500
NO_CODE: Final = "without a code"
STORE_MISSING: Final = (ErrorCode.STATE_STORE_NOT_FOUND, ErrorCode.STATE_STORE_NOT_CONFIGURED)


@dataclass(frozen=True, slots=True)
class Refusal:
    """What Dapr says of an error: the HTTP status and the `errorCode` that it has for it, and its words."""

    status: int
    code: str
    message: str


def publish_refused(refusal: Refusal, pubsub: str, topic: str) -> SidecarError:
    """What a publish ended in."""
    if refusal.status == 403:
        return PublishForbidden(pubsub, topic, refusal.message)
    if refusal.code == ErrorCode.PUBSUB_NOT_FOUND:
        return PubSubNotFound(pubsub)
    return PublishFailed(pubsub, topic, refusal.status, refusal.code, refusal.message)


def state_refused(refusal: Refusal, store: str, operation: str, guarded: Sequence[str]) -> SidecarError:
    """What an operation on a state store ended in.

    `operation` follows "could not"; `guarded` are the keys that were given with an ETag.
    """
    if refusal.code in STORE_MISSING:
        return StateStoreNotFound(store)
    key = ", ".join(guarded)
    # A transaction answers 500 for a conflict, so the text decides there (daprd, messages of ETagError).
    if guarded and (refusal.status == 409 or "possible etag mismatch" in refusal.message):
        return EtagMismatch(store, key)
    if guarded and "invalid etag value" in refusal.message:
        return EtagInvalid(store, key)
    return StateFailed(store, operation, refusal.status, refusal.code, refusal.message)


def shorten(text: str) -> str:
    """As much of what was said as a message has room for."""
    if not text:
        return "it gave no reason"
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 1] + "…"
