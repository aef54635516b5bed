"""Which apps send their spans to the dashboard of their run, and what they are told."""

from __future__ import annotations

import pytest

from outboard.errors import CommandError
from outboard.runs.spans import SpanDestination, exports_to_nobody, given_token

ASKED = {"OTEL_TRACES_EXPORTER": "otlp"}


@pytest.mark.parametrize(
    "environment",
    [
        ASKED,
        {"OTEL_TRACES_EXPORTER": "console, OTLP"},
        {**ASKED, "OTEL_EXPORTER_OTLP_ENDPOINT": "", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
        {
            **ASKED,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        },
    ],
)
def test_who_asks_for_an_export_and_names_no_place_is_told_one(environment: dict[str, str]) -> None:
    assert exports_to_nobody(environment)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"FASTAPI_OTEL_AUTO_CONFIGURE": "true"},
        {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_TRACES_EXPORTER": "console"},
        {**ASKED, "OTEL_SDK_DISABLED": "true"},
        {**ASKED, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
        {**ASKED, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1"},
        {**ASKED, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        {**ASKED, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"},
    ],
)
def test_nobody_else_is(environment: dict[str, str]) -> None:
    assert not exports_to_nobody(environment)


def test_an_exporter_is_told_by_its_own_variables() -> None:
    assert SpanDestination.of("http://127.0.0.1:4320", "secret").variables == {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4320/v1/traces",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-outboard-token=secret",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
    }


@pytest.mark.parametrize("token", ["short", "sixteen characters", "1234567890123456,", "a" * 201, "ä" * 20])
def test_a_token_that_a_header_cannot_have_is_refused_without_telling_it(token: str) -> None:
    with pytest.raises(CommandError) as refused:
        given_token({"OUTBOARD_SPANS_TOKEN": token})
    assert token not in str(refused.value)


def test_a_token_may_be_given() -> None:
    assert given_token({"OUTBOARD_SPANS_TOKEN": "a-good-and-long.token"}) == "a-good-and-long.token"
    assert given_token({}) == given_token({"OUTBOARD_SPANS_TOKEN": ""}) == ""
