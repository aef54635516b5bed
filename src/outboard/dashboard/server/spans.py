"""Spans by OTLP over HTTP: requests read within bounds, and answered as the specification says.

Source: OpenTelemetry, "OTLP Specification 1.9", OTLP/HTTP response.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from outboard.dashboard.otlp.bodies import (
    MOST_BYTES,
    OtlpEncoding,
    OtlpRefused,
    encoding_of,
    too_large,
    unpacked,
)
from outboard.dashboard.otlp.messages import SpansRead, read_spans, spans_response, status_body
from outboard.dashboard.views.feed import EventFeed
from outboard.errors import ExtraMissing
from outboard.runs.spans import TRACES

__all__ = ["refusing", "span_routes"]

AT_ONCE: Final = 4
"""Requests that are read at a time: so much memory they may take together, at most."""
LATER: Final = 1
"""Seconds after which an exporter may try again."""


def span_routes(feed: EventFeed) -> Sequence[BaseRoute]:
    """What takes spans into `feed`."""
    reading = 0

    async def taken(request: Request) -> Response:
        nonlocal reading
        if reading >= AT_ONCE:
            return refusing(request, 429, "Too many spans come at once: send them again in a second.")
        reading += 1
        try:
            encoding = encoding_of(request.headers.get("content-type", ""))
            body = await _body(request)
            packed = request.headers.get("content-encoding", "")
            read = await asyncio.to_thread(_read, body, packed, encoding)
        except OtlpRefused as refused:
            return refusing(request, refused.status, str(refused))
        except ExtraMissing as missing:
            return refusing(request, 501, str(missing))
        finally:
            reading -= 1
        feed.add_spans(read.spans)
        return Response(spans_response(encoding, read.refused), media_type=encoding.value)

    return (Route(TRACES, taken, methods=["POST"]),)


def refusing(request: Request, status: int, told: str) -> Response:
    """An answer that says why, as a Status in the encoding of the request; else in that of JSON."""
    try:
        encoding = encoding_of(request.headers.get("content-type", ""))
    except OtlpRefused:
        encoding = OtlpEncoding.JSON
    try:
        body = status_body(encoding, told)
    except ExtraMissing:
        return PlainTextResponse(f"{told}\n", status)
    headers = {"retry-after": str(LATER)} if status == 429 else {}
    return Response(body, status, headers, media_type=encoding.value)


async def _body(request: Request) -> bytes:
    """Raises OtlpRefused for what is too large, as soon as that is known."""
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said[:20]) > MOST_BYTES:
        raise too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise too_large()
    return bytes(body)


def _read(body: bytes, packed: str, encoding: OtlpEncoding) -> SpansRead:
    return read_spans(unpacked(body, packed), encoding)
