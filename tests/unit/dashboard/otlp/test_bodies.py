"""How bodies of OTLP are encoded, and what they are unpacked within their bounds."""

from __future__ import annotations

import zlib
from functools import partial
from gzip import compress

import pytest

from outboard.dashboard.otlp.bodies import MOST_BYTES, OtlpEncoding, OtlpRefused, encoding_of, unpacked

packed = partial(compress, mtime=0)  # the names of tests have it


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("application/x-protobuf", OtlpEncoding.PROTOBUF),
        ("application/json", OtlpEncoding.JSON),
        ("Application/JSON; charset=utf-8", OtlpEncoding.JSON),
    ],
)
def test_two_content_types_are_taken(said: str, found: OtlpEncoding) -> None:
    assert encoding_of(said) is found


@pytest.mark.parametrize("said", ["", "text/plain", "application/grpc", "application/x-protobuf2"])
def test_others_are_refused(said: str) -> None:
    with pytest.raises(OtlpRefused) as refused:
        encoding_of(said)
    assert refused.value.status == 415
    assert "application/x-protobuf" in str(refused.value)


@pytest.mark.parametrize(("named", "body"), [("", b"abc"), ("identity", b"abc"), ("GZIP", packed(b"abc"))])
def test_a_body_is_unpacked(named: str, body: bytes) -> None:
    assert unpacked(body, named) == b"abc"


def test_what_grows_beyond_the_bound_is_refused_before_it_has_grown() -> None:
    bomb = packed(bytes(MOST_BYTES + 1))
    assert len(bomb) < MOST_BYTES / 100
    with pytest.raises(OtlpRefused) as refused:
        unpacked(bomb, "gzip")
    assert refused.value.status == 413
    assert len(unpacked(packed(bytes(MOST_BYTES)), "gzip")) == MOST_BYTES


@pytest.mark.parametrize(
    "body",
    [b"", b"no gzip", packed(b"abc")[:-1], packed(b"abc") + b"more", zlib.compress(b"abc")],
)
def test_what_is_no_whole_file_of_gzip_is_refused(body: bytes) -> None:
    with pytest.raises(OtlpRefused) as refused:
        unpacked(body, "gzip")
    assert refused.value.status == 400


def test_other_packings_are_refused() -> None:
    with pytest.raises(OtlpRefused) as refused:
        unpacked(b"", "br")
    assert refused.value.status == 415
