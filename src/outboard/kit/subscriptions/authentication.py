"""Who may call the routes of events, and what others are answered.

Source: Dapr, "Authenticate requests from Dapr using token authentication".
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from outboard.wire.cloudevents import is_json
from outboard.wire.dapr import API_TOKEN_HEADER, CALLER_HEADER

__all__ = ["refusal", "refusal_of_event", "refusal_of_look"]

log: Final = logging.getLogger("outboard.subscriptions")

TOKEN: Final = API_TOKEN_HEADER.encode("ascii")
CALLER: Final = CALLER_HEADER.encode("ascii")
CONTENT_TYPE: Final = b"content-type"
FORWARDED: Final = frozenset({b"forwarded", b"x-forwarded-for", b"x-real-ip"})
"""By these a proxy says that it asks for somebody else."""
BINARY: Final = b"ce-specversion"


def refusal(scope: Scope, app_token: str) -> Response | None:
    """The answer to a request that does not come from the sidecar; None for one that may pass.

    daprd takes 401 and 403 as failures to deliver, so that no event is lost by a wrong token.
    """
    if not _is_token_right(scope["headers"], app_token):
        log.warning("a request to %s was refused: its dapr-api-token is not APP_API_TOKEN", scope["path"])
        return JSONResponse({"error": "the dapr-api-token is missing or wrong"}, 401)
    return None


def refusal_of_event(scope: Scope, app_token: str) -> Response | None:
    """As `refusal`, for an event: nor may another app send one through this one's sidecar, nor a web page.

    A browser sends what a form can hold, such as text/plain, to any address without asking; anything else of
    another origin it asks about first, and the app has to agree.
    """
    return _refuse_forged(scope) or refusal(scope, app_token) or _refuse_form(scope)


def refusal_of_look(scope: Scope, app_token: str) -> Response | None:
    """As `refusal`, for what only those may see who may look into the pod: who asks is in it, or is brought
    into it by port-forward, and asks neither for another app nor as a proxy.
    """
    forwarded = any(name.lower() in FORWARDED for name, _ in scope["headers"])
    if _is_invocation(scope["headers"]) or forwarded or not _is_from_here(scope):
        log.warning("a request to %s was refused: it does not come from inside the pod", scope["path"])
        advice = "ask by `outboard trace --namespace`, or through kubectl port-forward"
        return JSONResponse({"error": f"this is shown inside the pod alone: {advice}"}, 403)
    return refusal(scope, app_token)


def _is_from_here(scope: Scope) -> bool:
    """Whether the other end is of the same network namespace, as that of a port-forward is."""
    host = (scope.get("client") or ("",))[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _refuse_form(scope: Scope) -> Response | None:
    """daprd sends application/cloudevents+json, and batches as application/json."""
    if _is_event_type(scope["headers"]):
        return None
    log.warning("a request to %s was refused: its content type is none of an event", scope["path"])
    advice = "send application/cloudevents+json, another JSON type, or a CloudEvent in binary mode"
    return JSONResponse({"error": f"this content type is none of an event: {advice}"}, 415)


def _is_event_type(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    return any((name == CONTENT_TYPE and _is_json(value)) or name == BINARY for name, value in headers)


@lru_cache(maxsize=64)
def _is_json(content_type: bytes) -> bool:
    return bool(content_type) and is_json(content_type.decode("latin-1"))


def _refuse_forged(scope: Scope) -> Response | None:
    if not _is_invocation(scope["headers"]):
        return None
    log.warning("a request to %s was refused: it came by service invocation", scope["path"])
    return JSONResponse({"error": "events are delivered by pub/sub, not by service invocation"}, 403)


def _is_token_right(headers: Iterable[tuple[bytes, bytes]], expected: str) -> bool:
    """Whether the request bears the app's token, once. Without an expected one, everybody may come.

    Takes as long for a wrong token as for the right one.
    """
    if not expected:
        return True
    given = [value for name, value in headers if name.lower() == TOKEN]
    return len(given) == 1 and hmac.compare_digest(given[0], expected.encode("utf-8"))


def _is_invocation(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether another app sent this through service invocation, which bears the app's token as events do.

    daprd sets this header, and strips what the caller wrote there.
    """
    return any(name.lower() == CALLER for name, _ in headers)
