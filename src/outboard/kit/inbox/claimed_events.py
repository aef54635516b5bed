"""The events of one run, alone or in a batch, of which some may have been applied before."""

from __future__ import annotations

from collections.abc import Sequence

from outboard.kit.inbox.port import EventName
from outboard.kit.subscriptions.endpoint import Invocation
from outboard.kit.subscriptions.result import APPLIED_BEFORE

__all__ = ["ClaimedEvents"]


class ClaimedEvents:
    """`claimed` says of each of `names` whether this run applies it.

    The handler of `invocation` gets those only: what it returns of them is completed by the others. Where
    there are none, it does not run.
    """

    def __init__(self, invocation: Invocation, names: Sequence[EventName], claimed: Sequence[bool]) -> None:
        self.invocation = invocation
        self.names = names
        self.claimed = claimed
        given = invocation.given
        self.is_batch = isinstance(given, Sequence)
        if not any(claimed):
            invocation.ended = lambda: self._completed(None) if self.is_batch else APPLIED_BEFORE
        elif isinstance(given, Sequence) and not all(claimed):
            invocation.given = [event for event, own in zip(given, claimed, strict=True) if own]
            invocation.complete = self._completed

    @property
    def to_apply(self) -> list[EventName]:
        """What this run applies."""
        return [name for name, own in zip(self.names, self.claimed, strict=True) if own]

    def divided(self, applied: Sequence[bool]) -> tuple[list[EventName], list[EventName]]:
        """Of what this run was to apply: what was applied, and what was not."""
        own = [(name, done) for name, own, done in zip(self.names, self.claimed, applied, strict=True) if own]
        return [name for name, done in own if done], [name for name, done in own if not done]

    def _completed(self, result: object) -> object:
        """One status for each event, where the handler returned some for what it was given."""
        if isinstance(result, Sequence) and not isinstance(result, str | bytes):
            statuses = list(result)
        else:
            statuses = [result] * sum(self.claimed)
        if len(statuses) != sum(self.claimed):
            return result
        own = iter(statuses)
        return [next(own) if claimed else APPLIED_BEFORE for claimed in self.claimed]
