"""The body of a request by OTLP over HTTP: how it is encoded, and what it is unpacked. Pure.

Source: OpenTelemetry, "OTLP Specification 1.9", OTLP/HTTP; RFC 9110 for content types and encodings.
"""

from __future__ import annotations

import zlib
from enum import StrEnum
from typing import Final

__all__ = ["MOST_BYTES", "OtlpEncoding", "OtlpRefused", "encoding_of", "too_large", "unpacked"]

MOST_BYTES: Final = 8 * 2**20
"""Of a body as it comes, and of what it is unpacked. An exporter sends some hundred kilobytes at a time."""
GZIP: Final = 16 + zlib.MAX_WBITS


class OtlpEncoding(StrEnum):
    """A content type of OTLP."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


class OtlpRefused(Exception):
    """Why a request is not taken: an HTTP status, and a sentence for whoever reads the exporter's log."""

    def __init__(self, status: int, told: str) -> None:
        super().__init__(told)
        self.status = status


def encoding_of(content_type: str) -> OtlpEncoding:
    """Raises OtlpRefused where it is none of OTLP."""
    named = content_type.partition(";")[0].strip().lower()
    try:
        return OtlpEncoding(named)
    except ValueError:
        known = " or ".join(OtlpEncoding)
        raise OtlpRefused(415, f"{named[:100] or 'no content type'!r} is not taken: send {known}.") from None


def unpacked(body: bytes, content_encoding: str) -> bytes:
    """What was packed by gzip, or not at all. Raises OtlpRefused."""
    named = content_encoding.strip().lower()
    if named in {"", "identity"}:
        return body
    if named not in {"gzip", "x-gzip"}:
        raise OtlpRefused(415, f"{named[:100]!r} is not taken: pack with gzip, or not at all.")
    unpacker = zlib.decompressobj(GZIP)
    try:
        found = unpacker.decompress(body, MOST_BYTES + 1)
    except zlib.error as error:
        raise OtlpRefused(400, f"The body cannot be unpacked: {error}.") from error
    if len(found) > MOST_BYTES:
        raise too_large()
    if not unpacker.eof or unpacker.unused_data:
        raise OtlpRefused(400, "The body is not one whole file of gzip.")
    return found


def too_large() -> OtlpRefused:
    """For a body of more than MOST_BYTES."""
    return OtlpRefused(413, f"A request has {MOST_BYTES:,} bytes at most, packed or not.")
