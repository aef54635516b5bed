from __future__ import annotations

import pytest

from outboard.sidecar.events.protobuf import is_cloud_event


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x0a\x01a",  # the id
        b"\x08\x01",  # field 1, but a number: unknown
        b"\x7a\x01\xff",  # a field that nobody knows
        b"\x32\x01\xff",  # bytes need not be text
        b"\x0b\x0c",  # a group
        b"\x0d\x01\x02\x03\x04",  # 32 bits
        b"\x2a\x08\x0a\x01k\x12\x03\x1a\x01v",  # an attribute
    ],
)
def test_it_is_one(data: bytes) -> None:
    assert is_cloud_event(data)


@pytest.mark.parametrize(
    "data",
    [
        b"hello",
        b"\x0a\x01\xff",  # text that is not UTF-8
        b"\x0a\x05a",  # less than it says
        b"\x02\x01a",  # field 0
        b"\x0b",  # a group that does not end
        b"\x0c",  # one that does not begin
        b"\x0f",  # no such kind
        b"\x80",  # half a number
        b"\x80" * 11,  # a number of more than 64 bits
        b"\x2a\x05\x0a\x01k\x12\x00",  # an attribute without a value
        b"\x0b" * 101 + b"\x0c" * 101,  # too deep
    ],
)
def test_it_is_none(data: bytes) -> None:
    assert not is_cloud_event(data)
