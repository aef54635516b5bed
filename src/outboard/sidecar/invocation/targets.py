"""Which app a request of the API is for, and which path of it. Pure.

Source: Dapr, "Service invocation API reference"; daprd 1.18 for what counts first.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import unquote_plus

from outboard.sidecar.invocation.paths import cleaned
from outboard.sidecar.invocation.values import InvocationFailed
from outboard.wire import dapr

__all__ = ["AppName", "Asked", "app_name", "asked_of", "is_url"]

IN_PATH: Final = re.compile(r"/*v1\.0/+invoke/+([^/].*?)/method/(.*)\Z", re.DOTALL)
BASIC: Final = "Basic "
URLS: Final = ("http://", "https://")
MOST_PARTS: Final = 2


class Asked(NamedTuple):
    """`target` is an app id, one with a namespace, the name of an HTTPEndpoint, or a URL."""

    target: str
    method: str


class AppName(NamedTuple):
    """An app and its namespace."""

    app_id: str
    namespace: str


def asked_of(path: str, headers: Mapping[str, str]) -> Asked | None:
    """`path` without escapes, `headers` by lower-case name. None where no app is named.

    A header counts before the credentials, and both before the path, which is then all the app's.
    """
    named = headers.get(dapr.APP_ID_HEADER, "") or _user(headers.get("authorization", ""))
    if named:
        return Asked(named, cleaned(path).removeprefix("/"))
    found = IN_PATH.match(path)
    return None if found is None else Asked(unquote_plus(found[1]) or found[1], cleaned(found[2]))


def app_name(target: str, namespace: str) -> AppName:
    """The app that `target` names, in `namespace` where it says no other. Raises InvocationFailed."""
    if not target:
        raise InvocationFailed("app id is empty")
    parts = target.split(".")
    if len(parts) > MOST_PARTS:
        raise InvocationFailed(f"invalid app id {target}")
    return AppName(parts[0], parts[1] if len(parts) == MOST_PARTS else namespace)


def is_url(target: str) -> bool:
    """Whether it is the address of something that has no sidecar."""
    return target.startswith(URLS)


def _user(authorization: str) -> str:
    """The app in `Basic` credentials of which the user is `dapr-app-id`."""
    if not authorization.startswith(BASIC):
        return ""
    try:
        text = base64.b64decode(authorization.removeprefix(BASIC), validate=True).decode()
    except (binascii.Error, ValueError):
        return ""
    user, _, app_id = text.partition(":")
    return app_id if user.lower() == dapr.APP_ID_HEADER and ":" not in app_id else ""
