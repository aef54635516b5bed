"""Arguments of the kit's functions that are not of the type that was asked for. Pure.

Type checkers find them first. Who has none gets a TypeError that names the parameter where the call is made,
not an error from somewhere within. Names and keys are looked at in `names`, declarations of handlers where
the handler is known.
"""

from __future__ import annotations

import inspect
import reprlib
from collections.abc import Mapping
from typing import Final, NoReturn

__all__ = [
    "caller",
    "check_count",
    "check_instance",
    "check_mapping",
    "check_number",
    "check_one_of",
    "check_seconds",
    "check_texts",
    "shown",
    "stripped",
    "wrong",
]

NUMBER: Final = "a number of seconds, 0 or more"


def wrong(name: str, said: str, value: object) -> NoReturn:
    """Raise TypeError: the argument `name` has to be `said`."""
    raise TypeError(f"{name} has to be {said}, not {shown(value)}")


def stripped(value: str) -> str:
    """The text without the space around it; what is no text stays what it is, to be refused later."""
    given: object = value
    return given.strip() if isinstance(given, str) else value


def shown(value: object) -> str:
    """The value and its type, shortened, for a person."""
    return f"{reprlib.repr(value)} ({type(value).__name__})"


def check_number(name: str, value: object) -> None:
    """Raise TypeError unless it is a number, 0 or more, or None."""
    if value is not None:
        check_seconds(name, value)


def check_seconds(name: str, value: object) -> None:
    """Raise TypeError unless it is a number of seconds, 0 or more."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        wrong(name, NUMBER, value)


def check_count(name: str, value: object) -> None:
    """Raise TypeError unless it is a whole number, 1 or more."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        wrong(name, "a whole number, 1 or more", value)


def check_mapping(name: str, value: Mapping[str, object] | None) -> None:
    """Raise TypeError unless it is a mapping, or None."""
    if value is not None and not isinstance(value, Mapping):
        wrong(name, "a mapping", value)


def check_texts(name: str, value: Mapping[str, str] | None) -> None:
    """Raise TypeError unless it is a mapping of texts to texts, or None."""
    check_mapping(name, value)
    for pair in (value or {}).items():
        if not all(isinstance(text, str) for text in pair):
            wrong(name, "a mapping of texts to texts", value)


def check_instance(name: str, value: object, kind: type | tuple[type, ...], said: str) -> None:
    """Raise TypeError unless it is an instance of `kind`, in words `said`, or None."""
    if value is not None and not isinstance(value, kind):
        wrong(name, said, value)


def check_one_of(name: str, value: object, allowed: tuple[object, ...]) -> None:
    """Raise TypeError unless it is one of `allowed`, or None."""
    if value is not None and value not in allowed:
        wrong(name, " or ".join(map(repr, allowed)), value)


def caller() -> str:
    """Where the function that asks was called, for a person: "file:line"."""
    asking = inspect.currentframe()
    for _ in range(2):
        asking = None if asking is None else asking.f_back
    return f"{asking.f_code.co_filename}:{asking.f_lineno}" if asking is not None else "?"
