"""Which letters are meant: the same in an address, in a form and for the functions that look for them."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from outboard.dashboard.views.letter_query import LettersAsked, ReplayWish
from outboard.kit.deadletters.port import selected

FULL = LettersAsked(
    "db", ("1", "p2"), "g1", "shop", "orders", "unknown & odd", "ann+1", "replayed", each=True
)


@pytest.mark.parametrize(
    "query", [LettersAsked(), FULL, LettersAsked(group="<b>"), LettersAsked(state="all")]
)
def test_an_address_says_all_of_it(query: LettersAsked) -> None:
    said = dict(parse_qsl(query.query.removeprefix("?")))
    assert LettersAsked.of(said) == query
    assert said == query.said


def test_all_of_it_is_asked_of_the_letters() -> None:
    asked = selected(FULL.selection)
    assert asked.ids == frozenset({"1", "p2"})
    assert (asked.group, asked.app_id, asked.topic) == ("g1", "shop", "orders")
    assert (asked.reason, asked.text, asked.state) == ("unknown & odd", "ann+1", "replayed")
    assert selected(LettersAsked(state="all").selection).state is None
    assert selected(LettersAsked().selection).state == "waiting"


def test_what_narrows() -> None:
    assert not LettersAsked(database="db", each=True).narrows
    assert LettersAsked(reason="x").narrows
    assert LettersAsked(state="all").narrows
    assert LettersAsked(ids=("1",)).narrows


def test_groups_are_of_what_waits() -> None:
    assert not LettersAsked(text="x", app="shop").shows_letters
    assert LettersAsked(state="dropped").shows_letters
    assert LettersAsked(group="g").shows_letters


def test_what_is_not_known_counts_as_not_said() -> None:
    assert LettersAsked.of({"state": "odd", "color": "red", "ids": ",,"}) == LettersAsked()


def test_a_wish_as_a_form_says_it() -> None:
    assert ReplayWish.of({}) == ReplayWish()
    form = {"audience": "app", "for": " billing ", "to": "bills", "limit": "7", "data": "{\r\n}"}
    assert ReplayWish.of(form) == ReplayWish("app", "billing", "bills", 7, "{\n}")
    assert ReplayWish.of({"audience": "odd"}).audience == "failed"


@pytest.mark.parametrize("limit", ["0", "-1", "many", "1e3", "²", "9" * 30])
def test_a_limit_that_is_no_number_is_refused(limit: str) -> None:
    with pytest.raises(ValueError, match="no number of letters"):
        ReplayWish.of({"limit": limit})
