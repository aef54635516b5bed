"""The forms of an answer. Pure."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["TraceFormat"]


class TraceFormat(StrEnum):
    """For people, for machines, or as a diagram."""

    text = "text"
    json = "json"
    mermaid = "mermaid"
