"""What is sensitive in events that were received, kept out of what is told of them. Pure."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from typing import Any

from outboard.kit.subscriptions.received import ReceivedEvent
from outboard.wire.events import Event, EventCodec
from outboard.wire.sensitive import Masking

__all__ = ["masking_of", "told_error"]


def masking_of(codec: EventCodec[Any], received_events: Iterable[ReceivedEvent]) -> Masking:
    """Knows what `codec`'s model calls `Sensitive` of each event, also of one that is not of the model."""
    masking = Masking()
    for received in received_events:
        reading = received.reading
        if isinstance(reading, Event):
            codec.masked(reading.data, masking)
        elif "data" in (members := received.envelope().members):
            codec.masked_misfit(members["data"], masking)
    return masking


def told_error(error: BaseException | None, masking: Masking) -> tuple[str, BaseException | None]:
    """`error` for a log: a text behind the message, and what to give as `exc_info`.

    That is the error itself, as handlers of logs want it, unless its traceback quotes what is sensitive: then
    the text is the traceback without it.
    """
    if error is None:
        return "", None
    found = "".join(traceback.format_exception(error)).rstrip("\n")
    told = masking.masked(found)
    return ("", error) if told == found else (f"\n{told}", None)
