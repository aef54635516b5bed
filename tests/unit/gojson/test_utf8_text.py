from __future__ import annotations

import pytest

from outboard.gojson.utf8 import text_of


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("ü€𝄞".encode(), "ü€𝄞"),
        (b"a\xffb", "a\ufffdb"),
        (b"\xe1\x80", "\ufffd\ufffd"),  # the beginning of three bytes
        (b"\xed\xa0\x80", "\ufffd\ufffd\ufffd"),  # half a surrogate pair
    ],
)
def test_each_wrong_byte_is_one_replacement(data: bytes, text: str) -> None:
    assert text_of(data) == text
