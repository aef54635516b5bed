"""daprd's errors about state.

Source: Dapr, "Error codes reference"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from outboard.sidecar.api.http.errors import (
    ApiError,
    bad_request,
    error_info,
    help_links,
    resource_info,
    rich,
    simple,
)
from outboard.sidecar.components.port import EtagInvalidError, EtagMismatchError
from outboard.sidecar.resiliency.failure import Failure

__all__ = [
    "MALFORMED",
    "illegal_key",
    "not_configured",
    "not_found",
    "not_queryable",
    "not_transactional",
    "outbox_failed",
    "query_failed",
    "save_failed",
    "status_of",
]

MALFORMED: Final = "ERR_MALFORMED_REQUEST"
SAVE: Final = "ERR_STATE_SAVE"
MISMATCH: Final = "possible etag mismatch. error from state store"
INVALID: Final = "invalid etag value"
DOCUMENTATION: Final = "https://docs.dapr.io/reference/components-reference/supported-state-stores/"


def not_configured(store: str, app_id: str | None = None) -> ApiError:
    """There is no state store at all. Of a query daprd does not tell the app."""
    message = f"state store {store} is not configured"
    details = [error_info("DAPR_STATE_NOT_CONFIGURED", _app(app_id))]
    return rich(500, "ERR_STATE_STORE_NOT_CONFIGURED", message, details)


def not_found(store: str, app_id: str | None = None) -> ApiError:
    """There are state stores, but not this one. Of a query daprd does not tell the app."""
    message = f"state store {store} is not found"
    details = [error_info("DAPR_STATE_NOT_FOUND", _app(app_id))]
    return rich(400, "ERR_STATE_STORE_NOT_FOUND", message, details)


def _app(app_id: str | None) -> dict[str, str] | None:
    return None if app_id is None else {"appID": app_id}


def not_queryable(store: str) -> ApiError:
    """The store cannot be queried."""
    details = [resource_info("state", store), error_info("DAPR_STATE_QUERYING_NOT_SUPPORTED", None)]
    return rich(500, "ERR_STATE_STORE_NOT_SUPPORTED", "state store does not support querying", details)


def query_failed(store: str, reason: str) -> ApiError:
    """The store could be queried, but this query failed."""
    details = [resource_info("state", store), error_info("DAPR_STATE_QUERY_FAILED", None)]
    return rich(500, "ERR_STATE_QUERY", f"state store {store} query failed: {reason}", details)


def illegal_key(store: str, field: str, problem: str) -> ApiError:
    """A key that contains the separator of prefixes."""
    message = f"api error: code = InvalidArgument desc = {problem}"
    details = [
        bad_request(field, message),
        resource_info("state", store),
        error_info("DAPR_STATE_ILLEGAL_KEY", None),
    ]
    return rich(400, MALFORMED, message, details, category="state")


def outbox_failed(app_id: str, reason: str) -> ApiError:
    """The events of a transaction could not be published, so it was not begun."""
    message = f"error while publishing outbox message: {reason}"
    details = [error_info("DAPR_PUBSUB_OUTBOX", {"appID": app_id, "error": reason})]
    return rich(500, "ERR_PUBLISH_OUTBOX", message, details)


def save_failed(store: str, errors: Sequence[Failure], *, several: bool) -> ApiError:
    """Where some failures are about an ETag and others are not, daprd tells of the first conflict only."""
    failed = f"failed saving state in state store {store}"
    conflicts = [error for error in errors if status_of(error) != 500]
    if conflicts and len(conflicts) < len(errors):
        return simple(status_of(conflicts[0]), SAVE, f"{failed}: {conflicts[0]}")
    status = min(map(status_of, errors))  # an invalid ETag counts before one that does not match
    text = "\n".join(map(str, errors))
    if several and conflicts:
        text = f"{INVALID if status == 400 else MISMATCH}: {text}"  # daprd wraps them once more
    return simple(status, SAVE, f"{failed}: {text}")


def status_of(error: Failure) -> Literal[400, 409, 500]:
    if isinstance(error, EtagMismatchError):
        return 409
    return 400 if isinstance(error, EtagInvalidError) else 500


def not_transactional(store: str) -> ApiError:
    message = f"state store {store} doesn't support transactions"
    details = [
        resource_info("state", store),
        help_links(DOCUMENTATION, "Check the list of state stores and the features they support"),
        error_info("DAPR_STATE_TRANSACTIONS_NOT_SUPPORTED", None),
    ]
    return rich(500, "ERR_STATE_STORE_NOT_SUPPORTED", message, details)
