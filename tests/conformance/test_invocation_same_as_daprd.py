"""Calls from app to app: daprd to daprd, ours to ours, and each to the other answer the same."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from anyio.from_thread import BlockingPortal
from dapr.proto.common.v1 import common_pb2
from dapr.proto.runtime.v1 import invoke_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.pairs_of_sidecars import CALLEE, CALLER, Mirror, Pair, all_pairs, pairs
from conformance.sidecars import Program

pytestmark = [pytest.mark.engine("daprd"), pytest.mark.timeout(300)]

DENYING = """
  accessControl:
    defaultAction: deny
    trustDomain: public
    policies:
    - appId: caller
      defaultAction: allow
      trustDomain: public
      namespace: default
"""
INVOKE = "/v1.0/invoke"
TO_CALLEE = f"{INVOKE}/{CALLEE}/method"
USER = "Basic " + base64.b64encode(b"dapr-app-id:callee").decode()
VERBS = ("GET", "HEAD", "DELETE", "OPTIONS", "PATCH")
WRITING = ("POST", "PUT", "PATCH", "DELETE")
TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
FORWARDED = {"x-forwarded-for": "1.2.3.4", "forwarded": "for=1", "x-forwarded-proto": "s"}
SOME = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def of(
    portal: BlockingPortal, programs: tuple[Program, Program], folder: Path, more: str
) -> Iterator[list[Pair[Mirror]]]:
    app = Mirror()
    with (
        portal.wrap_async_context_manager(app.serving()),
        portal.wrap_async_context_manager(pairs(all_pairs(programs), folder, app, more)) as running,
    ):
        yield running


@pytest.fixture(scope="module")
def open_ones(
    portal: BlockingPortal, programs: tuple[Program, Program], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Pair[Mirror]]]:
    yield from of(portal, programs, tmp_path_factory.mktemp("open"), "")


@pytest.fixture(scope="module")
def denying_ones(
    portal: BlockingPortal, programs: tuple[Program, Program], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Pair[Mirror]]]:
    yield from of(portal, programs, tmp_path_factory.mktemp("denying"), DENYING)


def same(
    portal: BlockingPortal, running: Sequence[Pair[Mirror]], method: str, target: str, body: bytes = b"",
    headers: Mapping[str, str] | None = None,
) -> tuple[object, ...]:  # fmt: skip
    """What all of them answer."""
    answers = {pair.name: portal.call(pair.ask, method, target, body, headers or {}) for pair in running}
    for name, answer in answers.items():
        assert answer == answers["daprd-daprd"], f"{name}: {method} {target}"
    return answers["daprd-daprd"]


QUESTIONS: Sequence[tuple[str, str, bytes, Mapping[str, str]]] = [
    *((verb, f"{TO_CALLEE}/x?q=1%202&y=a+b", b"", {}) for verb in VERBS),
    *((verb, f"{TO_CALLEE}/x", b"body", {"content-type": "a/b"}) for verb in WRITING),
    ("GET", f"{INVOKE}/{CALLER}/method/own", b"", {"x-own": "1"}),
    ("GET", f"{INVOKE}/{CALLER}.default/method/own", b"", {}),
    ("GET", f"{INVOKE}/nobody/method/x", b"", {}),
    ("GET", f"{INVOKE}/a.b.c/method/x", b"", {}),
    ("GET", f"{INVOKE}/{CALLEE}/method", b"", {}),
    ("GET", f"/v1.0//invoke//{CALLEE}/method//x", b"", {}),
    ("GET", f"/v1.0/invoke/{CALLEE}//method/x", b"", {}),
    ("GET", "/some//path/../x?y=1", b"", {"dapr-app-id": CALLEE}),
    ("GET", "/", b"", {"dapr-app-id": CALLEE}),
    ("GET", f"{INVOKE}/{CALLER}/method/x", b"", {"dapr-app-id": CALLEE}),
    ("DELETE", "/v1.0/publish/a/b", b"x", {"dapr-app-id": CALLEE}),
    ("GET", "/v1.0/healthz", b"", {"dapr-app-id": CALLEE}),
    ("GET", "/some/path", b"", {"authorization": USER}),
    ("GET", f"{TO_CALLEE}/x", b"", {"baggage": "a=b,c=d"}),
    ("GET", f"{TO_CALLEE}/x", b"", {"baggage": "x,a=b;=,=b"}),
    ("GET", "/v1.0/state/x/y", b"", {"baggage": "a"}),
    ("GET", "/v1.0/healthz", b"", {"baggage": "a"}),
    ("GET", f"{TO_CALLEE}/x", b"", {"traceparent": TRACE, "tracestate": "a=b"}),
    ("GET", f"{TO_CALLEE}/x", b"", {"traceparent": "none"}),
    ("GET", f"{TO_CALLEE}/x", b"", {"accept": "text/event-stream"}),
    ("GET", f"{TO_CALLEE}/x", b"", FORWARDED),
    ("GET", f"{TO_CALLEE}/x", b"", {"grpc-timeout": "1S", "destination-app-id": "evil", "some-bin": "aaaa"}),
]  # fmt: skip


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda each: f"{each[0]} {each[1]} {'-'.join(each[3])}")
def test_questions(
    portal: BlockingPortal, open_ones: list[Pair[Mirror]], question: tuple[str, str, bytes, Mapping[str, str]]
) -> None:
    same(portal, open_ones, *question)


PARTS = st.sampled_from(
    [b"a", b"..", b".", b"", b"%", b"%41", b"?", b"#", b"\n", b"\x7f", b"\xc3\xa9", b"\xff", b" ", b"+",
     b"!$&'()*,;=:@~-_.", b'"<>[]{}|\\^`', b"method"]
)  # fmt: skip
STATUSES = st.sampled_from(
    [200, 201, 202, 204, 299, 301, 302, 304, 399, 400, 403, 404, 409, 422, 429, 500, 503, 599]
)


@SOME
@given(st.lists(PARTS, max_size=5))
def test_paths(portal: BlockingPortal, open_ones: list[Pair[Mirror]], parts: list[bytes]) -> None:
    target = "/".join(quote_from_bytes(part, safe="") for part in parts)
    same(portal, open_ones, "GET", f"{TO_CALLEE}/{target}")
    same(portal, open_ones, "GET", f"/{target}", headers={"dapr-app-id": CALLEE})


NAMES = st.sampled_from(
    ["connection", "keep-alive", "proxy-connection", "te", "trailer", "x-a", "x-b", "via", "cookie", "accept",
     "accept-encoding", "user-agent", "proxy-authorization", "dapr-other", "authorization", "cache-control",
     "grpc-a", "origin-of-mine", "max-forwards"]
)  # fmt: skip
WORDS = st.sampled_from(["x-a", "X-B, close", "1", "a, b", "text/plain", "gzip"])


@SOME
@given(st.dictionaries(NAMES, WORDS))
def test_headers(portal: BlockingPortal, open_ones: list[Pair[Mirror]], headers: dict[str, str]) -> None:
    same(portal, open_ones, "POST", f"{TO_CALLEE}/x", b"body", headers)


@SOME
@given(
    STATUSES,
    st.lists(st.tuples(
        st.sampled_from(["set-cookie", "x-a", "cache-control", "keep-alive", "location", "x-bin", "server",
                         "trailer", "etag", "grpc-x", "traceparent", "tracestate"]),
        st.sampled_from(["1", "2", "x-a"]),
    ), max_size=4),
    st.sampled_from([None, b"", b"text", b"x" * 100_000]),
)  # fmt: skip
def test_answers(
    portal: BlockingPortal,
    open_ones: list[Pair[Mirror]],
    status: int,
    headers: list[tuple[str, str]],
    body: bytes | None,
) -> None:
    app = open_ones[0].app
    app.status, app.headers, app.body = status, headers, body
    try:
        for target in (CALLEE, CALLER):
            same(portal, open_ones, "GET", f"{INVOKE}/{target}/method/x")
    finally:
        app.status, app.headers, app.body = 200, (), None


@pytest.mark.parametrize("target", [f"{TO_CALLEE}/x", f"{TO_CALLEE}/a/../b", f"{INVOKE}/{CALLER}/method/own"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_access_that_is_denied(
    portal: BlockingPortal, denying_ones: list[Pair[Mirror]], method: str, target: str
) -> None:
    answer = same(portal, denying_ones, method, target)
    assert answer[0] == (403 if CALLEE in target else 200)


INVOKE_CASES: Mapping[str, tuple[Mapping[str, Any], int]] = {
    "get": ({"method": "x", "http_extension": {"verb": 1, "querystring": "a=b"}}, 200),
    "post": ({"method": "a b/../c", "data": {"value": b"body"}, "content_type": "a/b",
              "http_extension": {"verb": 3}}, 200),
    "created": ({"method": "x", "http_extension": {"verb": 1}}, 201),
    "none": ({"method": "x", "http_extension": {"verb": 1}}, 204),
    "moved": ({"method": "x", "http_extension": {"verb": 1}}, 302),
    "bad": ({"method": "x", "http_extension": {"verb": 1}}, 400),
    "not found": ({"method": "x", "http_extension": {"verb": 1}}, 404),
    "failed": ({"method": "x", "http_extension": {"verb": 1}}, 500),
    "unavailable": ({"method": "x", "http_extension": {"verb": 1}}, 503),
    "no extension": ({"method": "x"}, 200),
    "no verb": ({"method": "x", "http_extension": {}}, 200),
    "no path": ({"method": "a#b", "http_extension": {"verb": 1}}, 200),
}  # fmt: skip


@pytest.mark.parametrize("target", [CALLEE, CALLER, "nobody", ""])
@pytest.mark.parametrize("name", INVOKE_CASES)
def test_invoke_service(
    portal: BlockingPortal, open_ones: list[Pair[Mirror]], name: str, target: str
) -> None:
    message, status = INVOKE_CASES[name]
    request = invoke_pb2.InvokeServiceRequest(id=target, message=common_pb2.InvokeRequest(**message))
    app = open_ones[0].app
    app.status, app.headers = status, (("x-a", "1"), ("cache-control", "no"))
    app.body = None if status < 300 else b"as it was told to say, at a length that is more than is passed on"
    try:
        answers = {pair.name: portal.call(pair.call, request) for pair in open_ones}
    finally:
        app.status, app.headers, app.body = 200, (), None
    for answer in answers.values():
        assert answer == answers["daprd-daprd"]
