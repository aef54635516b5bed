"""Which dead letters a person means, and how they are to be replayed, as an address or a form has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final, Literal, TypeAlias, get_args
from urllib.parse import urlencode

from outboard.kit.deadletters.port import LetterSelection, LetterState

__all__ = ["STATES", "Audience", "LettersAsked", "ReplayWish"]

LONGEST: Final = 500
ALL: Final = "all"
STATES: Final[Mapping[str, str]] = {
    "": "waiting",
    LetterState.REPLAYING.value: "being replayed",
    LetterState.REPLAYED.value: "replayed",
    LetterState.DROPPED.value: "dropped",
    ALL: "all",
}
"""What a form offers: the value, and how it reads."""
Audience: TypeAlias = Literal["failed", "everybody", "app"]


@dataclass(frozen=True, slots=True)
class LettersAsked:
    """Empty is anything, but for `state`, where it is "waiting". `database` is the id of one, `ids` are
    letters of it. `each` shows letters in the place of groups.
    """

    database: str = ""
    ids: tuple[str, ...] = ()
    group: str = ""
    app: str = ""
    topic: str = ""
    reason: str = ""
    text: str = ""
    state: str = ""
    each: bool = False

    @classmethod
    def of(cls, said: Mapping[str, str]) -> LettersAsked:
        """From an address or a form; what it does not know counts as not said."""
        names = ("database", "group", "app", "topic", "reason", "text")
        texts = {name: said.get(name, "").strip()[:LONGEST] for name in names}
        state = said.get("state", "")
        ids = tuple(each for each in said.get("ids", "").split(",") if each)
        return cls(**texts, ids=ids, state=state if state in STATES else "", each=bool(said.get("each")))

    @property
    def said(self) -> Mapping[str, str]:
        """What is said, by the names of an address: for links, and for the hidden fields of a form."""
        told = {**asdict(self), "ids": ",".join(self.ids), "each": "1" if self.each else ""}
        return {name: value for name, value in told.items() if value}

    @property
    def query(self) -> str:
        """The query of an address that says the same, with its question mark; empty where nothing is said."""
        return f"?{urlencode(self.said)}" if self.said else ""

    def in_database(self, id: str) -> LettersAsked:
        """The same, of one database."""
        return replace(self, database=id)

    @property
    def narrows(self) -> bool:
        """Whether anything is asked of the letters."""
        return replace(self, database="", each=False) != LettersAsked()

    @property
    def shows_letters(self) -> bool:
        """Rather than groups, which there are of letters that wait."""
        return self.each or bool(self.ids or self.group or self.state)

    @property
    def selection(self) -> LetterSelection:
        """The same for the functions that look for letters."""
        chosen = LetterSelection(state=None if self.state == ALL else self.state or LetterState.WAITING)
        if self.ids:
            chosen["ids"] = self.ids
        if self.group:
            chosen["group"] = self.group
        if self.app:
            chosen["app_id"] = self.app
        if self.topic:
            chosen["topic"] = self.topic
        if self.reason:
            chosen["reason"] = self.reason
        if self.text:
            chosen["text"] = self.text
        return chosen


@dataclass(frozen=True, slots=True)
class ReplayWish:
    """How letters are to be replayed: for the app that failed, for everybody, or for `app`; to the topic `to`
    if that is said; `limit` of them at most. `data` is JSON text for one letter, None where it stays.
    """

    audience: Audience = "failed"
    app: str = ""
    to: str = ""
    limit: int | None = None
    data: str | None = None

    @classmethod
    def of(cls, form: Mapping[str, str]) -> ReplayWish:
        """From a form. Raises ValueError for a number that is none."""
        audience = form.get("audience", "failed")
        limit = form.get("limit", "").strip()
        if limit and not (limit.isascii() and limit.isdecimal() and int(limit[:10]) > 0 and len(limit) < 10):
            raise ValueError(f"{limit[:40]!r} is no number of letters: it is 1 or more")
        return cls(
            audience=audience if audience in get_args(Audience) else "failed",  # type: ignore[arg-type]
            app=form.get("for", "").strip()[:LONGEST],
            to=form.get("to", "").strip()[:LONGEST],
            limit=int(limit) if limit else None,
            data=form["data"].replace("\r\n", "\n") if "data" in form else None,
        )
