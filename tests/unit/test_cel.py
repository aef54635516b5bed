from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard import cel

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
PIECES = st.sampled_from(
    [
        "event", ".data", ".x", "[0]", '["x"]', "has(", "size(", "(", ")", " == ", " && ", " > ", "1", "2.5",
        '"ü"', "null", "!", "-", ".exists(x, x)", "timestamp(", "duration(", "int(", " in ", " ? ", " : ",
        "'", '"', "`", "\\",
    ]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=20), JSON)
def test_whatever_is_written_is_refused_fails_or_has_a_value(text: str, event: object) -> None:
    with suppress(cel.ExpressionInvalid, cel.EvaluationFailed):
        cel.compile(text).evaluate({"event": event})


def test_names_are_the_variables_that_it_uses() -> None:
    assert cel.compile("event.data.x == 1 && has(other.y)").names == {"event", "other"}
    assert cel.compile("[1, 2].exists(x, x > 1)").names == frozenset()


def test_a_variable_that_is_not_given_is_a_failure() -> None:
    with pytest.raises(cel.EvaluationFailed, match="other"):
        cel.compile("other.y == 1").evaluate({"event": {}})


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("event.data.split(',') == []", "`split` is no function of CEL's standard library"),
        ("lowerAscii(upperAscii(event))", "`lowerAscii`, `upperAscii` are no functions"),
        ("event.`a.b` == 1", "cannot be quoted"),
        ("event ==", "Syntax error"),
        ("1 == 'a'", "no matching overload"),
        ("event == '\ud800'", "surrogate"),
        ("(" * 40 + "true" + ")" * 40, "recursion limit"),
    ],
)
def test_what_daprd_could_not_compile_is_refused(text: str, problem: str) -> None:
    with pytest.raises(cel.ExpressionInvalid, match=problem):
        cel.compile(text)


def test_a_quote_or_a_test_in_a_literal_is_text() -> None:
    assert cel.compile("event == 'has(event.x) `a`'").evaluate({"event": "has(event.x) `a`"}) is True
