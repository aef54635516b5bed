"""Calls of an app's own services over gRPC end the same: daprd to daprd, ours to ours, each to the other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from anyio.from_thread import BlockingPortal
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import error_details_pb2, status_pb2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.grpc_mirror import Metadata, Proxied, Script, ScriptedMirror, proxied
from conformance.pairs_of_sidecars import CALLEE, CALLER, Pair, all_pairs, pairs
from conformance.sidecars import Program

pytestmark = [pytest.mark.engine("daprd"), pytest.mark.timeout(300)]

TO_CALLEE = (("dapr-app-id", CALLEE),)
TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-01"
LARGE = b"1" * 5_000_000
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
          gRPCStatusCodes: 5,14
    circuitBreakers:
      soon:
        maxRequests: 1
        timeout: 60s
        trip: consecutiveFailures >= 2
  targets:
    apps:
      callee:
        retry: some
        timeout: short
      callee.default:
        circuitBreaker: soon
"""
SOME = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
GrpcPair = Pair[ScriptedMirror]


def of(
    portal: BlockingPortal,
    programs: tuple[Program, Program],
    folder: Path,
    more: str = "",
    files: Mapping[str, str] | None = None,
) -> Iterator[list[GrpcPair]]:
    app = ScriptedMirror()
    running = pairs(all_pairs(programs), folder, app, more, ["--app-protocol=grpc"], files)
    with (
        portal.wrap_async_context_manager(app.serving()),
        portal.wrap_async_context_manager(running) as ready,
    ):
        yield ready


@pytest.fixture(scope="module")
def open_ones(
    portal: BlockingPortal, programs: tuple[Program, Program], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[GrpcPair]]:
    yield from of(portal, programs, tmp_path_factory.mktemp("open"))


@pytest.fixture(scope="module")
def denying_ones(
    portal: BlockingPortal, programs: tuple[Program, Program], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[GrpcPair]]:
    yield from of(portal, programs, tmp_path_factory.mktemp("denying"), DENYING)


@pytest.fixture(scope="module")
def resilient_ones(
    portal: BlockingPortal, programs: tuple[Program, Program], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[GrpcPair]]:
    files = {"calls.yaml": RESILIENCY}
    yield from of(portal, programs, tmp_path_factory.mktemp("resilient"), files=files)


