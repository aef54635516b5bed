"""The library of HTTP/2, an extra: whether it is installed, and which frames it is shown."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

__all__ = ["WholeFrames", "is_h2_installed"]

FRAME_HEAD: Final = 9
LONGEST_FRAME: Final = 16 * 1024
GOAWAY: Final = 7


def is_h2_installed() -> bool:
    """Nothing of it is imported."""
    return find_spec("h2") is not None


class WholeFrames:
    """Frames out of the bytes of a connection, of which the first `preface` bytes are none.

    h2 gives up all streams at the first GOAWAY, so that frame is not for it: those up to its number go on.
    """

    def __init__(self, preface: int = 0) -> None:
        self.ends_at: int | None = None
        """The number of the last stream that the other side goes on with, once it has told."""
        self._unread = bytearray()
        self._preface = preface

    @property
    def is_between(self) -> bool:
        """Nothing of a frame waits for the rest of it."""
        return not self._unread

    def feed(self, data: bytes) -> bytes:
        """The frames that are there as a whole, without GOAWAY; what is too long is for h2 to refuse."""
        passed = bytearray(data[: self._preface])
        self._preface -= len(passed)
        self._unread += data[len(passed) :]
        while len(self._unread) >= FRAME_HEAD:
            length = int.from_bytes(self._unread[:3], "big")
            end = FRAME_HEAD + length
            if length <= LONGEST_FRAME and len(self._unread) < end:
                break
            frame = self._unread[:end]
            del self._unread[:end]
            if frame[3] == GOAWAY and length <= LONGEST_FRAME:
                self.ends_at = int.from_bytes(frame[FRAME_HEAD : FRAME_HEAD + 4], "big") & 0x7FFFFFFF
            else:
                passed += frame
        return bytes(passed)
