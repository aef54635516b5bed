"""What lies in a state store is shown as text, and what looks like a secret is masked."""

from __future__ import annotations

import json

import pytest

from outboard.dashboard.views.mending import mended
from outboard.dashboard.views.state_page import (
    StoreChoice,
    entry_view,
    key_rows,
    shown_value,
    store_choices,
)
from outboard.live.wiring import AppWiring

STORE = StoreChoice("api", "store & co", "state.redis")


def test_stores_are_those_of_each_app() -> None:
    apps = [
        AppWiring("api", {"pubsub": "pubsub.redis", "s1": "state.redis", "s2": "State.sqlite"}),
        AppWiring("billing", {"s1": "state.redis"}),
    ]
    assert [(each.app_id, each.store) for each in store_choices(apps)] == [
        ("api", "s1"),
        ("api", "s2"),
        ("billing", "s1"),
    ]


def test_a_key_is_that_of_the_app_and_its_address_is_quoted() -> None:
    first, second = key_rows(STORE, ["api||<b>&", "other"], "api||")
    assert first.key == "<b>&"
    assert first.address == "/state/entry?app=api&store=store+%26+co&key=%3Cb%3E%26"
    assert second.key == "other"


@pytest.mark.parametrize(
    "name",
    ["password", "dbPassword", "client_secret", "accessToken", "apiKey", "api-key", "Authorization", "pin"],
)
def test_what_looks_like_a_secret_is_masked_at_any_depth(name: str) -> None:
    shown = shown_value({"user": "ann", "more": [{name: "geheim"}, {name: {"deep": "geheim"}}]})
    assert "geheim" not in shown
    assert json.loads(shown) == {"user": "ann", "more": [{name: "***"}, {name: "***"}]}


@pytest.mark.parametrize("value", [None, 0, "text", [1, None], {"spinning": 1, "title": "x", "pinned": True}])
def test_what_does_not_is_shown_as_it_is(value: object) -> None:
    assert json.loads(shown_value(value)) == value


def test_what_stays_masked_is_written_as_it_was() -> None:
    value = {"password": "geheim", "theme": "dark"}
    edited = shown_value(value).replace("dark", "light")
    assert mended(edited, shown_value(value), value) == {"password": "geheim", "theme": "light"}  # type: ignore[arg-type]


def test_nothing_is_told_from_null() -> None:
    assert not entry_view(STORE, "k", "api||k", None, None).there
    null = entry_view(STORE, "k", "api||k", None, "1")
    assert (null.there, null.text, null.etag) == (True, "null", "1")
    assert entry_view(STORE, "k", "api||k", {"token": "x"}, "1").masked
    assert not entry_view(STORE, "k", "api||k", {"a": "x"}, "1").masked
