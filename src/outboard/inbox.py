"""The types that handlers name when they take an inbox."""

from __future__ import annotations

from outboard.kit.inbox.state.entry import InboxEntry

__all__ = ["InboxEntry"]
