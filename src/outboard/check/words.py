"""Words that are nearly alike. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

__all__ = ["is_slip", "nearest"]

LIKENESS: Final = 0.75
SHORT: Final = 4
LONG: Final = 8


def nearest(word: str, known: Iterable[str]) -> str:
    """The one of `known` that looks most like `word`, whatever the case; empty where none does."""
    return _nearest(word, tuple(known))


@lru_cache(maxsize=4096)
def _nearest(word: str, known: tuple[str, ...]) -> str:
    by_lower = {each.lower(): each for each in known}
    if word.lower() in by_lower:
        return by_lower[word.lower()]
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=LIKENESS)
    return by_lower[found[0]] if found else ""


def is_slip(word: str, meant: str) -> bool:
    """Whether `word` is a slip of the hand for `meant`: one letter, or two in a long word."""
    one, other = word.lower(), meant.lower()
    if one == other:
        return False
    allowed = 0 if len(other) < SHORT else 1 if len(other) < LONG else 2
    return abs(len(one) - len(other)) <= allowed and _distance(one, other) <= allowed


def _distance(one: str, other: str) -> int:
    """How many letters are to be added, left out, changed, or swapped with the next."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        line = [row]
        for column, wanted in enumerate(other, 1):
            cost = min(last[column] + 1, line[-1] + 1, last[column - 1] + (letter != wanted))
            if row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == wanted:
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        before, last = last, line
    return last[-1]
