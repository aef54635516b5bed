"""The commands of a page, as its reader types them, each with the lines that one should see."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.pages import blocks

PROMPT = re.compile(r"^(?:\$|PS>) ")


@dataclass(frozen=True)
class Command:
    """`text` without its prompt; `shell` is `$` or `PS>`; `expected` belongs to each command of a block."""

    text: str
    shell: str
    expected: tuple[str, ...]
    line: int

    @property
    def words(self) -> list[str]:
        """The words up to a pipe."""
        return shlex.split(self.text.partition(" | ")[0])

    def option(self, *names: str) -> str | None:
        """The value of an option of kubectl's, written `-n VALUE` or `--tail=VALUE`."""
        words = self.words[: self.words.index("--")] if "--" in self.words else self.words
        for name, value in zip(words, [*words[1:], ""], strict=True):
            if name in names:
                return value
        return None


def commands(page: Path) -> Iterator[Command]:
    """Every command of the page's blocks for the eye."""
    for block in blocks(page):
        lines = block.text.splitlines()
        expected = tuple(line for line in lines if not PROMPT.match(line))
        for line in lines:
            if PROMPT.match(line):
                shell, _, text = line.partition(" ")
                yield Command(text, shell, expected, block.line)
