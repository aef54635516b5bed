"""From the sidecar's answer to the exception that an author catches. Pure.

Source: daprd's error bodies ("Error codes reference guide"), both families: `{errorCode, message}` with or
without `details`; and plain text, as for a wrong token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic_core import from_json

from outboard.errors import (
    EtagInvalid,
    EtagMismatch,
    PublishFailed,
    PublishForbidden,
    PubSubNotFound,
    SidecarError,
    StateFailed,
    StateStoreNotFound,
    TokenRejected,
)
from outboard.wire.dapr import ErrorCode
from outboard.wire.http import Response

__all__ = ["publish_error", "state_error"]

MAX_REASON: Final = 500
STORE_MISSING: Final = (ErrorCode.STATE_STORE_NOT_FOUND, ErrorCode.STATE_STORE_NOT_CONFIGURED)


@dataclass(frozen=True, slots=True)
class _Refusal:
    code: str
    message: str


def publish_error(response: Response, pubsub: str, topic: str, address: str) -> SidecarError | None:
    """What a publish ended in; None where it succeeded."""
    if response.ok:
        return None
    refusal = _read(response)
    if response.status == 401:
        return TokenRejected(address)
    if response.status == 403:
        return PublishForbidden(pubsub, topic, refusal.message)
    if refusal.code == ErrorCode.PUBSUB_NOT_FOUND:
        return PubSubNotFound(pubsub)
    return PublishFailed(pubsub, topic, response.status, refusal.code, refusal.message)


def state_error(
    response: Response, store: str, operation: str, guarded: Sequence[str], address: str
) -> SidecarError | None:
    """What an operation on a state store ended in; None where it succeeded.

    `operation` follows "could not"; `guarded` are the keys that were given with an ETag.
    """
    if response.ok:
        return None
    refusal = _read(response)
    key = ", ".join(guarded)
    if response.status == 401:
        return TokenRejected(address)
    if refusal.code in STORE_MISSING:
        return StateStoreNotFound(store)
    # A transaction answers 500 for a conflict, so the text decides there (daprd, messages of ETagError).
    if guarded and (response.status == 409 or "possible etag mismatch" in refusal.message):
        return EtagMismatch(store, key)
    if guarded and "invalid etag value" in refusal.message:
        return EtagInvalid(store, key)
    return StateFailed(store, operation, response.status, refusal.code, refusal.message)


def _read(response: Response) -> _Refusal:
    try:
        body = from_json(response.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return _Refusal("without a code", _shorten(response.body.decode("utf-8", "replace").strip()))
    code = str(body.get("errorCode") or "without a code")
    return _Refusal(code, _shorten(str(body.get("message") or "it gave no reason")))


def _shorten(text: str) -> str:
    if not text:
        return "it gave no reason"
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 1] + "…"
