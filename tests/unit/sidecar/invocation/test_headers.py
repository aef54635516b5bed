"""Which headers go on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from outboard.sidecar.invocation.headers import (
    HOP_BY_HOP,
    Forwarder,
    as_event_stream,
    called,
    is_event_stream,
    to_app,
    to_caller,
)

ZEROS = ("traceparent", "00-" + "0" * 32 + "-" + "0" * 16 + "-00")
NAMES = st.sampled_from(
    [*sorted(HOP_BY_HOP), "x-a", "x-b", "accept", "content-length", "content-type", "traceparent",
     "tracestate", "baggage", "x-bin", "some-bin", "grpc-a", "destination-app-id", "host", "cookie"]
)  # fmt: skip
HEADERS = st.lists(st.tuples(NAMES, st.sampled_from(["x-a", "x-b, X-A", "1", ""])))


def test_what_is_about_one_connection_stays_there() -> None:
    given_headers = [(name, "1") for name in HOP_BY_HOP] + [("connection", "close, X-Own"), ("x-own", "1")]
    assert to_app(given_headers) == [ZEROS]


def test_what_an_app_gets() -> None:
    headers = [
        ("x-a", "1"), ("x-a", "2"), ("host", "h"), ("destination-app-id", "evil"), ("a-bin", "x"),
        ("grpc-timeout", "1S"), ("content-type", "text/plain"), ("content-length", "3"),
        ("baggage", "a=b"), ("baggage", "c=d"), ("traceparent", "t"), ("tracestate", "s"),
        ("dapr-api-token", "callers"),
    ]  # fmt: skip
    assert sorted(to_app(headers, token="own")) == [
        ("baggage", "a=b"), ("content-length", "3"), ("content-type", "text/plain"),
        ("dapr-api-token", "own"), ("dapr-grpc-timeout", "1S"), ("traceparent", "t"), ("tracestate", "s"),
        ("x-a", "1"), ("x-a", "2"),
    ]  # fmt: skip
    assert ("dapr-api-token", "callers") in to_app(headers)


def test_what_a_caller_gets() -> None:
    headers = [
        ("set-cookie", "a"),
        ("set-cookie", "b"),
        ("date", "d"),
        ("keep-alive", "1"),
    ]
    assert to_caller(headers) == [("set-cookie", "a"), ("set-cookie", "b")]
    trace = [("traceparent", "t"), ("tracestate", "s")]
    assert to_caller(trace) == trace


def test_a_sidecar_says_itself_who_calls_whom() -> None:
    claimed = [
        ("dapr-caller-app-id", "evil"),
        ("dapr-callee-app-id", "evil"),
        ("dapr-caller-namespace", "evil"),
    ]
    headers = called([*claimed, ("forwarded", "for=1")], "me", "ns", "you", Forwarder("10.0.0.1", "host"))
    assert headers == [
        ("forwarded", "for=1"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-host", "host"),
        ("forwarded", "for=10.0.0.1;by=10.0.0.1;host=host"),
        ("destination-app-id", "you"),
        ("dapr-caller-namespace", "ns"),
        ("dapr-caller-app-id", "me"),
        ("dapr-callee-app-id", "you"),
    ]


def test_how_a_machine_is_told() -> None:
    assert ("forwarded", 'for="[::1]";by="[::1]"') in Forwarder("::1").headers
    assert [*Forwarder("", "host").headers] == [("x-forwarded-host", "host"), ("forwarded", "host=host")]


def test_server_sent_events() -> None:
    assert is_event_stream([("accept", " Text/Event-Stream ")])
    assert not is_event_stream([("accept", "text/event-stream, */*")])
    assert as_event_stream([("content-type", "a"), ("x", "1")]) == [
        ("x", "1"),
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache"),
    ]


@given(HEADERS)
def test_whatever_is_sent(headers: list[tuple[str, str]]) -> None:
    nominated = {
        part.strip().lower() for name, value in headers if name == "connection" for part in value.split(",")
    }
    got = to_app(headers)
    names = [name for name, _ in got]
    assert HOP_BY_HOP.isdisjoint(names)
    assert nominated.isdisjoint(name for name in names if name.startswith("x-"))
    assert names.count("traceparent") == 1
    assert {"host", "destination-app-id"}.isdisjoint(names)
    assert names.count("baggage") <= 1
