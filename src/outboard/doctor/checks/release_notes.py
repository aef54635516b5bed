"""What is known of versions of daprd, as its release notes and source have it. Pure."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["WARNINGS", "warnings_of"]

VERSION: Final = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
WARNINGS: Final = (
    ((1, 17, 0), "before 1.17 an event whose route answers 404 is acknowledged without a dead letter, and "
                 "bulk publishing has only its alpha route"),
    ((1, 18, 3), "before 1.18.3 it ends at an event whose `traceid` is not text"),
)  # fmt: skip
"""The first version in which it is mended, and what happens before; Dapr's release notes."""


def warnings_of(version: str) -> tuple[str, ...]:
    """What happens with that version of daprd; nothing of one that is no number."""
    found = VERSION.match(version)
    number = tuple(map(int, found.groups())) if found else None
    return tuple(text for mended, text in WARNINGS if number and number < mended)
