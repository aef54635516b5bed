"""Whole lines out of a stream of bytes."""

from __future__ import annotations

from typing import Final

__all__ = ["LineSplitter"]

LONGEST: Final = 64 * 1024


class LineSplitter:
    """Takes bytes as they come and gives lines of text, without their ends.

    What is not UTF-8 is replaced by U+FFFD. A line of more than `longest` bytes comes in pieces, so that
    a program that never ends its line cannot fill the memory.
    """

    def __init__(self, longest: int = LONGEST) -> None:
        self._longest = longest
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        while len(self._rest) > self._longest:
            lines.append(self._rest[: self._longest])
            self._rest = self._rest[self._longest :]
        return [_text(line) for line in lines]

    def end(self) -> list[str]:
        """The last line, if it was not ended."""
        rest, self._rest = self._rest, b""
        return [_text(rest)] if rest else []


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", errors="replace")
