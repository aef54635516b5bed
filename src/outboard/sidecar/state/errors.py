"""daprd's errors about state.

Source: Dapr, "Error codes reference"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from outboard.resources.left_out import LeftOut
from outboard.sidecar.components.port import EtagInvalidError, EtagMismatchError
from outboard.sidecar.components.remote_state import OwnAnswerError, StatusError
from outboard.sidecar.components.unavailable import explained
from outboard.sidecar.errors import ApiError, BadRequest, Detail, ErrorInfo, Help, ResourceInfo
from outboard.sidecar.resiliency.failure import Failure

__all__ = [
    "AnsweredByComponent",
    "KeyRefused",
    "UnlikeFailures",
    "bulk_delete_failed",
    "bulk_get_failed",
    "delete_failed",
    "get_failed",
    "illegal_key",
    "key_missing",
    "not_configured",
    "not_found",
    "not_queryable",
    "not_transactional",
    "outbox_failed",
    "own_answer",
    "query_failed",
    "save_failed",
    "too_many_operations",
    "transaction_failed",
]

MALFORMED: Final = "ERR_MALFORMED_REQUEST"
SAVE: Final = "ERR_STATE_SAVE"
MISMATCH: Final = "possible etag mismatch. error from state store"
INVALID: Final = "invalid etag value"
DOCUMENTATION: Final = "https://docs.dapr.io/reference/components-reference/supported-state-stores/"


def not_configured(store: str, left_out: Sequence[LeftOut], app_id: str | None = None) -> ApiError:
    """There is no state store at all. Of a query daprd does not tell the app."""
    message = explained(f"state store {store} is not configured", store, left_out)
    return ApiError(
        500, "ERR_STATE_STORE_NOT_CONFIGURED", message, ErrorInfo("DAPR_STATE_NOT_CONFIGURED", _app(app_id))
    )


def not_found(store: str, left_out: Sequence[LeftOut], app_id: str | None = None) -> ApiError:
    """There are state stores, but not this one. Of a query daprd does not tell the app."""
    message = explained(f"state store {store} is not found", store, left_out)
    return ApiError(
        400, "ERR_STATE_STORE_NOT_FOUND", message, ErrorInfo("DAPR_STATE_NOT_FOUND", _app(app_id))
    )


def _app(app_id: str | None) -> dict[str, str] | None:
    return None if app_id is None else {"appID": app_id}


def not_queryable(store: str) -> ApiError:
    """The store cannot be queried."""
    return ApiError(
        500,
        "ERR_STATE_STORE_NOT_SUPPORTED",
        "state store does not support querying",
        ResourceInfo("state", store),
        ErrorInfo("DAPR_STATE_QUERYING_NOT_SUPPORTED"),
    )


def query_failed(store: str, reason: str) -> ApiError:
    """The store could be queried, but this query failed."""
    return ApiError(
        500,
        "ERR_STATE_QUERY",
        f"state store {store} query failed: {reason}",
        ResourceInfo("state", store),
        ErrorInfo("DAPR_STATE_QUERY_FAILED"),
    )


class UnlikeFailures(ApiError):
    """Of several operations some failed for their ETags and some did not: over gRPC all are told, `every`."""

    def __init__(self, status: int, code: str, message: str, *, every: str) -> None:
        super().__init__(status, code, message)
        self.every = every


class AnsweredByComponent(ApiError):
    """Over gRPC the app gets the status of the component itself: `number`, `answer` and `told`."""

    def __init__(
        self, status: int, code: str, message: str, *details: Detail, number: int, answer: str,
        told: Sequence[Detail] = (),
    ) -> None:  # fmt: skip
        super().__init__(status, code, message, *details, category="state")
        self.number = number
        self.answer = answer
        self.told = told


class KeyRefused(ApiError):
    """`key` contains the separator of prefixes; `problem` says so without what HTTP puts around it."""

    def __init__(self, message: str, *details: Detail, key: str, problem: str) -> None:
        super().__init__(400, MALFORMED, message, *details, category="state")
        self.key = key
        self.problem = problem


def illegal_key(store: str, key: str, problem: str, field: str) -> KeyRefused:
    """A key that contains the separator of prefixes; `field` is what HTTP calls it."""
    message = f"api error: code = InvalidArgument desc = {problem}"
    details: list[Detail] = [
        BadRequest(field, message),
        ResourceInfo("state", store),
        ErrorInfo("DAPR_STATE_ILLEGAL_KEY"),
    ]
    return KeyRefused(message, *details, key=key, problem=problem)


def key_missing() -> ApiError:
    """An item that is to be saved has no key."""
    return ApiError(400, MALFORMED, '"key" is a required field')


def get_failed(store: str, key: str, reason: str, error: Failure | None = None) -> ApiError:
    """The value could not be read, or not be sent."""
    message = f"fail to get {key} from state store {store}: {reason}"
    return _answered("ERR_STATE_GET", message, error) or ApiError(500, "ERR_STATE_GET", message)


def bulk_get_failed(error: Failure) -> ApiError:
    """None of the values could be read."""
    code = "ERR_STATE_BULK_GET"
    if isinstance(error, StatusError) and not isinstance(error, OwnAnswerError):
        return AnsweredByComponent(500, code, str(error), number=error.number, answer=error.message)
    return _answered(code, str(error), error) or ApiError(500, code, str(error))


def own_answer(error: OwnAnswerError) -> ApiError:
    """Over HTTP, too, the answer is the component's."""
    told = ErrorInfo(error.reason, None, error.domain)
    return AnsweredByComponent(
        error.http_status, error.tag or error.reason, error.message, told,
        number=error.number, answer=error.message, told=[told],
    )  # fmt: skip


