"""Events that a person gives in files."""

from __future__ import annotations

import pytest

from outboard.live.events import as_json, as_utf8, event_in

EVENT = '{"title": "grün"}'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be"])
def test_json_counts_however_windows_has_written_it(encoding: str) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    content = mark + EVENT.encode(encoding)
    assert as_utf8(content) == EVENT.encode()
    assert event_in(content, "event.json")["data"] == {"title": "grün"}


@pytest.mark.parametrize(
    "content", [b"\xef\xbb\xbfno json", b"\xff\xfe\x00", b"\xfe\xff\xd8\x00\x00", b"\xff", b""]
)
def test_what_is_no_json_stays_as_it_is(content: bytes) -> None:
    assert as_utf8(content) == content


def test_what_is_nested_too_deeply_is_no_json() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        as_json(b"[" * 100_000 + b"]" * 100_000)
