"""From the sidecar's answer over HTTP to the exception that an author catches. Pure.

Source: daprd's error bodies ("Error codes reference guide"), both families: `{errorCode, message}` with or
without `details`; plain text for a wrong token. Success is 204, and 200 for what reads. Anything else was
not answered by Dapr.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic_core import from_json

from outboard.errors import PublishFailed, SidecarError, TokenRejected, UnexpectedAnswer
from outboard.kit.client.refusals import (
    MAX_REASON,
    NO_CODE,
    Refusal,
    publish_refused,
    shorten,
    state_refused,
)
from outboard.wire.http import Response

__all__ = ["bulk_errors", "publish_error", "state_error"]

OK: Final = 200
NO_CONTENT: Final = 204
TOO_LARGE: Final = 413
MAX_BEGINNING: Final = 100


def publish_error(response: Response, pubsub: str, topic: str, address: str) -> SidecarError | None:
    """What a publish ended in; None where it succeeded.

    Only what Dapr answers is a success, since whoever believes another 200 deletes what nobody has taken.
    """
    if response.status == NO_CONTENT:
        return None
    if response.status == 401:
        return TokenRejected(address)
    refusal = _refusal(response)
    if refusal is None and response.status == TOO_LARGE:  # of whoever stands before the sidecar
        refusal = Refusal(TOO_LARGE, NO_CODE, shorten(_text(response)))
    if refusal is None:
        return _unexpected(response, f"publishing to topic '{topic}' of '{pubsub}'", address)
    return publish_refused(refusal, pubsub, topic)


def bulk_errors(
    response: Response, pubsub: str, topic: str, count: int, address: str
) -> list[SidecarError | None]:
    """What each of `count` events of a bulk publish ended in, by position; None where it succeeded.

    Entries that a failure does not name have succeeded. An answer that cannot be understood is a failure of
    all. Source: Dapr, "Pub/sub API reference", "Publish multiple messages to a given topic".
    """
    body = _object(response)
    failed = _failed_entries(body) if response.status == OK or response.status >= 500 else None
    if failed and failed.keys() <= {str(position) for position in range(count)}:
        code = _code(body) or NO_CODE
        return [
            PublishFailed(pubsub, topic, response.status, code, shorten(failed[name]))
            if (name := str(position)) in failed
            else None
            for position in range(count)
        ]
    if failed:
        code = _code(body) or NO_CODE
        reason = "its answer to a bulk publish cannot be understood: any of its events may be lost"
        return [PublishFailed(pubsub, topic, response.status, code, reason) for _ in range(count)]
    if response.status == OK and failed == {}:
        return [None] * count
    return [publish_error(response, pubsub, topic, address) for _ in range(count)]


def state_error(
    response: Response,
    store: str,
    operation: str,
    guarded: Sequence[str],
    address: str,
    *,
    reads: bool = False,
) -> SidecarError | None:
    """What an operation on a state store ended in; None where it succeeded.

    `operation` follows "could not"; `guarded` are the keys that were given with an ETag. What `reads` is
    answered with JSON, unless nothing is there.
    """
    if response.status == NO_CONTENT or (reads and response.status == OK and _is_json(response)):
        return None
    if response.status == 401:
        return TokenRejected(address)
    refusal = _refusal(response)
    if refusal is None:
        return _unexpected(response, f"a try to {operation} of state store '{store}'", address)
    return state_refused(refusal, store, operation, guarded)


def _refusal(response: Response) -> Refusal | None:
    """What Dapr says of an error; None where the answer is not one of Dapr's errors."""
    body = _object(response)
    code = _code(body)
    if body is None or not code or response.status < 400:
        return None
    return Refusal(response.status, code, shorten(str(body.get("message") or "")))


def _unexpected(response: Response, operation: str, address: str) -> UnexpectedAnswer:
    kind = response.headers.get("content-type") or "without a content type"
    text = " ".join(_text(response).split())
    beginning = repr(text[:MAX_BEGINNING]) if text else "nothing"
    return UnexpectedAnswer(address, operation, response.status, kind[:MAX_BEGINNING], beginning)


def _is_json(response: Response) -> bool:
    kind, _, _ = response.headers.get("content-type", "").partition(";")
    return kind.strip().lower() == "application/json"


def _text(response: Response) -> str:
    return response.body[:MAX_REASON].decode("utf-8", "replace").strip()


def _object(response: Response) -> dict[str, object] | None:
    try:
        body = from_json(response.body)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _code(body: Mapping[str, object] | None) -> str:
    """Empty where it names none, so that it is no error of Dapr's."""
    return str((body or {}).get("errorCode") or "")


def _failed_entries(body: Mapping[str, object] | None) -> dict[str, str] | None:
    """The errors by entry id; None where the answer is not one to a bulk publish."""
    if body is None or "failedEntries" not in body:
        return None
    entries = body["failedEntries"] or []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return None
    return {str(entry.get("entryId")): str(entry.get("error") or "") for entry in entries}
