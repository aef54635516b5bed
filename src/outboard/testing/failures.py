"""The events that no handler has handled in the end, each with the exception that says why."""

from __future__ import annotations

from collections.abc import Sequence

from outboard.hops.deliveries import payload_id
from outboard.hops.record import Hop, HopKind
from outboard.kit.subscriptions.outcomes import HandlerFailure
from outboard.wire.dapr import DeliveryStatus

__all__ = ["NotHandled", "told_failures", "unhandled"]

WELL = frozenset({DeliveryStatus.SUCCESS, DeliveryStatus.DROP})


class NotHandled(AssertionError):
    """An event was not handled, and no exception of a handler tells why: it was answered RETRY, or lost."""


def unhandled(hops: Sequence[Hop], failures: Sequence[HandlerFailure]) -> list[Exception]:
    """For each app and event that failed last: what its handler raised last, with a note that names both."""
    last: dict[tuple[str, str, str], Hop | None] = {}
    for hop in hops:
        place = hop.app_id, hop.topic, payload_id(hop.payload)
        if hop.kind is HopKind.DELIVERED:
            last[place] = None if hop.outcome in WELL else hop
        elif hop.kind is HopKind.LOST:
            last[place] = last.get(place) or hop
        elif hop.kind is HopKind.DEAD_LETTERED:  # on another topic than the one that it came from
            name = payload_id(hop.payload)
            ended = [each for each in last if (each[0], each[2]) == (hop.app_id, name)]
            last.update(dict.fromkeys(ended))
        elif hop.kind is HopKind.DROPPED and place in last:
            last[place] = None
    found = [_error(hop, failures) for hop in last.values() if hop is not None]
    return list({id(error): error for error in found}.values())


def told_failures(failures: Sequence[HandlerFailure]) -> str:
    """A line for each exception of a handler."""
    return "\n".join(f"  {_named(each)}: {type(each.error).__name__}: {each.error}" for each in failures)


def _error(hop: Hop, failures: Sequence[HandlerFailure]) -> Exception:
    name = payload_id(hop.payload)
    for failure in reversed(failures):
        if (failure.topic, failure.event.event_id) == (hop.topic, name):
            note = _named(failure)
            if note not in getattr(failure.error, "__notes__", ()):
                failure.error.add_note(note)
            return failure.error
    reason = f": {hop.detail}" if hop.detail else ""
    what = hop.outcome or hop.kind.value
    return NotHandled(f"event '{name}' of '{hop.topic}' was not handled by {hop.app_id}: {what}{reason}")


def _named(failure: HandlerFailure) -> str:
    return (
        f"raised by {failure.place} for event '{failure.event.event_id}' of '{failure.topic}', "
        f"attempt {failure.attempt}"
    )
