from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outboard.gojson import encoding
from outboard.gojson.values import Json

FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | FLOATS | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_as_daprd_1_18_answers() -> None:
    """The request and the answer of a real daprd: saved in `state.in-memory` and read again."""
    sent = json.loads(
        r'{"b":1.0,"a":"<é&\u2028\u007f\u0001\b\ud800>","n":12345678901234567890,"s":1e-7,"t":1e21,'
        r'"u":0.000001,"z":-0.0,"l":[1.50,null,true],"q":1e20,"m":100,"é":1,"Z":2}'
    )

    assert encoding.encode(sent).decode() == (
        '{"Z":2,"a":"\\u003cé\\u0026\\u2028\u007f\\u0001\\b\ufffd\\u003e","b":1,"l":[1.5,null,true],"m":100,'
        '"n":12345678901234567000,"q":100000000000000000000,"s":1e-7,"t":1e+21,"u":0.000001,"z":-0,"é":1}'
    )


@given(JSON)
def test_what_is_written_reads_back(value: Json) -> None:
    assert json.loads(encoding.encode(value), parse_int=float) == value


@given(FLOATS)
def test_writing_again_changes_nothing(number: float) -> None:
    once = encoding.encode(number)

    assert encoding.encode(json.loads(once, parse_int=float)) == once


@pytest.mark.parametrize("number", [10**400, float("nan"), float("inf"), float("-inf")])
def test_what_a_float_cannot_hold_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="64-bit float"):
        encoding.encode([number])


@settings(max_examples=15)
@given(JSON, st.integers(0, 2))
def test_what_is_nested_deeper_than_functions_call_each_other_is_written_alike(
    value: Json, more: int
) -> None:
    """Python reads such text in C; written it would end an event's way, and that of all behind it."""
    depth, nested = 1100, value
    for _ in range(depth):
        nested = [nested, *range(more)]
    behind = "".join(f",{number}" for number in range(more)) + "]"
    assert encoding.encode(nested).decode() == "[" * depth + encoding.encode(value).decode() + behind * depth
    for _ in range(depth):
        nested = {"b": nested, "a": more}
    assert encoding.encode(nested).decode().startswith(f'{{"a":{more},"b":' * depth + "[")
