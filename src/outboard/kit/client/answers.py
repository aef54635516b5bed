"""From the sidecar's answer to the exception that an author catches. Pure.

Source: daprd's error bodies ("Error codes reference guide"), both families: `{errorCode, message}` with or
without `details`; and plain text, as for a wrong token.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

__all__ = ["bulk_errors", "publish_error", "state_error"]

MAX_REASON: Final = 500
NO_CODE: Final = "without a code"
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


def bulk_errors(
    response: Response, pubsub: str, topic: str, count: int, address: str
) -> list[SidecarError | None]:
    """What each of `count` events of a bulk publish ended in, by position; None where it succeeded.

    Entries that a failure does not name have succeeded. An answer that cannot be understood is a failure of
    all. Source: Dapr, "Pub/sub API reference", "Publish multiple messages to a given topic".
    """
    if response.ok and not response.body:
        return [None] * count
    if response.ok or response.status >= 500:
        body = _object(response)
        failed = _failed_entries(body)
        if failed and failed.keys() <= {str(position) for position in range(count)}:
            code = _code(body)
            return [
                PublishFailed(pubsub, topic, response.status, code, _shorten(failed[name]))
                if (name := str(position)) in failed
                else None
                for position in range(count)
            ]
        if response.ok and failed == {}:
            return [None] * count
        if response.ok or failed:
            reason = "its answer to a bulk publish cannot be understood: any of its events may be lost"
            return [PublishFailed(pubsub, topic, response.status, _code(body), reason) for _ in range(count)]
    return [publish_error(response, pubsub, topic, address) for _ in range(count)]


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
    body = _object(response)
    if body is None:
        return _Refusal(NO_CODE, _shorten(response.body.decode("utf-8", "replace").strip()))
    return _Refusal(_code(body), _shorten(str(body.get("message") or "")))


def _object(response: Response) -> dict[str, object] | None:
    try:
        body = from_json(response.body)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _code(body: Mapping[str, object] | None) -> str:
    return str((body or {}).get("errorCode") or NO_CODE)


def _failed_entries(body: Mapping[str, object] | None) -> dict[str, str] | None:
    """The errors by entry id; None where the answer is not one to a bulk publish."""
    if body is None:
        return None
    entries = body.get("failedEntries") or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return None
    return {str(entry.get("entryId")): str(entry.get("error") or "") for entry in entries}


def _shorten(text: str) -> str:
    if not text:
        return "it gave no reason"
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 1] + "…"
