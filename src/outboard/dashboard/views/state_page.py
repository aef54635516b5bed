"""What lies in a state store as a person sees it: text, in which what looks like a secret is masked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple, cast
from urllib.parse import urlencode

from outboard.dashboard.secret_names import without_secrets
from outboard.gojson.values import Json
from outboard.live.wiring import AppWiring

__all__ = ["EntryView", "KeyRow", "StoreChoice", "entry_view", "key_rows", "shown_value", "store_choices"]


class StoreChoice(NamedTuple):
    """A state store of an app."""

    app_id: str
    store: str
    type: str

    def address(self, path: str = "/state", **more: str) -> str:
        """Where it is shown; `more` is said in the query, too."""
        said = {"app": self.app_id, "store": self.store, **more}
        return f"{path}?{urlencode({name: value for name, value in said.items() if value})}"


class KeyRow(NamedTuple):
    """A key of an app without what its sidecar puts before it, and where its value is shown."""

    key: str
    address: str


class EntryView(NamedTuple):
    """`there` tells whether anything lies under the key. `text` is its value, JSON, as far as it is shown."""

    choice: StoreChoice
    key: str
    stored: str
    there: bool
    etag: str
    text: str
    masked: bool


def store_choices(wirings: Sequence[AppWiring]) -> Sequence[StoreChoice]:
    """All state stores of all apps, in their order."""
    return [
        StoreChoice(app.app_id, name, type)
        for app in wirings
        for name, type in app.components.items()
        if type.lower().startswith("state.")
    ]


def key_rows(choice: StoreChoice, keys: Sequence[str], prefix: str) -> Sequence[KeyRow]:
    """Of keys as they are stored."""
    own = [key.removeprefix(prefix) for key in keys]
    return [KeyRow(key, choice.address("/state/entry", key=key)) for key in own]


def entry_view(choice: StoreChoice, key: str, stored: str, value: object, etag: str | None) -> EntryView:
    """Of what a sidecar has answered."""
    there = value is not None or etag is not None
    text = shown_value(value) if there else ""
    return EntryView(choice, key, stored, there, etag or "", text, there and text != _text(value))


def shown_value(value: object) -> str:
    """JSON text, in which each member whose name looks like that of a secret is masked."""
    return _text(without_secrets(value))


def _text(value: object) -> str:
    return json.dumps(cast("Json", value), indent=2, ensure_ascii=False)
