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
)
from outboard.kit.client.answers import publish_error, state_error
from outboard.wire.http import Response

ADDRESS = "http://127.0.0.1:3500"


def answer(status: int, code: str, message: str = "why") -> Response:
    return Response(status, {}, json.dumps({"errorCode": code, "message": message, "details": []}).encode())


@pytest.mark.parametrize("status", [200, 204])
def test_success_is_no_error(status: int) -> None:
    assert publish_error(Response(status), "p", "t", ADDRESS) is None
    assert state_error(Response(status), "s", "save", (), ADDRESS) is None


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (Response(401, {}, b"invalid api token"), TokenRejected),
        (answer(403, "ERR_PUBSUB_FORBIDDEN"), PublishForbidden),
        (answer(404, "ERR_PUBSUB_NOT_FOUND"), PubSubNotFound),
        (answer(400, "ERR_PUBSUB_NOT_FOUND"), PubSubNotFound),
        (answer(404, "ERR_DIRECT_INVOKE"), PublishFailed),
        (answer(500, "ERR_PUBSUB_PUBLISH_MESSAGE"), PublishFailed),
        (Response(302), PublishFailed),
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
        (b"plain text", "without a code", "plain text"),
        (b"", "without a code", "it gave no reason"),
        (b"[1]", "without a code", "[1]"),
        (b"\xff", "without a code", "\ufffd"),
        (b'{"errorCode": 7}', "7", "it gave no reason"),
    ],
)
def test_any_body_is_told(body: bytes, code: str, reason: str) -> None:
    error = publish_error(Response(500, {}, body), "p", "t", ADDRESS)
    assert isinstance(error, PublishFailed)
    assert (error.status, error.code, error.reason) == (500, code, reason)


def test_a_flood_is_cut() -> None:
    error = publish_error(Response(500, {}, b"x" * 100_000), "p", "t", ADDRESS)
    assert isinstance(error, PublishFailed)
    assert len(error.reason) == 500
