"""Spans by OTLP over HTTP: who may send them, what is answered, and that the page of an event has them."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from outboard.dashboard.otlp.bodies import MOST_BYTES
from outboard.dashboard.server.spans import AT_ONCE
from outboard.hops.record import HopKind
from support.dashboard import BASE, SPAN_TOKEN, TOKEN, dashboard, hop, write_hops
from support.spans import TRACE, proto_span, request

pytestmark = pytest.mark.anyio

TRACES = "/v1/traces"
PROTOBUF = {"content-type": "application/x-protobuf", "x-outboard-token": SPAN_TOKEN}
JSON = {**PROTOBUF, "content-type": "application/json"}
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
async def exporter(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A program that was never here."""
    async with httpx.AsyncClient(transport=dashboard(tmp_path), base_url=BASE) as client:
        yield client


async def test_spans_are_taken_in_both_encodings_packed_or_not(exporter: httpx.AsyncClient) -> None:
    body = request(proto_span()).SerializeToString()
    packed = {**PROTOBUF, "content-encoding": "gzip"}
    for headers, sent in ((PROTOBUF, body), (packed, gzip.compress(body))):
        answer = await exporter.post(TRACES, content=sent, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-protobuf")
        assert ExportTraceServiceResponse.FromString(answer.content) == ExportTraceServiceResponse()
    answer = await exporter.post(TRACES, json={"resourceSpans": []}, headers=JSON)
    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (
        200,
        "application/json",
        {},
    )


async def test_what_is_refused_in_part_is_told(exporter: httpx.AsyncClient) -> None:
    body = request(proto_span(), proto_span(span_id=b"")).SerializeToString()
    answer = await exporter.post(TRACES, content=body, headers=PROTOBUF)
    assert answer.status_code == 200
    assert ExportTraceServiceResponse.FromString(answer.content).partial_success.rejected_spans == 1


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"\xff", 400),
        ({"content-encoding": "gzip"}, b"none", 400),
        ({"content-encoding": "br"}, b"", 415),
        ({}, bytes(MOST_BYTES + 1), 413),
        ({"content-encoding": "gzip"}, gzip.compress(bytes(MOST_BYTES + 1)), 413),
        ({"x-outboard-token": "wrong"}, b"", 401),
        ({"x-outboard-token": TOKEN}, b"", 401),
        ({"x-outboard-token": ""}, b"", 401),
        ({"host": "evil.example"}, b"", 403),
        ({"origin": BASE}, b"", 403),
        ({"sec-fetch-site": "same-origin"}, b"", 403),
    ],
    ids=[
        *("no request", "no gzip", "other packing", "long", "long when unpacked", "wrong token"),
        *("token of pages", "no token", "host", "origin", "page"),
    ],
)
async def test_each_refusal_is_a_status_in_the_encoding_of_the_request(
    exporter: httpx.AsyncClient, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = await exporter.post(TRACES, content=body, headers={**PROTOBUF, **headers})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/x-protobuf")
    assert Status.FromString(answer.content).message
    if status != 413:
        answer = await exporter.post(TRACES, content=body, headers={**JSON, **headers})
        assert (answer.status_code, list(answer.json())) == (status, ["message"])


async def test_another_content_type_is_refused(exporter: httpx.AsyncClient) -> None:
    answer = await exporter.post(TRACES, content=b"", headers={**PROTOBUF, "content-type": "text/plain"})
    assert (answer.status_code, answer.headers["content-type"]) == (415, "application/json")


async def test_a_body_that_does_not_end_is_refused_when_it_is_too_long(exporter: httpx.AsyncClient) -> None:
    async def parts() -> AsyncIterator[bytes]:
        while True:
            yield bytes(2**20)

    answer = await exporter.post(TRACES, content=parts(), headers=PROTOBUF)
    assert answer.status_code == 413


async def test_too_many_at_once_are_asked_to_come_again(exporter: httpx.AsyncClient) -> None:
    go_on = asyncio.Event()
    begun = asyncio.Semaphore(0)

    async def slowly() -> AsyncIterator[bytes]:
        begun.release()
        await go_on.wait()
        yield request(proto_span()).SerializeToString()

    waiting = [
        asyncio.create_task(exporter.post(TRACES, content=slowly(), headers=PROTOBUF)) for _ in range(AT_ONCE)
    ]
    for _ in range(AT_ONCE):
        await begun.acquire()
    answer = await exporter.post(TRACES, content=b"", headers=PROTOBUF)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    go_on.set()
    assert {each.status_code for each in await asyncio.gather(*waiting)} == {200}
    assert (await exporter.post(TRACES, content=b"", headers=PROTOBUF)).status_code == 200


async def test_the_token_of_spans_opens_no_page_and_the_cookie_sends_no_spans(
    exporter: httpx.AsyncClient,
) -> None:
    assert (await exporter.get("/events", headers=PROTOBUF)).status_code == 401
    assert (await exporter.get("/", params={"token": SPAN_TOKEN})).status_code == 401
    await exporter.get("/", params={"token": TOKEN})
    assert (await exporter.get("/events")).status_code == 200
    headers = {"content-type": "application/json", "origin": BASE}
    assert (await exporter.post(TRACES, content=b"{}", headers=headers)).status_code == 403
    assert (
        await exporter.post(TRACES, content=b"{}", headers={"content-type": "application/json"})
    ).status_code == 401
    assert (await exporter.get(TRACES, headers=PROTOBUF)).status_code == 405


async def test_a_span_stands_in_the_timeline_as_text(tmp_path: Path, exporter: httpx.AsyncClient) -> None:
    published = hop(HopKind.STORED, "e1", correlation="c")
    traceparent = f"00-{TRACE}-{'02' * 8}-01"
    write_hops(tmp_path, [published._replace(event=published.event._replace(traceparent=traceparent))])
    attributes = [KeyValue(key=SCRIPT, value=AnyValue(string_value=SCRIPT))]
    attributes += [KeyValue(key="api_key", value=AnyValue(string_value="abcdefgh"))]
    sent = proto_span(f"take {SCRIPT}", parent_span_id=b"\x02" * 8, attributes=attributes)
    await exporter.get("/", params={"token": TOKEN})
    assert "app&#39;s span" not in (await exporter.get("/event?id=e1")).text
    body = request(sent, service=f"legacy {SCRIPT}").SerializeToString()
    assert (await exporter.post(TRACES, content=body, headers=PROTOBUF)).status_code == 200
    page = (await exporter.get("/event?id=e1")).text
    assert "told by the app&#39;s span" in page
    assert "take &lt;script&gt;alert(1)&lt;/script&gt; (server), 250 ms" in page
    assert "legacy &lt;script&gt;" in page
    assert "Spans that apps have sent" in page
    assert "<script>alert" not in page
    assert "abcdefgh" not in page
    assert json.dumps("***") not in page