@pytest.fixture(autouse=True)
def plain(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each test begins with an app that tells what it got."""
    yield
    for name in ("open_ones", "denying_ones", "resilient_ones"):
        if name in request.fixturenames:
            request.getfixturevalue(name)[0].app.script = Script()


def same(
    portal: BlockingPortal,
    running: Sequence[GrpcPair],
    method: str = "Told",
    messages: Sequence[bytes] = (b"hello",),
    metadata: Metadata = TO_CALLEE,
    timeout: float = 20.0,
) -> Proxied:
    """How the call ends with all of them."""

    async def ask(pair: GrpcPair) -> Proxied:
        return await proxied(pair.caller.ports[1], method, messages, metadata, timeout=timeout)

    ended = {pair.name: in_words_of_go(portal.call(ask, pair)) for pair in running}
    for name, each in ended.items():
        assert each == ended["daprd-daprd"], f"{name}: {method} {metadata}"
    return ended["daprd-daprd"]


def in_words_of_go(ended: Proxied) -> Proxied:
    """What only the library tells, as the other one tells it; daprd keeps the trailers of each attempt."""
    ended = replace(ended, trailers=sorted(set(ended.trailers)))
    if ended.code in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}:
        return replace(ended, message="")
    message = ended.message.removeprefix("Stream removed (")
    for side in ("SERVER: R", "CLIENT: R"):
        message = message.replace(side, "grpc: r")
    return replace(ended, message=message.replace("))", ")"))


METADATA: Mapping[str, Metadata] = {
    "plain": TO_CALLEE,
    "traced": (*TO_CALLEE, ("traceparent", TRACE), ("tracestate", "a=b")),
    "no trace": (*TO_CALLEE, ("traceparent", "none")),
    "baggage": (*TO_CALLEE, ("baggage", "a=b"), ("x-a", "1"), ("x-a", "2")),
    "bad baggage": (*TO_CALLEE, ("baggage", "x")),
    "binary": (*TO_CALLEE, ("some-bin", b"\x00\xff"), ("dapr-other", "1"), ("accept", "a/b")),
    "namespace": (("dapr-app-id", f"{CALLEE}.default"),),
    "itself": (("dapr-app-id", CALLER), ("x-b", "1"), ("dapr-api-token", "secret")),
    "itself in another namespace": (("dapr-app-id", f"{CALLER}.other"),),
    "as a sidecar": (("dapr-callee-app-id", CALLEE),),
    "both names": (("dapr-callee-app-id", CALLEE), ("dapr-app-id", "nobody")),
    "parts": (("dapr-app-id", "a.b.c"),),
    "empty": (("dapr-app-id", ""),),
    "nobody": (("dapr-app-id", "nobody"),),
    "url": (("dapr-app-id", "http://127.0.0.1:1"),),
    "none": (),
}


@pytest.mark.parametrize("name", METADATA)
def test_metadata(portal: BlockingPortal, open_ones: list[GrpcPair], name: str) -> None:
    same(portal, open_ones, metadata=METADATA[name])


@pytest.mark.parametrize(
    "method",
    ["Unknown", "/a/b#c", "/a/../b", "/a.B/%C3", "/dapr.proto.runtime.v1.Dapr/Nothing", "/dapr.other/Told"],
)
def test_methods(portal: BlockingPortal, open_ones: list[GrpcPair], method: str) -> None:
    same(portal, open_ones, method)


DETAILS = AnyMessage()
DETAILS.Pack(error_details_pb2.ErrorInfo(reason="R", domain="d"))
RICH = status_pb2.Status(code=9, message="rich", details=[DETAILS]).SerializeToString()
SCRIPTS: Mapping[str, Script] = {
    "metadata": Script(
        [b"a"], headers=(("h", "1"), ("h-bin", b"\x01")), trailers=(("t", "2"), ("t-bin", b"\0"))
    ),
    "several": Script([b"a", b"", b"b"]),
    "nothing": Script([]),
    "an error": Script(None, grpc.StatusCode.NOT_FOUND, "not h\u00e9re", (("h", "1"),), (("t", "2"),)),
    "an error behind a reply": Script([b"a"], grpc.StatusCode.ABORTED, "no", (("h", "1"),), (("t", "2"),)),
    "details": Script(
        None, grpc.StatusCode.FAILED_PRECONDITION, "rich", trailers=(("grpc-status-details-bin", RICH),)
    ),
    "a trace": Script([b"a"], headers=(("traceparent", TRACE),)),
    "too large": Script([LARGE]),
}  # fmt: skip


@pytest.mark.parametrize("target", [CALLEE, CALLER])
@pytest.mark.parametrize("name", SCRIPTS)
def test_answers(portal: BlockingPortal, open_ones: list[GrpcPair], name: str, target: str) -> None:
    open_ones[0].app.script = SCRIPTS[name]
    same(portal, open_ones, metadata=(("dapr-app-id", target),))


@pytest.mark.parametrize("code", [each for each in grpc.StatusCode if each is not grpc.StatusCode.OK])
def test_statuses(portal: BlockingPortal, open_ones: list[GrpcPair], code: grpc.StatusCode) -> None:
    open_ones[0].app.script = Script(code=code, message="no")
    assert same(portal, open_ones).code == code.name


@SOME
@given(st.lists(st.binary(max_size=20) | st.just(b"x" * 100_000), max_size=5))
def test_streams(portal: BlockingPortal, open_ones: list[GrpcPair], messages: list[bytes]) -> None:
    ended = same(portal, open_ones, "Echo", messages)
    assert ended.code == "OK"
    assert len(ended.replies) == len(messages)


def test_a_message_that_is_too_large(portal: BlockingPortal, open_ones: list[GrpcPair]) -> None:
    assert same(portal, open_ones, "Echo", [LARGE]).code == "RESOURCE_EXHAUSTED"


def test_a_stream_goes_both_ways_at_once(portal: BlockingPortal, open_ones: list[GrpcPair]) -> None:
    """The second message waits for the answer to the first."""

    async def talk(pair: GrpcPair) -> list[object]:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{pair.caller.ports[1]}") as channel:
            call = channel.stream_stream("/mirror.v1.Mirror/Echo", bytes, bytes)(
                metadata=TO_CALLEE, timeout=10
            )
            heard = []
            for word in (b"one", b"two", b"three"):
                await call.write(word)
                heard.append(await call.read())
            await call.done_writing()
            return [*heard, await call.read() is grpc.aio.EOF, await call.code()]

    for pair in open_ones:
        assert portal.call(talk, pair) == [b"one", b"two", b"three", True, grpc.StatusCode.OK], pair.name


def test_a_call_that_is_given_up_is_given_up_by_all(
    portal: BlockingPortal, open_ones: list[GrpcPair]
) -> None:
    app = open_ones[0].app

    async def give_up(pair: GrpcPair) -> None:
        app.script, app.ended = Script([b"x"], hangs=True), asyncio.Event()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{pair.caller.ports[1]}") as channel:
            call = channel.stream_stream("/mirror.v1.Mirror/Told", bytes, bytes)(metadata=TO_CALLEE)
            await call.write(b"")
            await call.done_writing()
            assert await call.read() == b"x"
            call.cancel()
            await asyncio.wait_for(app.ended.wait(), 10)

    for pair in open_ones:
        portal.call(give_up, pair)


def test_a_deadline_is_that_of_the_app_too(portal: BlockingPortal, open_ones: list[GrpcPair]) -> None:
    app = open_ones[0].app

    async def wait(pair: GrpcPair) -> Proxied:
        app.script, app.ended = Script([], hangs=True), asyncio.Event()
        ended = await proxied(pair.caller.ports[1], "Told", metadata=TO_CALLEE, timeout=0.5)
        await asyncio.wait_for(app.ended.wait(), 10)
        return ended

    for pair in open_ones:
        # daprd ends its own call by then, and tells of that if its answer is sooner than the caller's clock.
        either = {"DEADLINE_EXCEEDED"} | ({"CANCELLED"} if pair.name.startswith("daprd-") else set())
        assert portal.call(wait, pair).code in either, pair.name


@pytest.mark.parametrize("method", ["Told", "/a/../b", "/a/b#c"])
def test_access_that_is_denied(portal: BlockingPortal, denying_ones: list[GrpcPair], method: str) -> None:
    code = "INVALID_ARGUMENT" if "#" in method else "PERMISSION_DENIED"
    assert same(portal, denying_ones, method).code == code
    callers = [replace(pair, caller=pair.callee) for pair in denying_ones]
    assert same(portal, callers, method).code == code
    assert same(portal, denying_ones, metadata=(("dapr-app-id", CALLER),)).code == "OK"


ATTEMPTS = [
    ("NOT_FOUND", (), 3),
    ("UNAVAILABLE", (), 3),
    ("ABORTED", (), 1),
    ("NOT_FOUND", (("dapr-stream", "true"),), 1),
    ("NOT_FOUND", (("dapr-stream", "no"),), 3),
]


@pytest.mark.parametrize(("code", "more", "attempts"), ATTEMPTS)
def test_what_is_tried_again(
    portal: BlockingPortal, resilient_ones: list[GrpcPair], code: str, more: Metadata, attempts: int
) -> None:
    app = resilient_ones[0].app
    app.script = Script(code=grpc.StatusCode[code], message="no", trailers=(("t", "1"),))
    for pair in resilient_ones:
        app.calls = 0
        assert same(portal, [replace(pair, name="daprd-daprd")], metadata=(*TO_CALLEE, *more)).code == code
        assert (pair.name, app.calls) == (pair.name, attempts)
    same(portal, resilient_ones, metadata=(*TO_CALLEE, *more))


def test_a_stream_that_would_be_tried_again_is_none(
    portal: BlockingPortal, resilient_ones: list[GrpcPair]
) -> None:
    assert same(portal, resilient_ones, "Told", [b"1", b"2"]).code == "FAILED_PRECONDITION"
    streaming = (*TO_CALLEE, ("dapr-stream", "1"))
    assert same(portal, resilient_ones, "Told", [b"1", b"2"], streaming).code == "OK"


def test_what_takes_too_long(portal: BlockingPortal, resilient_ones: list[GrpcPair]) -> None:
    resilient_ones[0].app.script = Script([], hangs=True)
    assert same(portal, resilient_ones).code == "DEADLINE_EXCEEDED"


def test_a_circuit_breaker(portal: BlockingPortal, resilient_ones: list[GrpcPair]) -> None:
    resilient_ones[0].app.script = Script(code=grpc.StatusCode.ABORTED, message="no")
    metadata = (("dapr-app-id", f"{CALLEE}.default"),)
    told = [same(portal, resilient_ones, metadata=metadata).message for _ in range(4)]
    assert told == ["no", "no", *["circuit breaker is open"] * 2]
    assert same(portal, resilient_ones, metadata=(("dapr-app-id", "nobody"),)).code == "UNKNOWN"
