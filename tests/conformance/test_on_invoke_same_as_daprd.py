"""Calls of an app that speaks gRPC, over HTTP and by InvokeService: the same with daprd and ours."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from anyio.from_thread import BlockingPortal
from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import invoke_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2

from conformance.grpc_mirror import Metadata, Proxied, Script, ScriptedMirror, proxied
from conformance.http1 import Answer, exchange
from conformance.pairs_of_sidecars import CALLEE, CALLER, Pair, all_pairs, pairs
from conformance.sidecars import Program

pytestmark = [pytest.mark.engine("daprd"), pytest.mark.timeout(300)]

TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
DENYING = "  accessControl:\n    defaultAction: deny\n    trustDomain: public\n"
RESILIENCY = """
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata:
  name: calls
spec:
  policies:
    timeouts:
      short: 700ms
    retries:
      some:
        policy: constant
        duration: 10ms
        maxRetries: 2
        matching:
          gRPCStatusCodes: 5
          httpStatusCodes: "404"
  targets:
    apps:
      callee.default:
        retry: some
      callee:
        timeout: short
"""
UNSEEN = {"date", "connection", "transfer-encoding", "content-length", "dapr-grpc-accept-encoding"}
"""What belongs to a connection, and a header in which Go's library shows what the app's can unpack."""
INVOKE = "/dapr.proto.runtime.v1.Dapr/InvokeService"
GrpcPair = Pair[ScriptedMirror]


@pytest.fixture(scope="module")
def running(
    portal: BlockingPortal, programs: tuple[Program, Program], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[GrpcPair]]:
    app, folder = ScriptedMirror(), tmp_path_factory.mktemp("on-invoke")
    files = {"calls.yaml": RESILIENCY}
    starting = pairs(all_pairs(programs), folder, app, flags=["--app-protocol=grpc"], files=files)
    with (
        portal.wrap_async_context_manager(app.serving()),
        portal.wrap_async_context_manager(starting) as ready,
    ):
        yield ready


@pytest.fixture(autouse=True)
def plain(running: list[GrpcPair]) -> Iterator[None]:
    yield
    running[0].app.script = Script()


async def over_http(
    pair: GrpcPair, method: str, target: str, body: bytes, headers: Mapping[str, str]
) -> tuple[object, ...]:
    answer = await exchange(pair.caller.port, method, f"/v1.0/invoke/{target}", body, headers)
    assert isinstance(answer, Answer)
    told = sorted(item for item in answer.headers if item[0] not in UNSEEN)
    return answer.status, told, _body(answer.body)


async def over_grpc(pair: GrpcPair, target: str, message: Mapping[str, Any], metadata: Metadata) -> Proxied:
    request = invoke_pb2.InvokeServiceRequest(id=target, message=common_pb2.InvokeRequest(**message))
    ended = await proxied(pair.caller.ports[1], INVOKE, [request.SerializeToString()], metadata)
    read = [common_pb2.InvokeResponse.FromString(str(each).encode("latin-1")) for each in ended.replies]
    told = [(each.content_type, each.data.type_url, _body(each.data.value)) for each in read]
    return replace(ended, replies=told)


def _body(data: bytes) -> object:
    """What the mirror tells is in no order of its own."""
    try:
        return json.loads(data)
    except ValueError:
        return data


def same_over_http(
    portal: BlockingPortal,
    running: Sequence[GrpcPair],
    method: str = "GET",
    target: str = f"{CALLEE}/method/x",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> tuple[object, ...]:
    answers = {
        pair.name: portal.call(over_http, pair, method, target, body, headers or {}) for pair in running
    }
    for name, answer in answers.items():
        assert answer == answers["daprd-daprd"], f"{name}: {method} {target}"
    return answers["daprd-daprd"]


def same_over_grpc(
    portal: BlockingPortal,
    running: Sequence[GrpcPair],
    message: Mapping[str, Any] | None = None,
    metadata: Metadata = (),
    target: str = CALLEE,
) -> Proxied:
    asked = message or {"method": "x"}
    ended: dict[str, Proxied] = {
        pair.name: portal.call(over_grpc, pair, target, asked, metadata) for pair in running
    }
    for name, each in ended.items():
        assert each == ended["daprd-daprd"], name
    return ended["daprd-daprd"]


HEADERS = {
    "content-type": "a/b", "accept": "x", "x-a": "1", "traceparent": TRACE, "tracestate": "a=b",
    "cookie": "c", "baggage": "a=b", "some-bin": "AAE=", "user-agent": "me", "via": "1", "dapr-mine": "2",
}  # fmt: skip
REQUESTS: Sequence[tuple[str, str, bytes, Mapping[str, str]]] = [
    ("GET", "a/b?x=1&y=%20", b"", {}),
    ("POST", "a/../b", b"body", HEADERS),
    ("PUT", "", b"\xff", {}),
    ("DELETE", "a%2Fb", b"", {"accept": "application/json"}),
    ("PATCH", "x", b"x" * 100_000, {}),
]


@pytest.mark.parametrize("app", [CALLEE, CALLER])
@pytest.mark.parametrize("request_", REQUESTS, ids=lambda each: f"{each[0]} {each[1]}")
def test_requests(
    portal: BlockingPortal,
    running: list[GrpcPair],
    request_: tuple[str, str, bytes, Mapping[str, str]],
    app: str,
) -> None:
    method, path, body, headers = request_
    assert same_over_http(portal, running, method, f"{app}/method/{path}", body, headers)[0] == 200


DETAILS = AnyMessage()
DETAILS.Pack(error_details_pb2.ErrorInfo(reason="R", domain="d"))
RICH = status_pb2.Status(code=9, message="rich", details=[DETAILS]).SerializeToString()
TRAILERS = (("t", "2"), ("t-bin", b"\x01"))
SCRIPTS: Mapping[str, Script] = {
    "plain": Script(),
    "metadata": Script(headers=(("h", "1"), ("cache-control", "x"), ("h-bin", b"\x01")), trailers=TRAILERS),
    "a trace": Script(headers=(("traceparent", TRACE),)),
    "nothing": Script([], content_type=""),
    "a type": Script([b"x"], type_url="type.googleapis.com/x.Y"),
    "a text": Script([b"text"], content_type="text/plain"),
    "details": Script(
        None, grpc.StatusCode.FAILED_PRECONDITION, "rich", trailers=(("grpc-status-details-bin", RICH),)
    ),
    **{
        code.name: Script(None, code, "not h\u00e9re", (("h", "1"),), (("t", "2"),))
        for code in grpc.StatusCode
        if code is not grpc.StatusCode.OK
    },
}  # fmt: skip


@pytest.mark.parametrize("app", [CALLEE, CALLER])
@pytest.mark.parametrize("name", SCRIPTS)
def test_answers(portal: BlockingPortal, running: list[GrpcPair], name: str, app: str) -> None:
    running[0].app.script = SCRIPTS[name]
    same_over_http(portal, running, target=f"{app}/method/x")
    same_over_grpc(portal, running, target=app)


MESSAGES: Mapping[str, tuple[Mapping[str, Any], Metadata]] = {
    "all of it": ({"method": "x", "data": {"value": b"b", "type_url": "t/x.Y"}, "content_type": "a/b",
                   "http_extension": {"verb": 3, "querystring": "a=b"}}, ()),
    "metadata": ({"method": "x/../y", "data": {"value": b"b"}},
                 (("x-a", "1"), ("accept", "y"), ("traceparent", TRACE), ("some-bin", b"\0\1"),
                  ("baggage", "a=b"))),
    "nothing": ({"method": "x"}, (("traceparent", "none"),)),
    "no path": ({"method": "a#b"}, ()),
    "bad baggage": ({"method": "x"}, (("baggage", "x"),)),
}  # fmt: skip


@pytest.mark.parametrize("app", [CALLEE, CALLER, "nobody"])
@pytest.mark.parametrize("name", MESSAGES)
def test_invoke_service(portal: BlockingPortal, running: list[GrpcPair], name: str, app: str) -> None:
    same_over_grpc(portal, running, *MESSAGES[name], target=app)


def test_statuses_are_tried_again_over_grpc_alone_and_all_of_them(
    portal: BlockingPortal, running: list[GrpcPair]
) -> None:
    """To who asks over HTTP the status of an app over gRPC is an answer; `matching` counts for none."""
    app, retried = running[0].app, f"{CALLEE}.default"
    for code, attempts in ((grpc.StatusCode.NOT_FOUND, 3), (grpc.StatusCode.ABORTED, 3)):
        app.script = Script(code=code, message="no")
        for pair in running:
            app.calls = 0
            portal.call(over_grpc, pair, retried, {"method": "x"}, ())
            assert (pair.name, app.calls) == (pair.name, attempts)
            portal.call(over_http, pair, "GET", f"{retried}/method/x", b"", {})
            assert (pair.name, app.calls) == (pair.name, attempts + 1)


def test_what_takes_too_long(portal: BlockingPortal, running: list[GrpcPair]) -> None:
    """A caller that is daprd has two texts for it, as its own time or the other's end comes first."""
    running[0].app.script = Script([], hangs=True)
    for pair in running:
        ended = portal.call(over_grpc, pair, CALLEE, {"method": "x"}, ())
        status, _, told = portal.call(over_http, pair, "GET", f"{CALLEE}/method/x", b"", {})
        assert (pair.name, status) == (pair.name, 500)
        assert isinstance(told, dict)
        if pair.name.startswith("ours"):
            assert (ended.code, ended.message) == ("DEADLINE_EXCEEDED", "context deadline exceeded")
            assert told["message"] == f"failed to invoke, id: {CALLEE}, err: context deadline exceeded"


def test_access_that_is_denied(
    portal: BlockingPortal, programs: tuple[Program, Program], tmp_path: Path
) -> None:
    app = ScriptedMirror()
    starting = pairs(all_pairs(programs), tmp_path, app, DENYING, ["--app-protocol=grpc"])
    with (
        portal.wrap_async_context_manager(app.serving()),
        portal.wrap_async_context_manager(starting) as denying,
    ):
        assert same_over_http(portal, denying, "POST")[0] == 403
        same_over_grpc(portal, denying, {"method": "x", "http_extension": {"verb": 1}})
