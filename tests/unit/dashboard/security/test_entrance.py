"""The token that works once, and the session that it opens."""

from __future__ import annotations

from itertools import count

import pytest

from outboard.dashboard.security.entrance import Entrance, Entry
from outboard.dashboard.security.response_headers import RESPONSE_HEADERS


@pytest.fixture
def entrance() -> Entrance:
    numbers = count(1)
    return Entrance("right", lambda: f"session-{next(numbers)}")


def test_the_token_opens_one_session(entrance: Entrance) -> None:
    assert entrance.enter("right") == (Entry.OPENED, "session-1")
    assert entrance.knows("session-1")


def test_a_token_that_was_used_opens_nothing_and_the_session_stays(entrance: Entrance) -> None:
    entrance.enter("right")
    assert entrance.enter("right") == (Entry.USED, "")
    assert entrance.knows("session-1")


@pytest.mark.parametrize("token", ["", "wrong", "righ", "rightt", "\ud800", "é"])
def test_a_wrong_token_opens_nothing_and_uses_nothing_up(entrance: Entrance, token: str) -> None:
    assert entrance.enter(token) == (Entry.WRONG, "")
    assert entrance.enter("right")[0] is Entry.OPENED


@pytest.mark.parametrize("session", ["", "session-2", "right"])
def test_no_other_session_is_known(entrance: Entrance, session: str) -> None:
    assert not entrance.knows(session)
    entrance.enter("right")
    assert not entrance.knows(session)


def test_the_policy_lets_only_own_files_run() -> None:
    policy = RESPONSE_HEADERS["content-security-policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not any("unsafe" in each or "http" in each or "*" in each for each in policy)
