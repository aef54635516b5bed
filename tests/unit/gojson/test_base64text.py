from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.gojson.base64text import CorruptInput, decode


@given(st.binary(max_size=40), st.integers(1, 10))
def test_what_is_encoded_comes_back_whatever_the_line_length(data: bytes, width: int) -> None:
    text = base64.b64encode(data).decode()
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    assert decode("\r\n".join(lines)) == data


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("no base64!", 2), ("AAA", 0), ("AAAAAA", 4), ("AA=", 3), ("A===", 1), ("=", 0), ("AA==AA", 4),
        ("AA=A", 2), ("-_8=", 0), ("AAAü", 3),
    ],
)  # fmt: skip
def test_an_error_says_where_as_go_does(text: str, at: int) -> None:
    with pytest.raises(CorruptInput, match=f"at input byte {at}$"):
        decode(text)
