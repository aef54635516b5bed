"""The HTTP API as an ASGI application: origin, token, route, handler, answer."""

from __future__ import annotations

import hmac
import time
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote

from outboard.resources.configuration import ApiLogging
from outboard.sidecar.api.http.cors import Cors
from outboard.sidecar.api.http.cross_origin import CrossOriginRules, comes_from_browser
from outboard.sidecar.api.http.errors import error_reply
from outboard.sidecar.api.http.messages import (
    ApiRequest,
    ClientGone,
    Receive,
    Reply,
    Scope,
    Send,
    send_reply,
)
from outboard.sidecar.api.http.router import BadEscape, Router
from outboard.sidecar.api.http.routes import Endpoint
from outboard.sidecar.api.http.streaming import send_stream
from outboard.sidecar.errors import ApiError
from outboard.sidecar.logs import SidecarLog
from outboard.sidecar.metrics.meters import Meters
from outboard.wire import dapr
from outboard.wire.baggage import problem_of
from outboard.wire.tracing import ZERO_TRACEPARENT

__all__ = ["Api", "ApiSettings"]

HEALTH: Final = "/healthz"  # a path with this in it takes part in no trace
TEXT: Final = "text/plain; charset=utf-8"
INVALID_TOKEN: Final = Reply(401, b"invalid api token\n", {"x-content-type-options": "nosniff"}, TEXT)
BAD_REQUEST: Final = Reply(400, b"400 Bad Request", {"connection": "close"}, content_type=TEXT)
HEAD_TOO_LARGE: Final = Reply(
    431, b"431 Request Header Fields Too Large", {"connection": "close"}, content_type=TEXT
)
UNTOLD: Final = Reply(200)
NOT_FOUND: Final = Reply(404, b"404 page not found\n", {"x-content-type-options": "nosniff"}, TEXT)
BAGGAGE: Final = "baggage"
HEAD_SLACK: Final = 4096  # what Go reads beyond the limit before it says that a head is too large
LIST_SLACK: Final = 320  # what Go takes beyond the limit over HTTP/2, for the overhead of ten headers


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """`token` empty asks for none; the sizes are in bytes; without `cors` no page is told about origins.

    With `token_optional` a request without a token passes too, unless a browser sent it for a page.
    """

    max_body_bytes: int
    max_head_bytes: int
    token: str = field(default="", repr=False)
    token_optional: bool = False
    cors: Cors | None = None
    cross_origin: CrossOriginRules = field(default_factory=CrossOriginRules)
    log_calls: ApiLogging = field(default_factory=ApiLogging)


