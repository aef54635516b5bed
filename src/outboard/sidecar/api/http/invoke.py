"""Calls to other apps: not served, answered as daprd answers where it cannot do it.

daprd takes every request for which there is no route as such a call.
Source: Dapr, "Service invocation API reference"; daprd 1.18.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final
from urllib.parse import unquote_plus

from outboard.sidecar.api.http.messages import ApiRequest, Reply
from outboard.sidecar.errors import ApiError
from outboard.wire import dapr

__all__ = ["INVOKE_PATH", "InvokeApi"]

INVOKE_PATH: Final = "/v1.0/invoke/*"
NO_APP_ID: Final = f"failed getting app id either from the URL path or the header {dapr.APP_ID_HEADER}"
NO_CHANNEL: Final = "cannot invoke local endpoint: app channel not initialized"
NOT_SERVED: Final = "this sidecar does not serve service invocation yet"
TARGET: Final = re.compile(r"/v1\.0/invoke/([^/]+)/method/")


class InvokeApi:
    """The handler of service invocation. `has_app` says whether this sidecar's own app can be called."""

    def __init__(self, app_id: str, *, has_app: bool) -> None:
        self._app_id = app_id
        self._has_app = has_app

    async def invoke(self, request: ApiRequest) -> Reply:
        """Any method and path. Raises ApiError in any case."""
        target = _target(request)
        if not target:
            raise ApiError(404, dapr.ErrorCode.DIRECT_INVOKE, NO_APP_ID)
        reason = NO_CHANNEL if target == self._app_id and not self._has_app else NOT_SERVED
        message = f"failed to invoke, id: {target}, err: {reason}"
        raise ApiError(500, dapr.ErrorCode.DIRECT_INVOKE, message)


def _target(request: ApiRequest) -> str:
    """The app that is to be called; empty where the request names none."""
    in_path = TARGET.match(request.raw_path)
    if in_path is not None:
        return unquote_plus(in_path[1])
    return request.headers.get(dapr.APP_ID_HEADER, "") or _user(request.headers.get("authorization", ""))


def _user(authorization: str) -> str:
    """The app in `Basic` credentials of which the user is `dapr-app-id`."""
    kind, _, credentials = authorization.partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        user, _, app_id = base64.b64decode(credentials, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        return ""
    return app_id if user == dapr.APP_ID_HEADER else ""
