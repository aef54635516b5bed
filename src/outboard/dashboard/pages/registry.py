"""All pages, in the order of the navigation: a new one is a module here, a template, and a line below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from outboard.dashboard.pages.apps import APPS
from outboard.dashboard.pages.components import COMPONENTS
from outboard.dashboard.pages.dead_letters import DEAD_LETTERS
from outboard.dashboard.pages.doctor import DOCTOR
from outboard.dashboard.pages.event import EVENT
from outboard.dashboard.pages.events import EVENTS
from outboard.dashboard.pages.flow import FLOW
from outboard.dashboard.pages.outbox import OUTBOX
from outboard.dashboard.pages.page import DashboardPage
from outboard.dashboard.pages.state import STATE

__all__ = ["HOME", "PAGES"]

PAGES: Final[Sequence[DashboardPage]] = (
    EVENTS, EVENT, FLOW, APPS, DEAD_LETTERS, OUTBOX, STATE, COMPONENTS, DOCTOR,
)  # fmt: skip
HOME: Final = EVENTS.path
