"""An entry put into JSON with comments: all else stays, to the byte."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.schema.jsonc import NotReadable, with_entries

KEY = "yaml.schemas"


def put(text: str, **entries: object) -> str:
    return with_entries(text, KEY, entries)


def plain(text: str) -> object:
    """What JSON is left without comments and commas too many; no string here has either in it."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.S)
    return json.loads(re.sub(r",(\s*[}\]])", r"\1", text))


@pytest.mark.parametrize("text", ["", " \n"])
def test_nothing_becomes_an_object(text: str) -> None:
    assert plain(put(text, a=["b"])) == {KEY: {"a": ["b"]}}


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{ }\n",
        '{"x": 1}',
        '{\n  "x": 1\n}\n',
        '{\n  "x": 1,\n}\n',
        '{\n  "x": 1, // why, and how\n  /* last, too */\n}\n',
        '{\n  "x": 1 // no comma\n}\n',
        '// first\n{\n\t"x": [1, {"y": "}"}, ], // "z": {\n}\n// last\n',
        '{\n  "yaml.schemas": {}\n}\n',
        '{\n  "yaml.schemas": {\n    "other": "*.yaml" // mine\n  },\n  "x": 1\n}\n',
        '{\n  "yaml.schemas": {\n    "a": ["old"],\n    "other": "*.yaml",\n  }\n}\n',
    ],
)
def test_an_entry_comes_to_what_there_is(text: str) -> None:
    changed = put(text, a=["b"], c=[])
    bare = re.sub(r'"[^"]*"', '""', text)
    before = plain(text) if "}" not in re.findall(r'"[^"]*"', text) else None
    if before is not None:
        assert isinstance(before, dict)
        assert plain(changed) == {**before, KEY: {**before.get(KEY, {}), "a": ["b"], "c": []}}
    for comment in re.findall(r"//[^\n]*|/\*.*?\*/", bare, flags=re.S):
        assert comment.split('"')[0] in changed
    assert put(changed, a=["b"], c=[]) == changed


def test_a_comment_stays_with_its_line() -> None:
    text = '{\n  "x": 1 // about x\n}\n'
    assert put(text, a=[]) == '{\n  "x": 1, // about x\n  "yaml.schemas": {\n    "a": []\n  }\n}\n'


def test_the_indent_of_the_file_is_kept() -> None:
    assert '\n\t"yaml.schemas": {\n\t\t"a": 1\n\t}\n}' in put('{\n\t"x": 1\n}\n', a=1)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "line 1: there is no object"),
        ('{"x": 1\n "y": 2}', "line 2: a comma is missing"),
        ('{"x" 1}', "`:` is missing"),
        ('{\n"x": [1 2]}', "line 2: `,` is missing"),
        ("{x: 1}", "no key in quotes"),
        ('{"x": nothing}', "no value of JSON"),
        ('{"x": 1', "a comma is missing|no key"),
        ('{"x": "open}', "no value of JSON"),
        ("{} {}", "something follows"),
        ('{"yaml.schemas": []}', "`yaml.schemas` is no object"),
        ('{"x": ' + "[" * 200 + "]" * 200 + "}", "nested too deeply"),
    ],
)
def test_what_is_not_readable_is_refused(text: str, told: str) -> None:
    with pytest.raises(NotReadable, match=told):
        put(text, a=1)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(), VALUES, max_size=4).filter(lambda made: KEY not in made),
    st.dictionaries(st.text(min_size=1), VALUES, max_size=3),
    st.sampled_from([None, 1, 2, "\t"]),
)
def test_any_json_is_merged(made: dict[str, object], entries: dict[str, object], indent: int | str) -> None:
    text = json.dumps(made, indent=indent)
    changed = with_entries(text, KEY, entries)
    assert json.loads(changed) == ({**made, KEY: entries} if entries else made)
    assert with_entries(changed, KEY, entries) == changed