def _answered(code: str, message: str, error: Failure | None) -> ApiError | None:
    """What a component says itself: over HTTP the status alone. None where it does not."""
    if not isinstance(error, OwnAnswerError):
        return None
    told = [ErrorInfo(error.reason, None, error.domain)]
    return AnsweredByComponent(
        error.http_status, code, message, number=error.number, answer=error.message, told=told
    )


def delete_failed(key: str, error: Failure) -> ApiError:
    """The value could not be deleted, or has another ETag."""
    code, message = "ERR_STATE_DELETE", f"failed deleting state with key {key}: {error}"
    return _answered(code, message, error) or ApiError(_status(error), code, message)


def transaction_failed(error: Failure) -> ApiError:
    """Nothing of the transaction was done."""
    return ApiError(500, "ERR_STATE_TRANSACTION", f"error while executing state transaction: {error}")


def outbox_failed(app_id: str, reason: str) -> ApiError:
    """The events of a transaction could not be published, so it was not begun."""
    message = f"error while publishing outbox message: {reason}"
    return ApiError(
        500,
        "ERR_PUBLISH_OUTBOX",
        message,
        ErrorInfo("DAPR_PUBSUB_OUTBOX", {"appID": app_id, "error": reason}),
    )


def save_failed(store: str, errors: Sequence[Failure], *, several: bool) -> ApiError:
    """Where some failures are about an ETag and others are not, daprd tells of the first conflict only."""
    return _several_failed(SAVE, f"failed saving state in state store {store}", errors, several)


def bulk_delete_failed(store: str, errors: Sequence[Failure], *, several: bool) -> ApiError:
    """As `save_failed`."""
    failed = f"failed deleting state in state store {store}"
    return _several_failed("ERR_STATE_BULK_DELETE", failed, errors, several)


def _several_failed(code: str, failed: str, errors: Sequence[Failure], several: bool) -> ApiError:
    conflicts = [error for error in errors if _status(error) != 500]
    text = "\n".join(map(str, errors))
    if len(errors) == 1 and (answered := _answered(code, f"{failed}: {text}", errors[0])):
        return answered
    if conflicts and len(conflicts) < len(errors):
        message = f"{failed}: {conflicts[0]}"
        return UnlikeFailures(_status(conflicts[0]), code, message, every=f"{failed}: {text}")
    status = min(map(_status, errors))  # an invalid ETag counts before one that does not match
    if several and conflicts:
        text = f"{INVALID if status == 400 else MISMATCH}: {text}"  # daprd wraps them once more
    return ApiError(status, code, f"{failed}: {text}")


def _status(error: Failure) -> Literal[400, 409, 500]:
    if isinstance(error, EtagMismatchError):
        return 409
    return 400 if isinstance(error, EtagInvalidError) else 500


def too_many_operations(store: str, count: int, most: int) -> ApiError:
    """The store takes fewer in one transaction."""
    text = (
        f"the transaction contains {count} operations, which is more than what the state store supports: "
        f"{most}"
    )
    told = {"currentOpsTransaction": str(count), "maxOpsPerTransaction": str(most)}
    details = ResourceInfo("state", store), ErrorInfo("DAPR_STATE_TOO_MANY_TRANSACTIONS", told)
    return ApiError(400, "ERR_STATE_STORE_TOO_MANY_TRANSACTIONS", text, *details)


def not_transactional(store: str) -> ApiError:
    """The store cannot do several operations as one."""
    message = f"state store {store} doesn't support transactions"
    details: list[Detail] = [
        ResourceInfo("state", store),
        Help(DOCUMENTATION, "Check the list of state stores and the features they support"),
        ErrorInfo("DAPR_STATE_TRANSACTIONS_NOT_SUPPORTED"),
    ]
    return ApiError(500, "ERR_STATE_STORE_NOT_SUPPORTED", message, *details)
