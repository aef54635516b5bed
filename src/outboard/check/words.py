"""Words that are nearly alike. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

__all__ = ["is_slip", "is_slip_of_name", "nearest"]

LIKENESS: Final = 0.75
SHORT: Final = 4
WORDS_OF_NAME: Final = re.compile(r"[0-9]+|[^\W\d_]+")
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


def is_slip_of_name(word: str, meant: str) -> bool:
    """Whether `word` is a slip for `meant`, both names that a person gave: `app-1` and `app-2`, `shop-a` and
    `shop-b` are two names.
    """
    if not is_slip(word, meant):
        return False
    one, other = (WORDS_OF_NAME.findall(each.lower()) for each in (word, meant))
    short = any(
        (len(left) == 1 or len(right) == 1 or left.isdigit() or right.isdigit()) and left != right
        for left, right in zip(one, other, strict=False)
    )
    return not short and (len(one) == len(other) or "".join(one) == "".join(other))


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
