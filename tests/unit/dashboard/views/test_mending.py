"""Data that a person has mended: what is masked stays what it was, and is never sent as the mask."""

from __future__ import annotations

import json

import pytest

from outboard.dashboard.views.mending import MendedWrongly, has_mask, indented, mended
from outboard.gojson.values import Json

ORIGINAL: Json = {"id": 7, "email": "bob@example.org", "lines": [{"card": "4111"}, {"card": "4222"}]}
SHOWN = '{"id": 7, "email": "***", "lines": [{"card": "***"}, {"card": "***"}]}'


def test_what_stays_masked_goes_out_as_it_was() -> None:
    text = SHOWN.replace("7", "8")
    written = mended(text, SHOWN, ORIGINAL)
    assert written == {"id": 8, "email": "bob@example.org", "lines": [{"card": "4111"}, {"card": "4222"}]}


def test_what_is_written_over_the_mask_goes_out() -> None:
    text = '{"email": "ann@example.org", "lines": [{"card": "***"}]}'
    assert mended(text, SHOWN, ORIGINAL) == {"email": "ann@example.org", "lines": [{"card": "4111"}]}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"id": "***"}', "id is"),
        ('{"name": "***"}', "name is"),
        ('{"lines": [1, 2, {"card": "***"}]}', "lines[2].card is"),
        ('"***"', "the data is"),
    ],
)
def test_a_mask_where_nothing_was_masked_is_refused(text: str, place: str) -> None:
    with pytest.raises(MendedWrongly) as wrong:
        mended(text, SHOWN, ORIGINAL)
    assert place in str(wrong.value)


def test_a_mask_for_what_the_original_has_not_is_refused() -> None:
    with pytest.raises(MendedWrongly):
        mended('{"email": "***"}', SHOWN, {"id": 7})


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"a": nul}'])
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(MendedWrongly, match="no JSON"):
        mended(text, SHOWN, ORIGINAL)


@pytest.mark.parametrize("shown", [None, "", "no JSON"])
def test_without_shown_data_all_is_as_it_is_written(shown: str | None) -> None:
    assert mended('{"id": [1, null]}', shown, ORIGINAL) == {"id": [1, None]}


def test_helpers() -> None:
    assert has_mask(SHOWN)
    assert not has_mask('{"a": 1}')
    assert not has_mask(None)
    assert json.loads(indented(SHOWN)) == json.loads(SHOWN)
    assert "\n" in indented(SHOWN)
    assert indented("{") == "{"
