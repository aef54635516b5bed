"""Values as daprd writes them into Redis."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.gojson import jsoniter
from outboard.gojson.values import Json


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (-0.0, "0"),
        (5, "5"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (1.123456789, "1.123457"),
        (0.0000005, "0.000001"),
        (0.0000004, "0"),
        (-0.0000001, "-0"),
        (1.0000005, "1.000001"),
        (10, "10"),
        (100000.0000005, "100000.000001"),
        (83886079.5, "83886079.5"),
        (83886080.1234567, "83886080.1234567"),
        (123456789.123456789, "123456789.12345679"),
        (12345678901234567890, "12345678901234567000"),
        (1e21, "1e+21"),
        (-1e300, "-1e+300"),
    ],
)
def test_numbers_are_written_as_the_real_daprd_wrote_them(value: float, written: str) -> None:
    assert jsoniter.encode(value) == written.encode()


def test_strings_have_few_escapes() -> None:
    text = '<b>&\u2028\u0001\u007f/\u00e9\ud800\b\f\n\r\t"\\'

    assert jsoniter.encode(text).decode() == (
        '"<b>&\u2028\\u0001\u007f/\u00e9\ufffd\\u0008\\u000c\\n\\r\\t\\"\\\\"'
    )


def test_objects_have_their_keys_in_order_and_nothing_between_tokens() -> None:
    assert jsoniter.encode({"b": [True, None, {}], "a": []}) == b'{"a":[],"b":[true,null,{}]}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400])
def test_what_json_cannot_hold_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="64-bit float"):
        jsoniter.encode(value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=12,
    )
)
def test_whatever_it_writes_reads_as_the_same(value: Json) -> None:
    assert json.loads(jsoniter.encode(value)) == value
