from __future__ import annotations

import pytest

from outboard import Outboard
from outboard.errors import InvalidName
from outboard.kit.names import check_name, check_state_key, path_segment

BAD = [
    "",
    "../x",
    "a/../b",
    "..",
    "a/./b",
    "..\\x",
    "a\0b",
    "a\nb",
    "a\x7f",
    "a||b",
    " a",
    "a ",
    "x" * 251,
    "\ud800",
]


@pytest.mark.parametrize("name", BAD)
def test_names_that_would_break_a_url_or_a_key_are_refused(name: str, board: Outboard) -> None:
    with pytest.raises(InvalidName):
        check_name("topic", name)
    with pytest.raises(InvalidName):
        board.topic(name)


@pytest.mark.parametrize(
    "name", ["task-events", "a/b/c", "a.b", "häuser", "a%2Fb", "what?", "x" * 250, "...", "a b"]
)
def test_other_names_stay_as_they_are(name: str) -> None:
    assert check_name("topic", name) == name


def test_a_long_name_is_not_repeated_whole() -> None:
    with pytest.raises(InvalidName) as caught:
        check_name("topic", "x" * 100_000)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("key", ["", "a||b", "a\0"])
def test_state_keys_that_dapr_refuses(key: str) -> None:
    with pytest.raises(InvalidName):
        check_state_key(key)


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("a/b", "a%2Fb"),
        ("..", "%2E%2E"),
        (".", "%2E"),
        ("a+b c", "a%2Bb%20c"),
        ("?#%", "%3F%23%25"),
        ("é", "%C3%A9"),
    ],
)
def test_a_segment_cannot_leave_its_place_in_the_path(text: str, encoded: str) -> None:
    assert path_segment(text) == encoded
