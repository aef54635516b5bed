from __future__ import annotations

import pickle
from dataclasses import fields

import pytest

from outboard import errors
from outboard.errors import CommandError, EventTooLarge, OutboardError, ResourcesInvalid

NAMED: list[type] = [kind for kind in vars(errors).values() if isinstance(kind, type)]
CONCRETE = [
    kind for kind in NAMED if issubclass(kind, OutboardError) and "__dataclass_fields__" in vars(kind)
]
LOGGED_BEFORE = {"of_daprd"}
"""Fields that the sidecar logs as lines of their own, before the message."""
OF_ONE_LINE = [kind for kind in CONCRETE if kind is not ResourcesInvalid]


@pytest.mark.parametrize("kind", OF_ONE_LINE, ids=lambda kind: kind.__name__)
def test_every_field_stands_in_the_message(kind: type[OutboardError]) -> None:
    values: dict[str, object] = {field.name: f"<{field.name}>" for field in fields(kind)}  # type: ignore[arg-type]
    values |= {"waited": 1.5, "size": 11, "limit": 12, "port": 13, "line": 14, "code": 15, "status": 16}
    arguments = {field.name: values[field.name] for field in fields(kind)}  # type: ignore[arg-type]
    message = str(kind(**arguments))
    assert "\n" not in message
    assert "{" not in message
    told = {name: value for name, value in arguments.items() if name not in LOGGED_BEFORE}
    missing = [name for name, value in told.items() if str(value) not in message]
    assert missing == []


def test_an_error_is_pickled_with_its_data() -> None:
    error = pickle.loads(pickle.dumps(EventTooLarge("kafka-pubsub", "task-events", 5, 4)))
    assert (error.topic, error.size, error.limit) == ("task-events", 5, 4)


def test_several_errors_have_a_line_each() -> None:
    several = (CommandError("no folder", "Name one"), CommandError("no port", "Give one"))
    assert str(ResourcesInvalid(several)).splitlines() == [str(each) for each in several]


def test_braces_in_a_value_are_left_alone() -> None:
    assert "{0}" in str(errors.CommandError("{0}", "Go on"))
