"""What lies in a state store as a person sees it: text, in which what looks like a secret is masked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, cast
from urllib.parse import urlencode

from outboard.gojson.values import Json
from outboard.live.wiring import AppWiring
from outboard.wire.sensitive import Masking, masked_by_name

__all__ = ["EntryView", "KeyRow", "StoreChoice", "entry_view", "key_rows", "shown_value", "store_choices"]

LOOKS_SECRET: Final = re.compile(
    r"passw|secret|token|api[_-]?key|private[_-]?key|credential|authori[sz]ation|cookie|^pin$|^cvv$", re.I
)
"""A store knows no model that says what is `Sensitive`: names of members have to tell."""


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
    secret = {name for name in _names(value) if LOOKS_SECRET.search(name)}
    return _text(masked_by_name(value, secret, Masking()))


def _text(value: object) -> str:
    return json.dumps(cast("Json", value), indent=2, ensure_ascii=False)


def _names(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield str(name)
            yield from _names(member)
    elif isinstance(value, list):
        for member in value:
            yield from _names(member)
