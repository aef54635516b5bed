from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.gojson.rawjson import JsonTextError, members, quote, raw_value


def test_members_keep_their_text() -> None:
    assert members(' {"a": 1.50, "b" : [1, {"c": 2}] ,"a":12345678901234567890} ') == {
        "a": "12345678901234567890",
        "b": '[1, {"c": 2}]',
    }


def test_what_follows_the_value_is_ignored() -> None:
    assert raw_value(' [1,2] "more"') == "[1,2]"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "EOF"),
        ("{", "unexpected EOF"),
        ('{"a":', "unexpected EOF"),
        ('{"a', "unexpected EOF"),
        ("[1]", "json: cannot unmarshal array into Go value of type map[string]interface {}"),
        ('"x"', "json: cannot unmarshal string into Go value of type map[string]interface {}"),
        ("1", "json: cannot unmarshal number into Go value of type map[string]interface {}"),
        ('{"a":nope}', "invalid character 'o' in literal null (expecting 'u')"),
        ('{"a":NaN}', "invalid character 'N' looking for beginning of value"),
        ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
        ('{"a":' + "[" * 100_000, "invalid character '[' exceeded max depth"),
    ],
)
def test_errors_are_worded_as_daprds(text: str, problem: str) -> None:
    with pytest.raises(JsonTextError) as caught:
        members(text)
    assert str(caught.value) == problem


def test_numbers_of_any_length_are_let_through() -> None:
    digits = "9" * 5_000
    assert members(f'{{"n":{digits}}}') == {"n": digits}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values), st.sampled_from([None, 1]))
def test_members_are_those_of_the_object(value: dict[str, object], indent: int | None) -> None:
    found = members(json.dumps(value, indent=indent))
    assert {name: json.loads(text) for name, text in found.items()} == value


@given(st.text())
def test_a_quoted_text_reads_back(text: str) -> None:
    assert json.loads(quote(text)) == text


def test_what_html_would_take_is_escaped_and_what_is_not_unicode_replaced() -> None:
    assert quote("<a&b>é\u2028\ud800") == '"\\u003ca\\u0026b\\u003eé\\u2028\ufffd"'
