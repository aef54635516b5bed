"""Requests that lie about their length, or have far too many members: no event comes of what nobody sent.

daprd is asked the same where it is set up.
"""

from __future__ import annotations

import json
import re
import socket
from contextlib import suppress

import pytest

from faults.abused import Abused

PUBLISH = (
    b"POST /v1.0/publish/pubsub/orders HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
)
JSON = {"content-type": "application/json"}
CLOSE = b"connection: close\r\n"
WITHIN = {f"k{number}": 0 for number in range(300_000)}
"""As many as fit the largest body."""


def said(abused: Abused, request: bytes) -> list[int]:
    """The statuses that are answered to what is written on one connection, which then ends."""
    with socket.create_connection(("127.0.0.1", abused.sidecar.port), timeout=20) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        with suppress(ConnectionError):  # it hung up: the request was none
            while piece := connection.recv(65536):
                answer += piece
    return [int(status) for status in re.findall(rb"^HTTP/1\.1 (\d{3})", answer, re.MULTILINE)]


def test_as_many_keys_as_fit_arrive(abused: Abused) -> None:
    body = json.dumps(WITHIN).encode()

    answer = abused.sidecar.http.post("/v1.0/publish/pubsub/orders", content=body, headers=JSON)

    assert answer.status_code == 204
    assert abused.arrived() == [("orders", WITHIN)]


def test_a_million_keys_are_too_large(abused: Abused) -> None:
    body = json.dumps({f"k{number}": 0 for number in range(1_000_000)}).encode()

    answer = abused.sidecar.http.post("/v1.0/publish/pubsub/orders", content=body, headers=JSON)

    assert answer.status_code in (413, 500)
    assert abused.arrived() == []


@pytest.mark.parametrize("length", [b"100", b"-5", b"5, 6", b"five", b"99999999999999999999"])
def test_a_body_of_another_length_is_no_event(abused: Abused, length: bytes) -> None:
    statuses = said(abused, PUBLISH + CLOSE + b"content-length: " + length + b"\r\n\r\n" + b'"abc"')

    assert [status for status in statuses if status < 400] == []
    assert abused.arrived() == []


def test_two_lengths_are_none(abused: Abused) -> None:
    request = PUBLISH + CLOSE + b"content-length: 5\r\ncontent-length: 6\r\n\r\n" + b'"abc"x'

    assert [status for status in said(abused, request) if status < 400] == []
    assert abused.arrived() == []


def test_what_is_behind_the_body_is_no_part_of_the_event(abused: Abused) -> None:
    request = PUBLISH + b"content-length: 5\r\n\r\n" + b'"abc"' + b"GARBAGE\r\n\r\n"

    statuses = said(abused, request)

    assert statuses in ([204], [204, 400], [400])
    assert abused.arrived() in ([], [("orders", "abc")])


def test_a_length_beside_chunks_smuggles_no_second_request(abused: Abused) -> None:
    """RFC 9112, 6.3: chunks count before a length, and both may be refused; a proxy may differ."""
    hidden = PUBLISH + CLOSE + b"content-length: 8\r\n\r\n" + b'"hidden"'
    request = PUBLISH + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(hidden), hidden)

    said(abused, request + chunk)

    assert "hidden" not in [data for _, data in abused.arrived()]


@pytest.mark.parametrize("chunk", [b"zz\r\n", b'5\r\n"abc"', b"ffffffffffffffffff\r\n", b"-5\r\n"])
def test_chunks_that_do_not_end_are_no_event(abused: Abused, chunk: bytes) -> None:
    statuses = said(abused, PUBLISH + CLOSE + b"transfer-encoding: chunked\r\n\r\n" + chunk)

    assert [status for status in statuses if status < 400] == []
    assert abused.arrived() == []
