from __future__ import annotations

import json

import pytest

from outboard.errors import (
    EtagInvalid,
    EtagMismatch,
    PublishFailed,
    PublishForbidden,
    PubSubNotFound,
    SidecarError,
    StateFailed,
    StateStoreNotFound,
    TokenRejected,
    UnexpectedAnswer,
)
from outboard.kit.client.answers import bulk_errors, publish_error, state_error
from outboard.kit.outbox.failures import PublishOutcome, outcome_of
from outboard.wire.http import Response

ADDRESS = "http://127.0.0.1:3500"


def answer(status: int, code: str, message: str = "why") -> Response:
    return Response(status, {}, json.dumps({"errorCode": code, "message": message, "details": []}).encode())


HTML = Response(200, {"content-type": "text/html; charset=utf-8"}, b"<!doctype html>\n<title>Welcome</title>")


def test_success_is_no_error() -> None:
    assert publish_error(Response(204), "p", "t", ADDRESS) is None
    assert state_error(Response(204), "s", "save", (), ADDRESS) is None
    assert state_error(Response(204), "s", "read", (), ADDRESS, reads=True) is None
    value = Response(200, {"content-type": "application/json; charset=utf-8"}, b"1")
    assert state_error(value, "s", "read", (), ADDRESS, reads=True) is None


@pytest.mark.parametrize(
    "response",
    [
        HTML,
        Response(200),
        Response(200, {"content-type": "application/json"}, b"{}"),
        Response(200, {"content-type": "application/json"}, b'{"errorCode":"ERR_X"}'),
        Response(201),
        Response(202, {}, b"accepted"),
        Response(302, {"location": "/login"}),
        Response(304),
        Response(400, {}, b"Invalid HTTP request received."),
        Response(403, {"content-type": "text/html"}, b"<html>Forbidden by the proxy</html>"),
        Response(404, {"content-type": "application/json"}, b'{"detail":"Not Found"}'),
        Response(502, {"content-type": "text/html"}, b"<html>Bad gateway</html>"),
    ],
)
def test_who_does_not_answer_as_dapr_has_taken_nothing(response: Response) -> None:
    assert type(publish_error(response, "p", "t", ADDRESS)) is UnexpectedAnswer
    assert bulk_errors(response, "p", "t", 1, ADDRESS)[0] is not None
    assert type(state_error(response, "s", "save key 'k'", ["k"], ADDRESS)) is UnexpectedAnswer


def test_what_reads_is_answered_with_json() -> None:
    for response in (HTML, Response(200), Response(200, {"content-type": "text/plain"}, b"1")):
        assert type(state_error(response, "s", "read", (), ADDRESS, reads=True)) is UnexpectedAnswer


def test_it_names_the_address_and_what_answered() -> None:
    long = HTML._replace(body=HTML.body + b"x" * 1_000)
    text = str(publish_error(long, "p", "t", ADDRESS))
    for words in (
        ADDRESS,
        "topic 't' of 'p'",
        "HTTP 200",
        "text/html",
        "<!doctype html> <title>Welcome",
        "PORT",
    ):
        assert words in text
    assert len(text) < 500
    assert "without a content type: nothing" in str(publish_error(Response(200), "p", "t", ADDRESS))
    assert "'\ufffd'" in str(publish_error(Response(500, {}, b"\xff"), "p", "t", ADDRESS))


def test_what_is_too_large_for_whoever_stands_before_the_sidecar_is_so_each_time() -> None:
    error = publish_error(Response(413, {}, b"<html>too large</html>"), "p", "t", ADDRESS)
    assert isinstance(error, PublishFailed)
    assert outcome_of(error) is PublishOutcome.REFUSED


def test_whoever_is_no_sidecar_parks_no_event() -> None:
    for status in (200, 400, 403, 500):
        error = publish_error(Response(status, {}, b"no"), "p", "t", ADDRESS)
        assert outcome_of(error) is PublishOutcome.UNREACHABLE


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (Response(401, {}, b"invalid api token"), TokenRejected),
        (answer(403, "ERR_PUBSUB_FORBIDDEN"), PublishForbidden),
        (answer(404, "ERR_PUBSUB_NOT_FOUND"), PubSubNotFound),
        (answer(400, "ERR_PUBSUB_NOT_FOUND"), PubSubNotFound),
        (answer(404, "ERR_DIRECT_INVOKE"), PublishFailed),
        (answer(500, "ERR_PUBSUB_PUBLISH_MESSAGE"), PublishFailed),
        (Response(302), UnexpectedAnswer),
    ],
)
def test_publish_errors(response: Response, expected: type[SidecarError]) -> None:
    assert type(publish_error(response, "p", "t", ADDRESS)) is expected


@pytest.mark.parametrize(
    ("response", "guarded", "expected"),
    [
        (Response(401), ["k"], TokenRejected),
        (answer(400, "ERR_STATE_STORE_NOT_FOUND"), ["k"], StateStoreNotFound),
        (answer(500, "ERR_STATE_STORE_NOT_CONFIGURED"), [], StateStoreNotFound),
        (answer(409, "ERR_STATE_SAVE"), ["k"], EtagMismatch),
        (answer(409, "ERR_STATE_SAVE"), [], StateFailed),
        (answer(500, "ERR_STATE_TRANSACTION", "… possible etag mismatch. error"), ["k"], EtagMismatch),
        (answer(500, "ERR_STATE_TRANSACTION", "disk full"), ["k"], StateFailed),
        (answer(400, "ERR_STATE_SAVE", "invalid etag value: x"), ["k"], EtagInvalid),
        (answer(400, "ERR_MALFORMED_REQUEST"), ["k"], StateFailed),
    ],
)
def test_state_errors(response: Response, guarded: list[str], expected: type[SidecarError]) -> None:
    assert type(state_error(response, "s", "save key 'k'", guarded, ADDRESS)) is expected


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        (b'{"errorCode": "ERR_X", "message": "broker away"}', "ERR_X", "broker away"),
        (b'{"errorCode": "ERR_X", "message": ""}', "ERR_X", "it gave no reason"),
        (b'{"errorCode": 7}', "7", "it gave no reason"),
    ],
)
def test_what_dapr_says_is_told(body: bytes, code: str, reason: str) -> None:
    error = publish_error(Response(500, {}, body), "p", "t", ADDRESS)
    assert isinstance(error, PublishFailed)
    assert (error.status, error.code, error.reason) == (500, code, reason)


def test_a_flood_is_cut() -> None:
    error = publish_error(answer(500, "ERR_X", "x" * 100_000), "p", "t", ADDRESS)
    assert isinstance(error, PublishFailed)
    assert len(error.reason) == 500
