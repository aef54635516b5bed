"""Baggage that can be read, and what is wrong with any other."""

from __future__ import annotations

import pytest

from outboard.wire.baggage import problem_of


@pytest.mark.parametrize("text", ["", "a=b", "a=b,c=d", " a = b ; p ; q=1 , c=", "a=b=c", "a=%20"])
def test_what_can_be_read(text: str) -> None:
    assert problem_of(text) == ""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x", 'invalid baggage list-member: "x"'),
        ("=b", 'invalid key: ""'),
        ("a b=c", 'invalid key: "a b"'),
        ("a=\u00e9", 'invalid value: "\u00e9"'),
        ("a=b;=", 'invalid baggage list-member property: "="'),
        ("a=b,x,y", 'invalid baggage list-member: "x"\ninvalid baggage list-member: "y"'),
    ],
)
def test_what_is_wrong(text: str, problem: str) -> None:
    assert problem_of(text) == problem
