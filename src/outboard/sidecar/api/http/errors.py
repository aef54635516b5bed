"""daprd's error bodies: a code and a message, and for some a list of details.

Source: Dapr, "Error codes reference"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from outboard.gojson.values import Json
from outboard.sidecar.api.http.messages import Reply, json_reply

__all__ = [
    "ApiError",
    "bad_request",
    "error_info",
    "help_links",
    "pubsub_error",
    "resource_info",
    "rich",
    "simple",
]

TYPE: Final = "type.googleapis.com/google.rpc."
DOMAIN: Final = "dapr.io"


class ApiError(Exception):
    """Ends the handling of a request with `reply`.

    `code` is the error code in it, `category` the building block that it counts for, where that is not the
    one of the code.
    """

    def __init__(self, reply: Reply, message: str, code: str = "", category: str = "") -> None:
        super().__init__(message)
        self.reply = reply
        self.code = code
        self.category = category


def simple(status: int, code: str, message: str) -> ApiError:
    """An error without details."""
    return ApiError(json_reply(status, {"errorCode": code, "message": message}), message, code)


def rich(status: int, code: str, message: str, details: Sequence[Json], category: str = "") -> ApiError:
    """An error with details."""
    body: Json = {"errorCode": code, "message": message, "details": list(details)}
    return ApiError(json_reply(status, body), message, code, category)


def error_info(reason: str, metadata: Mapping[str, str] | None) -> Json:
    meta: Json = None if metadata is None else dict(sorted(metadata.items()))
    return {"@type": f"{TYPE}ErrorInfo", "domain": DOMAIN, "metadata": meta, "reason": reason}


def resource_info(kind: str, name: str, description: str = "") -> Json:
    return {
        "@type": f"{TYPE}ResourceInfo",
        "description": description,
        "owner": "",
        "resource_name": name,
        "resource_type": kind,
    }


def bad_request(field: str, description: str) -> Json:
    violation: dict[str, Json] = {"field": field} if field else {}
    return {"@type": f"{TYPE}BadRequest", "field_violations": [{**violation, "description": description}]}


def help_links(url: str, description: str) -> Json:
    return {"@type": f"{TYPE}Help", "links": [{"url": url, "description": description}]}


def pubsub_error(
    status: int, code: str, message: str, *, pubsub: str, reason: str, metadata: Mapping[str, str]
) -> ApiError:
    """A pub/sub error with its two usual details."""
    details = [resource_info("pubsub", pubsub, message), error_info(f"DAPR_PUBSUB_{reason}", metadata)]
    return rich(status, code, message, details)
