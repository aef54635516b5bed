"""What a use case answers where it has no result: an error as a value, for each protocol of the API to tell.

Source: Dapr, "Error codes reference"; the details are those of `google.rpc`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["ApiError", "BadRequest", "Detail", "ErrorInfo", "Help", "ResourceInfo"]


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """`reason` is daprd's constant for the error; `metadata` None is none at all.

    Another `domain` is that of a component that answers for itself.
    """

    reason: str
    metadata: Mapping[str, str] | None = None
    domain: str = "dapr.io"


@dataclass(frozen=True, slots=True)
class ResourceInfo:
    """The component that the error is about; `type` is "pubsub" or "state"."""

    type: str
    name: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class BadRequest:
    """The field of the request that is wrong, empty where it has no name."""

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class Help:
    """Where there is more to read."""

    url: str
    description: str


Detail: TypeAlias = "ErrorInfo | ResourceInfo | BadRequest | Help"


class ApiError(Exception):
    """Ends a use case; the text is the message that the app gets.

    `status` is the HTTP status and `code` the error code that daprd answers with. `category` is the building
    block that the error counts for, where that is not the one of the code.
    """

    def __init__(self, status: int, code: str, message: str, *details: Detail, category: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details
        self.category = category
