from __future__ import annotations

import json
from typing import Any

import pytest

from outboard.sidecar.channel.answers import read_answer, read_bulk_answer
from outboard.sidecar.channel.refusals import excerpt, refusal
from outboard.wire.http import Response

HINT = "the app gets a CloudEvent; the payload is under `data`"


def unprocessable(*detail: Any) -> Response:
    return Response(422, body=json.dumps({"detail": detail}).encode())


def test_a_refusal_tells_status_and_body_in_one_line() -> None:
    response = Response(500, body=b"Internal\n Server\tError")
    assert refusal(response) == "status code returned: 500, body: Internal Server Error"
    assert read_answer(response).detail == refusal(response)
    assert read_bulk_answer(response, ["1"])["1"].detail == refusal(response)


@pytest.mark.parametrize("status", [301, 404, 422, 503])
def test_an_empty_body_is_not_told(status: int) -> None:
    assert refusal(Response(status)) == f"status code returned: {status}"


def test_the_body_is_bounded_and_printable() -> None:
    assert excerpt(b"\xff\0" + b"x" * 1_000_000).startswith("\N{REPLACEMENT CHARACTER}" * 2 + "xxx")
    assert len(excerpt(b"x" * 1_000_000)) == 1_000
    assert excerpt(b" \r\n") == ""


def test_a_body_model_that_got_the_envelope_gets_the_hint() -> None:
    missing = {"type": "missing", "loc": ["body", "title"], "msg": "Field required", "input": {"id": "1"}}
    assert refusal(unprocessable(missing)).endswith(f" ({HINT})")


@pytest.mark.parametrize(
    "detail",
    [
        ({"type": "missing", "loc": ["body", "data", "title"]},),
        ({"type": "missing", "loc": ["query", "q"]},),
        ({"type": "int_parsing", "loc": ["body", "n"]},),
        ({"type": "missing", "loc": "body"},),
        ("words",),
        (),
    ],
)
def test_other_problems_get_none(detail: tuple[Any, ...]) -> None:
    assert HINT not in refusal(unprocessable(*detail))


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"detail": "no"}', b"null"])
def test_any_body_can_stand_in_a_422(body: bytes) -> None:
    assert refusal(Response(422, body=body)) == f"status code returned: 422, body: {body.decode()}"
