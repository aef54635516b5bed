"""The way in: a token that works once, for a session that a cookie keeps.

The token stands in an address, and so in the history of a browser and the log of a terminal. The session
stands in neither.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from hmac import compare_digest

__all__ = ["Entrance", "Entry", "is_same_secret"]


class Entry(StrEnum):
    """What comes of a token."""

    OPENED = "opened"
    USED = "used"
    WRONG = "wrong"


class Entrance:
    """`token` opens one session, which `new_session` names: a secret that nobody guesses."""

    def __init__(self, token: str, new_session: Callable[[], str]) -> None:
        self._token = token
        self._new_session = new_session
        self._session = ""

    def enter(self, token: str) -> tuple[Entry, str]:
        """What comes of `token`, and the name of the session where it opens one."""
        if not is_same_secret(token, self._token):
            return Entry.WRONG, ""
        if self._session:
            return Entry.USED, ""
        self._session = self._new_session()
        return Entry.OPENED, self._session

    def knows(self, session: str) -> bool:
        """Whether a cookie names the session."""
        return bool(self._session) and is_same_secret(session, self._session)


def is_same_secret(given: str, right: str) -> bool:
    """Told in a time that tells nothing of how much of it is right."""
    return compare_digest(given.encode("utf-8", "replace"), right.encode())
