"""What an app lists of its record is read again, and no name of another kind becomes a file."""

from __future__ import annotations

import json

import pytest

from outboard.wire.shown_record import NoRecordShown, RecordFile, listing, listing_in, piece_path

NAME = "1700000000000-back%2Fend-kit-17-a1b2c3-1.hops.jsonl"


def test_what_is_listed_is_read() -> None:
    files = [RecordFile(NAME, 0), RecordFile(NAME.replace("-1.", "-2."), 2_000)]
    assert listing_in(listing(files)) == files
    assert listing_in(listing([])) == []


def test_a_name_is_escaped_in_the_path_of_a_piece() -> None:
    assert piece_path(NAME, 7).endswith("?file=1700000000000-back%252Fend-kit-17-a1b2c3-1.hops.jsonl&from=7")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>", "no JSON"),
        (b"[]", "lists no record"),
        (b'{"files": []}', "lists no record"),
    ],
)
def test_another_answer_is_named(body: bytes, words: str) -> None:
    with pytest.raises(NoRecordShown, match=words):
        listing_in(body)


@pytest.mark.parametrize(
    "file",
    [
        {"name": f"../{NAME}", "bytes": 1},
        {"name": f"/etc/{NAME}", "bytes": 1},
        {"name": f"..\\{NAME}", "bytes": 1},
        {"name": f"{NAME}\n", "bytes": 1},
        {"name": f"{NAME}:stream", "bytes": 1},
        {"name": "1700000000000-" + "a" * 300 + ".hops.jsonl", "bytes": 1},
        {"name": NAME, "bytes": "1"},
        {"name": NAME},
        "name",
    ],
)
def test_a_name_that_is_none_of_a_record_is_refused(file: object) -> None:
    with pytest.raises(NoRecordShown, match="no file of a record"):
        listing_in(json.dumps({"format": "outboard-hops", "files": [file]}).encode())