class Api:
    """ASGI 3. What no route takes goes to `fallback`; without one it is not found, as on the public port.

    Requests and errors are counted in `meters`, if given.
    """

    def __init__(
        self,
        router: Router[Endpoint],
        fallback: Endpoint | None,
        settings: ApiSettings,
        log: SidecarLog,
        meters: Meters | None = None,
    ) -> None:
        self._router = router
        self._fallback = fallback
        self._settings = settings
        self._token = settings.token.encode()
        self._log = log
        self._meters = meters

    @property
    def max_body_bytes(self) -> int:
        """The size of a body that is taken."""
        return self._settings.max_body_bytes

    @property
    def max_head_bytes(self) -> int:
        """The size of a head from which on it is refused."""
        return self._settings.max_head_bytes + HEAD_SLACK

    @property
    def max_header_list_bytes(self) -> int:
        """The same of HTTP/2, which counts each header's overhead."""
        return self._settings.max_head_bytes + LIST_SLACK

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = ApiRequest(scope, receive, self._settings.max_body_bytes)
        started = time.perf_counter()
        if request.head_bytes > self.max_head_bytes:
            return await send_reply(send, HEAD_TOO_LARGE)
        if problem := _baggage_problem(request):
            return await send_reply(send, _plain(f"invalid baggage header: {problem}\n"))
        try:
            endpoint, reply = await self._with_cors(request)
        except ClientGone:
            return None
        except BadEscape:
            return await send_reply(send, BAD_REQUEST)
        if reply.stream is None:
            await send_reply(send, reply, head_only=request.method == "HEAD")
        else:
            await send_stream(request, send, reply, reply.stream)
        seconds = time.perf_counter() - started
        if self._meters is not None:
            self._count(self._meters, request, reply, seconds)
        self._log_call(request, endpoint, reply, seconds)
        return None

    async def _with_cors(self, request: ApiRequest) -> tuple[Endpoint | None, Reply]:
        cors = self._settings.cors
        if cors is None:
            return await self._from_allowed(request)
        preflight = cors.preflight(request)
        if preflight is not None:
            return None, preflight.with_headers(self._trace(request))
        endpoint, reply = await self._from_allowed(request)
        return endpoint, reply.with_headers(cors.headers(request))

    async def _from_allowed(self, request: ApiRequest) -> tuple[Endpoint | None, Reply]:
        refusal = self._settings.cross_origin.refusal(request)
        if refusal is None:
            return await self._reply(request)
        self._log.warning("%s %s was refused: %s", request.method, request.raw_path, refusal)
        return None, error_reply(refusal)

    async def _reply(self, request: ApiRequest) -> tuple[Endpoint | None, Reply]:
        found = self._router.find(request.method, request.raw_path)
        endpoint, request.parameters = found or (self._fallback, {})
        if endpoint is not None and endpoint.open:
            return endpoint, await self._handle(endpoint, request)
        reply = await self._guarded(endpoint, request)
        return endpoint, reply.with_headers(self._trace(request, reply)) if reply.traced else reply

    async def _guarded(self, endpoint: Endpoint | None, request: ApiRequest) -> Reply:
        if not self._has_token(request):
            return INVALID_TOKEN
        return self._missed(request) if endpoint is None else await self._handle(endpoint, request)

    def _trace(self, request: ApiRequest, reply: Reply = UNTOLD) -> dict[str, str]:
        """What `reply` does not tell by itself, as that of another app does."""
        if HEALTH in unquote(request.raw_path):
            return {}
        told = {} if any(name == "traceparent" for name, _ in reply.repeated) else _trace(request)
        if BAGGAGE not in request.headers or not request.baggage:
            return told
        return {**told, BAGGAGE: request.baggage}

    def _missed(self, request: ApiRequest) -> Reply:
        methods = sorted(self._router.methods(request.raw_path))
        return Reply(405, headers={"allow": ", ".join(methods)}, content_type="") if methods else NOT_FOUND

    async def _handle(self, endpoint: Endpoint, request: ApiRequest) -> Reply:
        try:
            return await endpoint.handle(request)
        except ApiError as error:
            self._log.debug("%s", error)
            if self._meters is not None:
                self._meters.answered_with_error(error.code, error.category)
            return error_reply(error)
        except ClientGone:
            raise
        except Exception:
            # The last line of defence: the app is told, the log has the traceback, the sidecar goes on.
            self._log.exception("unexpected error at %s %s", request.method, request.raw_path)
            told = "unexpected error in the sidecar; its log says more"
            return error_reply(ApiError(500, "ERR_INTERNAL", told))

    def _has_token(self, request: ApiRequest) -> bool:
        given = request.headers.get(dapr.API_TOKEN_HEADER)
        if not self._token or (given is None and self._may_lack_token(request)):
            return True
        return hmac.compare_digest((given or "").encode("latin-1"), self._token)

    def _may_lack_token(self, request: ApiRequest) -> bool:
        return self._settings.token_optional and not comes_from_browser(request.headers)

    @staticmethod
    def _count(meters: Meters, request: ApiRequest, reply: Reply, seconds: float) -> None:
        length, path = request.headers.get("content-length", ""), unquote(request.raw_path)
        taken = int(length) if length.isdecimal() else 0
        meters.served(request.method, path, reply.status, taken, len(reply.body), seconds)

    def _log_call(self, request: ApiRequest, endpoint: Endpoint | None, reply: Reply, seconds: float) -> None:
        wanted = self._settings.log_calls
        is_health_check = endpoint is not None and endpoint.open
        if not wanted.enabled or (wanted.omit_health_checks and is_health_check):
            return
        name = "" if endpoint is None else endpoint.name
        fields = {
            "method": name if wanted.obfuscate_urls else f"{request.method} {request.raw_path}",
            "duration": f"{seconds * 1000:.0f}",
            "code": str(reply.status),
            "size": str(len(reply.body)),
            "useragent": request.headers.get("user-agent", ""),
            "scope": "dapr.runtime.http-info",
        }
        self._log.info("HTTP API Called", extra=fields)


def _baggage_problem(request: ApiRequest) -> str:
    """Whoever asks for health alone is answered, as by daprd."""
    if BAGGAGE not in request.headers or HEALTH in unquote(request.raw_path):
        return ""
    return problem_of(request.baggage or "")


def _plain(text: str) -> Reply:
    return Reply(400, text.encode(), {"x-content-type-options": "nosniff"}, content_type=TEXT)


def _trace(request: ApiRequest) -> dict[str, str]:
    """daprd echoes the trace context; without one it says so with zeros."""
    trace = request.trace
    if trace is None:
        return {"traceparent": ZERO_TRACEPARENT}
    echoed = {"traceparent": trace.traceparent}
    return {**echoed, "tracestate": trace.tracestate} if trace.tracestate else echoed
