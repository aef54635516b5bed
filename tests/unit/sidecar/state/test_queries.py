"""Queries as an app writes them; what is wrong with one is said in daprd's words."""

from __future__ import annotations

import json

import pytest

from outboard.gojson.values import Json
from outboard.sidecar.components.remote_state import SortKey, StateQuery
from outboard.sidecar.state.queries import QueryInvalid, read_query


def test_a_query_is_read() -> None:
    query: Json = {
        "filter": {"OR": [{"EQ": {"a": 1}}, {"IN": {"b": ["x", "y"]}}]},
        "sort": [{"key": "a", "order": "DESC"}, {"key": "b"}],
        "page": {"limit": 3, "token": "t"},
    }

    assert read_query(json.dumps(query).encode()) == StateQuery(
        {"OR": [{"EQ": {"a": 1}}, {"IN": {"b": ["x", "y"]}}]},
        [SortKey("a", descending=True), SortKey("b", descending=False)],
        3,
        "t",
    )


@pytest.mark.parametrize("text", [b"{}", b"null", b'{"filter":{},"sort":null,"page":null}'])
def test_a_query_may_ask_for_all(text: bytes) -> None:
    assert read_query(text) == StateQuery({}, [])


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"filter"', "unexpected end of JSON input"),
        ('{"filter":{"LIKE":{"a":1}}}', 'unsupported filter "LIKE"'),
        ('{"filter":{"EQ":{"a":1},"GT":{"a":1}}}', "filter unit must have a single element"),
        ('{"filter":{"EQ":[]}}', "EQ filter must be a map"),
        ('{"filter":{"LT":{"a":1,"b":2}}}', "LT filter must contain a single key/value pair"),
        ('{"filter":{"IN":{"a":1}}}', "IN filter value must be an array"),
        ('{"filter":{"AND":{}}}', "AND filter must be an array"),
        ('{"filter":{"AND":[{"EQ":{"a":1}}]}}', "AND filter must contain at least two entries"),
        ('{"filter":{"OR":[1,2]}}', "filter unit must be a map"),
        ('{"page":{"limit":"3"}}', "json: cannot unmarshal string into Go struct field "),
    ],
)
def test_what_is_no_query_is_refused(text: str, problem: str) -> None:
    with pytest.raises(QueryInvalid) as caught:
        read_query(text.encode())

    assert str(caught.value).startswith(problem)
