"""The heads of requests and responses, between HTTP/2 and ASGI."""

from __future__ import annotations

import pytest

from outboard.sidecar.api.http.http2.heads import (
    is_h2c_offered,
    list_size,
    offered_head,
    request_head,
    response_pairs,
    settings_offered,
)

PSEUDO = [(b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"here"), (b":path", b"/a%20b?c=d?e")]


def test_a_head_as_asgi_has_it() -> None:
    head = request_head([*PSEUDO, (b"x-a", b"1"), (b"x-a", b"2")], has_body=False)
    assert head == (
        "GET", "/a b", b"/a%20b", b"c=d?e", [(b"host", b"here"), (b"x-a", b"1"), (b"x-a", b"2")]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pairs", "host"),
    [
        ([*PSEUDO, (b"host", b"there"), (b"host", b"elsewhere")], [b"here"]),
        ([*PSEUDO[:2], PSEUDO[3], (b"host", b"there"), (b"host", b"elsewhere")], [b"there"]),
        ([*PSEUDO[:2], PSEUDO[3]], []),
    ],
)
def test_there_is_one_host(pairs: list[tuple[bytes, bytes]], host: list[bytes]) -> None:
    head = request_head(pairs, has_body=False)
    assert head is not None
    assert [value for name, value in head.headers if name == b"host"] == host


def test_cookies_that_came_apart_are_one_again() -> None:
    head = request_head([*PSEUDO, (b"cookie", b"a=b"), (b"x-a", b"1"), (b"cookie", b"c=d")], has_body=False)
    assert head is not None
    assert head.headers[1:] == [(b"x-a", b"1"), (b"cookie", b"a=b; c=d")]


@pytest.mark.parametrize(
    ("length", "has_body", "told"),
    [
        ([], True, [(b"transfer-encoding", b"chunked")]),
        ([(b"content-length", b"5")], True, [(b"content-length", b"5")]),
        ([], False, []),
    ],
)
def test_a_body_of_unknown_length_is_told_of(
    length: list[tuple[bytes, bytes]], has_body: bool, told: list[tuple[bytes, bytes]]
) -> None:
    head = request_head([*PSEUDO, *length], has_body=has_body)
    assert head is not None
    assert head.headers[1:] == told


@pytest.mark.parametrize("target", [b"", b"a", b"/a b", b"/%zz", b"/%4", b"/\x00", b"/\xe9", b"/a?\xe9"])
def test_a_target_that_is_none(target: bytes) -> None:
    assert request_head([*PSEUDO[:3], (b":path", target)], has_body=False) is None


@pytest.mark.parametrize("target", [b"/", b"*", b"/?", b"/?%zz", b"//a/../%2f", b"/a#b"])
def test_a_target_that_is_one(target: bytes) -> None:
    assert request_head([*PSEUDO[:3], (b":path", target)], has_body=False) is not None


def test_the_size_of_a_head_counts_what_each_header_costs() -> None:
    assert list_size([(b":method", b"GET"), (b"x", b"")]) == 10 + 32 + 1 + 32


def offer(
    connection: bytes = b"Upgrade, HTTP2-Settings", upgrade: bytes = b"h2c"
) -> list[tuple[bytes, bytes]]:
    return [
        (b"connection", connection),
        (b"upgrade", upgrade),
        (b"http2-settings", b"AAIAAAAA"),
        (b"x", b"1"),
    ]


@pytest.mark.parametrize("connection", [b"upgrade,http2-settings", b"HTTP2-Settings , Upgrade"])
@pytest.mark.parametrize("upgrade", [b"h2c", b"websocket, H2C"])
def test_an_offer(connection: bytes, upgrade: bytes) -> None:
    assert is_h2c_offered(offer(connection, upgrade))


@pytest.mark.parametrize(("connection", "upgrade"), [(b"upgrade", b"h2c"), (b"http2-settings", b"h2")])
def test_no_offer(connection: bytes, upgrade: bytes) -> None:
    assert not is_h2c_offered(offer(connection, upgrade))
    assert not is_h2c_offered([])


def test_of_an_offer_nothing_is_left_in_the_request() -> None:
    head = offered_head("PUT", b"/a%20b", b"c", offer())
    assert head == ("PUT", "/a b", b"/a%20b", b"c", [(b"x", b"1")])


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ([b"AAIAAAAA"], b"AAIAAAAA"),
        ([b"AAM"], b"AAM="),
        ([b"AA-_"], b"AA-_"),
        ([b""], b""),
        ([b"A"], None),
        ([b"!!!!"], None),
        ([], None),
        ([b"AAIAAAAA", b"AAIAAAAA"], None),
    ],
)
def test_the_settings_of_an_offer(values: list[bytes], read: bytes | None) -> None:
    assert settings_offered([(b"http2-settings", value) for value in values]) == read


def test_a_response_says_nothing_of_its_connection() -> None:
    headers = [(b"X-A", b"1"), (b"Connection", b"close"), (b"transfer-encoding", b"chunked"), (b"x-a", b"2")]
    assert response_pairs(204, headers) == [(b":status", b"204"), (b"x-a", b"1"), (b"x-a", b"2")]
