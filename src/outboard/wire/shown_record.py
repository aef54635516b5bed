"""How an app of the kit shows its record of hops to whoever may ask inside its pod. Pure.

GET answers with JSON: `format`, and `files`, of each `name` and `bytes`. With the parameters `file` and
`from` it answers with the bytes of that file from there on, so many at most.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

__all__ = ["MOST_BYTES", "RECORD_PATH", "NoRecordShown", "RecordFile", "listing", "listing_in", "piece_path"]

RECORD_PATH: Final = "/dapr/outboard/hops"
MOST_BYTES: Final = 256 * 1024
"""Of one answer: it comes within seconds over a slow line, too."""
FORMAT: Final = "outboard-hops"
NAME: Final = re.compile(r"[0-9]{13}-[A-Za-z0-9%._~-]{1,200}\.hops\.jsonl")
"""No other name becomes a file here, whatever a pod answers."""


@dataclass(frozen=True, slots=True)
class RecordFile:
    """A file of the record, which has `size` bytes by now."""

    name: str
    size: int


class NoRecordShown(ValueError):
    """The answer is none of an app that shows its record."""


def listing(files: Iterable[RecordFile]) -> bytes:
    """The body of the answer that lists them."""
    told = [{"name": file.name, "bytes": file.size} for file in files]
    return json.dumps({"format": FORMAT, "files": told}).encode()


def listing_in(body: bytes) -> list[RecordFile]:
    """The files that an answer lists. Raises NoRecordShown."""
    try:
        members = json.loads(body)
    except ValueError as error:
        raise NoRecordShown("it is no JSON") from error
    if not isinstance(members, dict) or members.get("format") != FORMAT:
        raise NoRecordShown("it lists no record of hops")
    files = members.get("files")
    return [_file(each) for each in files] if isinstance(files, list) else []


def _file(members: object) -> RecordFile:
    name, size = (members.get("name"), members.get("bytes")) if isinstance(members, dict) else (None, None)
    if not isinstance(name, str) or not NAME.fullmatch(name) or not isinstance(size, int):
        raise NoRecordShown(f"it lists what is no file of a record: {str(members)[:200]}")
    return RecordFile(name, size)


def piece_path(name: str, begin: int) -> str:
    """Where the bytes of a file are, from `begin` on."""
    return f"{RECORD_PATH}?{urlencode({'file': name, 'from': begin})}"
