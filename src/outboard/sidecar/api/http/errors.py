"""An error of a use case as an HTTP reply: a code and a message, and for some a list of details.

Source: Dapr, "Error codes reference"; daprd 1.18.
"""

from __future__ import annotations

from typing import Final

from outboard.gojson.values import Json
from outboard.sidecar.api.http.messages import Reply, json_reply
from outboard.sidecar.errors import ApiError, BadRequest, Detail, ErrorInfo, Help, ResourceInfo

__all__ = ["MALFORMED", "UNREADABLE", "error_reply"]

MALFORMED: Final = "ERR_MALFORMED_REQUEST"
UNREADABLE: Final = "failed deserializing HTTP body: "
TYPE: Final = "type.googleapis.com/google.rpc."


def error_reply(error: ApiError) -> Reply:
    """The reply that tells the app of `error`."""
    body: dict[str, Json] = {"errorCode": error.code, "message": str(error)}
    if error.details:
        body["details"] = [_detail(each) for each in error.details]
    return json_reply(error.status, body)


def _detail(detail: Detail) -> Json:
    kind = f"{TYPE}{type(detail).__name__}"
    match detail:
        case ErrorInfo(reason, metadata, domain):
            sorted_metadata: Json = None if metadata is None else dict(sorted(metadata.items()))
            return {"@type": kind, "domain": domain, "metadata": sorted_metadata, "reason": reason}
        case ResourceInfo(resource, name, description):
            named: dict[str, Json] = {"description": description, "owner": "", "resource_name": name}
            return {"@type": kind, **named, "resource_type": resource}
        case BadRequest(field, description):
            violation: dict[str, Json] = {"field": field} if field else {}
            return {"@type": kind, "field_violations": [{**violation, "description": description}]}
        case Help(url, description):
            return {"@type": kind, "links": [{"url": url, "description": description}]}
