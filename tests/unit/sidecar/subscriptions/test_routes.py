from __future__ import annotations

import re
import sys

import pytest

from outboard.gojson.values import Json
from outboard.sidecar.subscriptions.routes import RouteFailed, RuleInvalid, compile_rules
from outboard.wire.subscriptions import Rule

EVENT: dict[str, Json] = {"type": "a", "topic": "t", "data": {"x": 2.0, "s": None}}


def test_the_first_rule_that_matches_wins() -> None:
    routes = compile_rules(
        [Rule("/b", 'event.type == "b"'), Rule("/a", 'event.type == "a"'), Rule("/c", " ")]
    )
    assert routes.path_for(EVENT) == "/a"
    assert routes.path_for({**EVENT, "type": "b"}) == "/b"
    assert routes.path_for({**EVENT, "type": "z"}) == "/c"


def test_none_matches() -> None:
    assert compile_rules([Rule("/b", 'event.type == "b"')]).path_for(EVENT) is None
    assert compile_rules([]).path_for(EVENT) is None


@pytest.mark.parametrize(
    "match",
    ["event.data.x > 1", "event.data.x == 2", "int(event.data.x) == 2", "has(event.data.x)",
     "event.data.s == null",
     "!has(event.data.y) || event.data.y == 1", 'event.type in ["a", "b"]', 'event["type"].startsWith("a")'],
)  # fmt: skip
def test_expressions_that_hold(match: str) -> None:
    assert compile_rules([Rule("/", match)]).path_for(EVENT) == "/"


@pytest.mark.parametrize(
    ("match", "problem"),
    [
        ("event.data.y == 1", "no such key: y"),
        ("event.type", "was not a boolean"),
        ("other.type == 'a'", "other"),
        ("event.data.x + 1 == 3", "overload"),
    ],
)
def test_an_expression_that_cannot_be_evaluated_is_an_error(match: str, problem: str) -> None:
    with pytest.raises(RouteFailed) as caught:
        compile_rules([Rule("/", match)]).path_for(EVENT)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    ("match", "problem"),
    [
        ("event.type ==", "Syntax error"),
        ("nothing(event)", "`nothing` is no function of CEL's standard library"),
        ('event.type.lowerAscii() == "a"', "`lowerAscii` is no function"),
        ('1 == "a"', "no matching overload"),
    ],
)
def test_what_is_no_expression_is_refused_at_once(match: str, problem: str) -> None:
    with pytest.raises(RuleInvalid) as caught:
        compile_rules([Rule("/", match)])
    assert f"`match: {match}` is not a CEL expression that Dapr can evaluate" in str(caught.value)
    assert problem in str(caught.value)


def test_without_the_library_a_rule_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cel_expr_python", None)
    with pytest.raises(RuleInvalid, match=re.escape("pip install 'outboard[cel]'")):
        compile_rules([Rule("/", 'event.type == "a"')])
    assert compile_rules([Rule("/a")]).path_for(EVENT) == "/a"


@pytest.mark.parametrize(
    "match",
    [
        "!has(event.type.x)",
        "!has( event.data.x.y )",
        "has(event.data.x)",
        "event.type != 'has(event.type.x)'",
    ],
)
def test_what_is_no_map_has_no_members(match: str) -> None:
    assert compile_rules([Rule("/", match)]).path_for(EVENT) == "/"
