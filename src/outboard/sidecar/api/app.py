"""The HTTP API as an ASGI application: token, route, handler, answer."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from outboard.sidecar.api.errors import ApiError, simple
from outboard.sidecar.api.http import ApiRequest, ClientGone, Receive, Reply, Scope, Send, send_reply
from outboard.sidecar.api.publish import PublishApi
from outboard.sidecar.api.router import BadEscape, Route, Router
from outboard.sidecar.api.runtime import RuntimeApi
from outboard.sidecar.api.secrets import SecretApi
from outboard.sidecar.api.state import StateApi
from outboard.sidecar.channel.app_channel import ZERO_TRACEPARENT
from outboard.sidecar.logs import SidecarLog
from outboard.wire import dapr
from outboard.wire.tracing import TraceContext

__all__ = ["Api", "Endpoint", "routes"]

Handler: TypeAlias = Callable[[ApiRequest], Awaitable[Reply]]

GET: Final = frozenset({"GET"})
PUT: Final = frozenset({"PUT"})
POST: Final = frozenset({"POST"})
DELETE: Final = frozenset({"DELETE"})
WRITE: Final = frozenset({"POST", "PUT"})

TEXT: Final = "text/plain; charset=utf-8"
INVALID_TOKEN: Final = Reply(401, b"invalid api token\n", content_type=TEXT)
BAD_REQUEST: Final = Reply(400, b"400 Bad Request", content_type=TEXT)
NO_APP_ID: Final = "failed getting app id either from the URL path or the header dapr-app-id"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A handler. Those that are `open` need no token and take part in no trace."""

    handle: Handler
    open: bool = False


def routes(publish: PublishApi, state: StateApi, secrets: SecretApi, runtime: RuntimeApi) -> Router[Endpoint]:
    """All paths that are served, the more special ones first."""
    return Router([
        Route(WRITE, f"{dapr.BULK_PUBLISH_PATH}/{{pubsub}}/{{topic*}}", Endpoint(publish.publish_bulk)),
        Route(WRITE, f"{dapr.BULK_PUBLISH_ALPHA_PATH}/{{pubsub}}/{{topic*}}", Endpoint(publish.publish_bulk)),
        Route(WRITE, f"{dapr.PUBLISH_PATH}/{{pubsub}}/{{topic*}}", Endpoint(publish.publish)),
        Route(WRITE, f"{dapr.STATE_PATH}/{{store}}/bulk", Endpoint(state.bulk_get)),
        Route(WRITE, f"{dapr.STATE_PATH}/{{store}}/transaction", Endpoint(state.transact)),
        Route(WRITE, f"{dapr.STATE_PATH}/{{store}}", Endpoint(state.save)),
        Route(GET, f"{dapr.STATE_PATH}/{{store}}/{{key}}", Endpoint(state.get)),
        Route(DELETE, f"{dapr.STATE_PATH}/{{store}}/{{key}}", Endpoint(state.delete)),
        Route(GET, "/v1.0/secrets/{store}/bulk", Endpoint(secrets.get_all)),
        Route(GET, "/v1.0/secrets/{store}/{key}", Endpoint(secrets.get)),
        Route(GET, dapr.METADATA_PATH, Endpoint(runtime.metadata)),
        Route(PUT, f"{dapr.METADATA_PATH}/{{key}}", Endpoint(runtime.set_metadata)),
        Route(GET, dapr.OUTBOUND_HEALTH_PATH, Endpoint(runtime.outbound_health, open=True)),
        Route(GET, dapr.HEALTH_PATH, Endpoint(runtime.health, open=True)),
        Route(POST, "/v1.0/shutdown", Endpoint(runtime.shutdown)),
    ])  # fmt: skip


class Api:
    """ASGI 3. `token` empty asks for none."""

    def __init__(
        self,
        router: Router[Endpoint],
        log: SidecarLog,
        *,
        token: str,
        max_body_bytes: int,
        log_calls: bool = False,
    ) -> None:
        self._router = router
        self._log = log
        self._token = token.encode()
        self._max_body_bytes = max_body_bytes
        self._log_calls = log_calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = ApiRequest(scope, receive, self._max_body_bytes)
        started = time.perf_counter()
        try:
            reply = await self._reply(request)
        except ClientGone:
            return
        await send_reply(send, reply, head_only=request.method == "HEAD")
        if self._log_calls:
            self._log_call(request, reply, time.perf_counter() - started)

    async def _reply(self, request: ApiRequest) -> Reply:
        try:
            found = self._router.find(request.method, request.raw_path)
        except BadEscape:
            return BAD_REQUEST
        endpoint, request.parameters = found or (Endpoint(_no_such_route), {})
        if endpoint.open:
            return await self._handle(endpoint, request)
        if not self._has_token(request):
            return INVALID_TOKEN
        return (await self._handle(endpoint, request)).with_headers(_trace(request.headers))

    async def _handle(self, endpoint: Endpoint, request: ApiRequest) -> Reply:
        try:
            return await endpoint.handle(request)
        except ApiError as error:
            self._log.debug("%s", error)
            return error.reply
        except ClientGone:
            raise
        except Exception:
            # The last line of defence: the app is told, the log has the traceback, the sidecar goes on.
            self._log.exception("unexpected error at %s %s", request.method, request.raw_path)
            return simple(500, "ERR_INTERNAL", "unexpected error in the sidecar; its log says more").reply

    def _has_token(self, request: ApiRequest) -> bool:
        if not self._token:
            return True
        given = request.headers.get(dapr.API_TOKEN_HEADER, "").encode("latin-1")
        return hmac.compare_digest(given, self._token)

    def _log_call(self, request: ApiRequest, reply: Reply, seconds: float) -> None:
        fields = {
            "method": f"{request.method} {request.raw_path}",
            "duration": f"{seconds * 1000:.0f}",
            "code": str(reply.status),
            "size": str(len(reply.body)),
            "useragent": request.headers.get("user-agent", ""),
            "scope": "dapr.runtime.http-info",
        }
        self._log.info("HTTP API Called", extra=fields)


async def _no_such_route(request: ApiRequest) -> Reply:
    app_id = request.headers.get(dapr.APP_ID_HEADER)
    if app_id:
        message = f"failed to invoke, id: {app_id}, err: this sidecar does not serve service invocation yet"
        raise simple(500, dapr.ErrorCode.DIRECT_INVOKE, message)
    raise simple(404, dapr.ErrorCode.DIRECT_INVOKE, NO_APP_ID)


def _trace(headers: Mapping[str, str]) -> dict[str, str]:
    """daprd echoes the trace context; without one it says so with zeros."""
    trace = TraceContext.parse(headers.get("traceparent"), headers.get("tracestate", ""))
    if trace is None:
        return {"traceparent": ZERO_TRACEPARENT}
    echoed = {"traceparent": trace.traceparent}
    return {**echoed, "tracestate": trace.tracestate} if trace.tracestate else echoed
