"""What the state stores have in common: how values are stored, options checked, and numbers read."""

from __future__ import annotations

import re
from typing import Final

from outboard.gojson import encoding
from outboard.gojson.values import Json
from outboard.sidecar.components.port import ComponentError, EtagMismatchError, StateOptions

__all__ = ["check_options", "etag_mismatch", "go_integer", "stored_bytes"]

CONCURRENCY: Final = frozenset({"", "first-write", "last-write"})
CONSISTENCY: Final = frozenset({"", "eventual", "strong"})
INTEGER: Final = re.compile(r"[-+]?[0-9]+\Z", re.ASCII)


def stored_bytes(value: Json | bytes) -> bytes:
    """Bytes as they are, anything else as daprd's JSON. Raises ComponentError for a number out of range."""
    if isinstance(value, bytes):
        return value
    try:
        return encoding.encode(value)
    except ValueError as error:
        raise ComponentError(f"the value cannot be stored: {error}") from error


def check_options(options: StateOptions) -> None:
    """Raises ComponentError for an option that Dapr does not know."""
    if options.concurrency not in CONCURRENCY:
        raise ComponentError(f"unrecognized concurrency model '{options.concurrency}'")
    if options.consistency not in CONSISTENCY:
        raise ComponentError(f"unrecognized consistency model '{options.consistency}'")


def etag_mismatch(detail: str = "") -> EtagMismatchError:
    """The error of a write that lost against another, worded as daprd's."""
    text = "possible etag mismatch. error from state store"
    return EtagMismatchError(f"{text}: {detail}" if detail else text)


def go_integer(text: str, function: str) -> int:
    """A 64-bit integer, as Go's `function` of `strconv` reads it. Raises ComponentError with Go's words."""
    if not INTEGER.match(text):
        raise ComponentError(f'strconv.{function}: parsing "{text}": invalid syntax')
    if len(text) > 20 or not -(2**63) <= int(text) < 2**63:
        raise ComponentError(f'strconv.{function}: parsing "{text}": value out of range')
    return int(text)
