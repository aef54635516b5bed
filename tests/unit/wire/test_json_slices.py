"""JSON text cut into the texts of its parts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outboard.wire.jsonslices import decoded, encoded, skip, to_end, walk_array, walk_object

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(), inside, max_size=4),
    max_leaves=8,
)


def members(text: str) -> dict[str, str]:
    found: dict[str, str] = {}

    def member(name: str, at: int) -> int:
        end = skip(text, at)
        found[name] = text[at:end]
        return end

    to_end(text, walk_object(text, 0, member))
    return found


def items(text: str) -> list[str]:
    found: list[str] = []

    def item(at: int) -> int:
        end = skip(text, at)
        found.append(text[at:end])
        return end

    to_end(text, walk_array(text, 0, item))
    return found


@settings(max_examples=50)
@given(st.dictionaries(st.text(), JSON, max_size=4), st.sampled_from([None, 2]), st.booleans())
def test_an_object_is_its_members(value: dict[str, Any], indent: int | None, ascii: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii)
    assert {name: json.loads(part) for name, part in members(f" {text}\n").items()} == value


@settings(max_examples=50)
@given(st.lists(JSON, max_size=4))
def test_an_array_is_its_items(value: list[Any]) -> None:
    assert [json.loads(part) for part in items(json.dumps(value))] == value


@pytest.mark.parametrize(
    "part",
    [
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 50_000 + '"]}\\"{["' + "}" * 50_000,
        "9" * 10_000,
        "1e999",
        '"\\ud800"',
        '"a\x00b"',
        "NaN",
    ],
)
def test_a_part_is_kept_as_it_is(part: str) -> None:
    assert members('{ "a" :' + part + ' , "b": 1 }') == {"a": part, "b": "1"}


def test_bytes_that_are_no_text_come_back() -> None:
    body = b'{"a": "\xff\xc3(", "b": "\xc3\xbc"}'
    found = members(decoded(body))
    assert encoded(found["a"]) == b'"\xff\xc3("'
    assert encoded(found["b"]) == b'"\xc3\xbc"'


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"a"',
        '{"a":',
        '{"a": 1',
        '{"a": 1,',
        '{"a": 1,}',
        "{a: 1}",
        '{"a": }',
        "{} {}",
        "[]",
        '{"a": ' + "[" * 9999,
    ],
)
def test_what_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        members(text)


@pytest.mark.parametrize("text", ["", "[", "[1", "[1,", "[1,]", "[1 2]", "{}", "[] 1"])
def test_what_is_no_array_is_refused(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        items(text)
