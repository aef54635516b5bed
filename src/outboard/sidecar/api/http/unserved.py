"""The parts of daprd's API that this sidecar does not serve, answered as daprd answers without them.

That is: where there is no component of that kind, no placement and no scheduler service.
Source: the Dapr API reference; daprd 1.18 for the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from outboard.gojson import decoding
from outboard.gojson.values import Json
from outboard.sidecar.api.http.errors import MALFORMED, UNREADABLE
from outboard.sidecar.api.http.messages import ApiRequest, BodyTooLarge, Reply
from outboard.sidecar.api.http.router import Route
from outboard.sidecar.api.http.routes import DELETE, GET, POST, PUT, WRITE, Endpoint, Handler
from outboard.sidecar.api.http.unserved_calls import telling
from outboard.sidecar.api.unserved_calls import UnservedCalls
from outboard.sidecar.errors import ApiError, ErrorInfo

__all__ = ["unserved_routes"]

STABLE: Final = "/v1.0"
ALPHA1: Final = "/v1.0-alpha1"
ALPHA2: Final = "/v1.0-alpha2"
BETA1: Final = "/v1.0-beta1"
ACTOR: Final = "/v1.0/actors/{type}/{id}"
WORKFLOW: Final = "workflows/{component}/{instance}"

# Each a new one at every call: an exception collects the traceback of each place where it is raised.
NO_CONFIGURATION: Final = partial(
    ApiError, 500, "ERR_CONFIGURATION_STORE_NOT_CONFIGURED", "configuration stores not configured"
)
NO_CRYPTO: Final = partial(
    ApiError, 500, "ERR_CRYPTO_PROVIDERS_NOT_CONFIGURED", "crypto providers not configured"
)
NO_SUBTLE_CRYPTO: Final = partial(
    ApiError, 501, "ERR_API_UNIMPLEMENTED", "this API is currently not implemented"
)
NO_LOCK: Final = partial(ApiError, 500, "ERR_LOCK_STORE_NOT_CONFIGURED", "lock store is not configured")
NO_PLACEMENT: Final = partial(ApiError, 400, "ERR_ACTOR_NO_PLACEMENT", "placement service is not configured")
JOB_CALLS: Final = (
    (DELETE, "DELETE_JOB", "delete job", "DeleteJob"),
    (GET, "GET_JOB", "get job", "GetJob"),
)
NO_SCHEDULER: Final = "scheduler clients are disabled"


def unserved_routes(app_id: str, namespace: str, calls: UnservedCalls) -> list[Route[Endpoint]]:
    """Their routes; each handler raises ApiError, and `calls` tells of the first of each kind."""
    kinds = {
        "output bindings": _bindings(),
        "configuration stores": _configuration(),
        "locks": _locks(),
        "cryptography": _crypto(),
        "conversation": _conversation(),
        "jobs": _jobs(_Jobs(app_id, namespace)),
        "workflows": _workflows(),
        "actors": _actors(),
    }
    return [
        replace(route, target=replace(route.target, handle=telling(calls, kind, route.target.handle)))
        for kind, routes in kinds.items()
        for route in routes
    ]


def _bindings() -> Iterator[Route[Endpoint]]:
    yield Route(WRITE, f"{STABLE}/bindings/{{name}}", Endpoint(_invoke_binding, "InvokeBinding"))


def _configuration() -> Iterator[Route[Endpoint]]:
    for version in (STABLE, ALPHA1):
        path = f"{version}/configuration/{{store}}"
        yield Route(GET, path, Endpoint(_always(NO_CONFIGURATION), "GetConfiguration"))
        yield Route(GET, f"{path}/subscribe", Endpoint(_always(NO_CONFIGURATION), "SubscribeConfiguration"))
        yield Route(
            GET, f"{path}/{{id}}/unsubscribe", Endpoint(_always(NO_CONFIGURATION), "UnsubscribeConfiguration")
        )


def _locks() -> Iterator[Route[Endpoint]]:
    yield Route(POST, f"{ALPHA1}/lock/{{store}}", Endpoint(_lock, "TryLock"))
    yield Route(POST, f"{ALPHA1}/unlock/{{store}}", Endpoint(_reading(lambda *_: NO_LOCK()), "Unlock"))


def _crypto() -> Iterator[Route[Endpoint]]:
    for operation in ("encrypt", "decrypt"):
        endpoint = Endpoint(_always(NO_CRYPTO), operation.title())
        yield Route(PUT, f"{ALPHA1}/crypto/{{name}}/{operation}", endpoint)
    subtle = {"getkey": "GetKey", "encrypt": "Encrypt", "decrypt": "Decrypt", "wrapkey": "WrapKey",
              "unwrapkey": "UnwrapKey", "sign": "Sign", "verify": "Verify"}  # fmt: skip
    for operation, name in subtle.items():
        endpoint = Endpoint(_reading(lambda *_: NO_SUBTLE_CRYPTO()), f"Subtle{name}")
        yield Route(POST, f"{ALPHA1}/subtlecrypto/{{name}}/{operation}", endpoint)


def _conversation() -> Iterator[Route[Endpoint]]:
    for version in (ALPHA1, ALPHA2):
        endpoint = Endpoint(_reading(_no_conversation), "Converse")
        yield Route(POST, f"{version}/conversation/{{name}}/converse", endpoint)


def _jobs(jobs: _Jobs) -> Iterator[Route[Endpoint]]:
    for version in (STABLE, ALPHA1):
        path = f"{version}/jobs/{{name}}"
        yield Route(POST, path, Endpoint(_reading(jobs.schedule), "ScheduleJob"))
        for methods, reason, what, name in JOB_CALLS:
            yield Route(methods, path, Endpoint(_always(partial(jobs.failed, reason, what)), name))


def _workflows() -> Iterator[Route[Endpoint]]:
    operations = {"start": "Start", "raiseEvent/{event}": "RaiseEvent", "pause": "Pause", "resume": "Resume",
                  "terminate": "Terminate", "purge": "Purge"}  # fmt: skip
    for version in (STABLE, BETA1, ALPHA1):
        path = f"{version}/{WORKFLOW}"
        yield Route(GET, path, Endpoint(_always(NO_PLACEMENT), "GetWorkflow"))
        for operation, name in operations.items():
            yield Route(POST, f"{path}/{operation}", Endpoint(_always(NO_PLACEMENT), f"{name}Workflow"))


def _actors() -> Iterator[Route[Endpoint]]:
    anything = GET | POST | DELETE | PUT
    yield Route(WRITE, f"{ACTOR}/state", Endpoint(_operate_actors, "ExecuteActorStateTransaction"))
    yield Route(anything, f"{ACTOR}/method/{{method}}", Endpoint(_always(NO_PLACEMENT), "InvokeActor"))
    yield Route(GET, f"{ACTOR}/state/{{key}}", Endpoint(_always(NO_PLACEMENT), "GetActorState"))
    for path, what in (("reminders", "Reminder"), ("timers", "Timer")):
        yield Route(WRITE, f"{ACTOR}/{path}/{{name}}", Endpoint(_operate_actors, f"RegisterActor{what}"))
        gone = Endpoint(_always(NO_PLACEMENT), f"UnregisterActor{what}")
        yield Route(DELETE, f"{ACTOR}/{path}/{{name}}", gone)
    yield Route(GET, f"{ACTOR}/reminders/{{name}}", Endpoint(_always(NO_PLACEMENT), "GetActorReminder"))


# The handlers


class _Jobs:
    """The answers of an API whose errors tell the app and its namespace."""

    def __init__(self, app_id: str, namespace: str) -> None:
        self._told = {"appID": app_id, "namespace": namespace}

    def schedule(self, request: ApiRequest, body: Json) -> ApiError:
        fields = body if isinstance(body, dict) else {}
        if fields.get("schedule") is None and fields.get("dueTime", fields.get("due_time")) is None:
            return self._error(400, "SCHEDULE_EMPTY", "Schedule is empty")
        return self.failed("SCHEDULE_JOB", "schedule job")

    def failed(self, reason: str, what: str) -> ApiError:
        return self._error(500, reason, f"failed to {what} due to: {NO_SCHEDULER}")

    def _error(self, status: int, reason: str, message: str) -> ApiError:
        code = f"DAPR_SCHEDULER_{reason}"
        return ApiError(status, code, message, ErrorInfo(code, self._told))


def _always(error: Callable[[], ApiError]) -> Handler:
    async def handle(request: ApiRequest) -> Reply:
        raise error()

    return handle


def _reading(answer: Callable[[ApiRequest, Json], ApiError]) -> Handler:
    """A handler that reads a JSON object first, as daprd does where its gRPC API takes a message."""

    async def handle(request: ApiRequest) -> Reply:
        raise answer(request, await _message(request))

    return handle


async def _message(request: ApiRequest) -> Json:
    body = await _body(request)
    if not body.strip():
        return {}
    try:
        value = decoding.decode(body)
    except decoding.DecodeError as error:
        raise _unreadable(f"proto: {_place(body)}") from error
    if not isinstance(value, dict):
        raise _unreadable(f"proto: syntax error (line 1:1): unexpected token {body.strip()[:1].decode()}")
    return value


def _place(body: bytes) -> str:
    word = body.decode("utf-8", "replace").lstrip()
    if word.startswith(("{", "[")):
        return "unexpected EOF"
    return f"syntax error (line 1:1): invalid value {word.split()[0]}"


async def _json(request: ApiRequest) -> Json:
    body = await _body(request)
    try:
        return decoding.decode(body)
    except decoding.DecodeError as error:
        raise _unreadable(str(error)) from error


async def _body(request: ApiRequest) -> bytes:
    try:
        return await request.body()
    except BodyTooLarge as error:
        raise _unreadable(str(error)) from error


def _unreadable(why: str) -> ApiError:
    return ApiError(400, MALFORMED, f"{UNREADABLE}{why}")


async def _invoke_binding(request: ApiRequest) -> Reply:
    body = await _json(request)
    name = request.parameters["name"]
    why = f"couldn't find output binding {name}"
    if not isinstance(body, dict) or not body.get("operation"):
        why = "operation field is missing from request"
    message = f"error invoking output binding {name}: {why}"
    raise ApiError(500, "ERR_INVOKE_OUTPUT_BINDING", message)


async def _operate_actors(request: ApiRequest) -> Reply:
    await _json(request)
    raise NO_PLACEMENT()


async def _lock(request: ApiRequest) -> Reply:
    body = await _message(request)
    fields = body if isinstance(body, dict) else {}
    expiry = fields.get("expiryInSeconds", fields.get("expiry_in_seconds"))
    if not isinstance(expiry, int | float | str) or not _positive(expiry):
        store = request.parameters["store"]
        raise ApiError(400, MALFORMED, f"ExpiryInSeconds is not positive in lock store {store}")
    raise NO_LOCK()


def _positive(number: float | str) -> bool:
    try:
        return float(number) > 0
    except ValueError:
        return False


def _no_conversation(request: ApiRequest, body: Json) -> ApiError:
    name = request.parameters["name"]
    return ApiError(400, "ERR_CONVERSATION_NOT_FOUND", f"failed finding conversation component {name}")
