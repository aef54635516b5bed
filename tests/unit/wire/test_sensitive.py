"""What is annotated `Sensitive` is masked for others, and for nobody else."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from pydantic import BaseModel
from typing_extensions import TypedDict

from outboard import Event, Sensitive
from outboard.wire.events import EventCodec
from outboard.wire.sensitive import Masking


class Address(BaseModel):
    street: Annotated[str, Sensitive()]
    town: str


class Person(BaseModel):
    name: str
    email: Annotated[str, Sensitive()]
    home: Address | None = None
    cards: Annotated[list[str], Sensitive()] = []
    born: Annotated[int | None, Sensitive()] = None


class Dictionary(TypedDict):
    email: Annotated[str, Sensitive()]


@dataclass
class Plain:
    email: Annotated[str, Sensitive()]
    number: int


PERSON = Person(
    name="n", email="a@example.org", home=Address(street="Main Street 1", town="t"), cards=["4111"]
)


def masked(model: Any, data: object) -> object:
    return json.loads(EventCodec(model).masked(data, Masking()))


def test_a_field_is_masked_at_any_depth() -> None:
    assert masked(Person, PERSON) == {
        "name": "n", "email": "***", "home": {"street": "***", "town": "t"}, "cards": "***", "born": "***",
    }  # fmt: skip
    assert masked(list[Person], [PERSON])[0]["email"] == "***"  # type: ignore[index]


@pytest.mark.parametrize(
    ("model", "data"),
    [(Dictionary, {"email": "a@example.org"}), (Plain, Plain("a@example.org", 1)), (Person | Plain, PERSON)],
)
def test_whatever_the_model_is_made_of(model: Any, data: object) -> None:
    assert masked(model, data)["email"] == "***"  # type: ignore[index]


def test_the_event_itself_has_it_as_it_is() -> None:
    codec = EventCodec(Person)
    body = codec.encode(Event(source="s", data=PERSON))
    assert codec.decode(body).data == PERSON
    assert b"a@example.org" in body


def test_what_was_masked_is_masked_in_texts_too() -> None:
    masking = Masking()
    EventCodec(Person).masked(PERSON, masking)
    told = masking.masked("no mail to a@example.org, Main Street 1, with 4111 of n")
    assert told == "no mail to ***, ***, with *** of n"


def test_what_cannot_be_written_is_left_out() -> None:
    assert EventCodec(object).masked(object(), Masking()) == ""
    assert EventCodec(bytes).masked(b"\xff", Masking()) == ""


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("{'email': 'a@exam...Street 1'}", "{'email': '***...***'}"),
        ("a@ex... and ...n Street 1, and so on...", "***... and ...***, and so on..."),
        ("Main Street 1...4111", "***...***"),
        ("nothing of it... at all", "nothing of it... at all"),
    ],
)
def test_so_is_what_was_cut_off(said: str, told: str) -> None:
    masking = Masking()
    EventCodec(Person).masked(PERSON, masking)
    assert masking.masked(said) == told


def test_it_is_masked_as_python_and_json_write_it() -> None:
    masking = Masking()
    text = 'it\'s "ü"\n'
    masking.take(text)
    masking.take(datetime(2026, 1, 2, tzinfo=UTC))
    masking.take(None)
    told = masking.masked(f"{text!r} {json.dumps(text)} {datetime(2026, 1, 2, tzinfo=UTC)!r} None")
    assert told == "'***' \"***\" *** None"
