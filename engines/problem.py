"""The one error of this package."""

from __future__ import annotations


class EngineProblem(Exception):
    """What keeps an engine from being set up or found, and what to do about it; shown without a traceback."""
