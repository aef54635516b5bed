"""The one list of questions."""

from __future__ import annotations

from conformance.question import Group
from conformance.questions.main import MAIN
from conformance.questions.settings import SETTINGS

__all__ = ["GROUPS"]

GROUPS: tuple[Group, ...] = (MAIN, *SETTINGS)
