"""Frames out of the bytes of an HTTP/2 connection."""

from __future__ import annotations

import pytest

from outboard.sidecar.http2_library import WholeFrames


def frame(kind: int, payload: bytes = b"", stream: int = 0) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, 0]) + stream.to_bytes(4, "big") + payload


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GOAWAY = frame(7, b"\x80\x00\x00\x05" + bytes(4) + b"why")
OTHERS = frame(4) + frame(0, b"data", 1) + frame(6, b"8 bytes!")


@pytest.mark.parametrize("size", [1, 2, 7, 1_000])
def test_goaway_is_kept_and_all_else_passed_on(size: int) -> None:
    frames, passed = WholeFrames(len(PREFACE)), b""
    data = PREFACE + OTHERS + GOAWAY + OTHERS
    for at in range(0, len(data), size):
        passed += frames.feed(data[at : at + size])
    assert (passed, frames.ends_at, frames.is_between) == (PREFACE + OTHERS + OTHERS, 5, True)


def test_nobody_goes_away_before_goaway() -> None:
    frames = WholeFrames()
    frames.feed(OTHERS)
    assert frames.ends_at is None


def test_a_frame_waits_for_its_end() -> None:
    frames = WholeFrames()
    assert frames.feed(OTHERS[:-1]) == OTHERS[:-17]
    assert not frames.is_between
    assert frames.feed(OTHERS[-1:]) == OTHERS[-17:]


def test_one_that_is_too_long_is_passed_on_at_once() -> None:
    head = (1 << 20).to_bytes(3, "big") + bytes(6)
    assert WholeFrames().feed(head) == head
