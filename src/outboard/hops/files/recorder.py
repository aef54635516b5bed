"""Hops of one process on their way to disk: kept in memory for a second at most, written by a thread.

Whoever records a hop never waits, and never hears of a disk that is full: what cannot be kept is counted, and
the record says so as soon as it can be written again.

    buffer   hops that came since the last time; a second after the first of them, or when there are many,
             the thread takes them
    written  those of events that did not go well, and of the others as many as `sampling` lets
    aside    hops that were left out, in brief, the latest of them: an event that fails soon is whole

How much is left out is decided for the second that comes by the one that was, and once more when it is over;
and as soon as all is kept that may be, so that nothing is made of a burst that is not written. Whoever
records asks first, so that nothing is made of what is left out either: a no has to cost little.
"""

from __future__ import annotations

import logging
import threading
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from outboard.hops.files.aside import HopsAside
from outboard.hops.files.failures import SharedFailures
from outboard.hops.files.lines import FileHead, NotWritten, SampledOut, hop_line, note_line
from outboard.hops.files.sampling import (
    BURST,
    SamplingBudget,
    is_kept,
    joined,
    kept,
    ones_in,
    unwell,
)
from outboard.hops.files.segments import Segments
from outboard.hops.record import Hop, HopKind, is_unwell

__all__ = ["FileRecorder"]

log: Final = logging.getLogger("outboard.hops")

INTERVAL: Final = 1.0
MOST: Final = 50_000
PATIENCE: Final = 2.0
SOON: Final = 2**6 - 1
ALONE: Final = (0,)
AT_ONCE: Final = 32
PAUSE: Final = 0.0005
now: Final = time.time


class FileRecorder:
    """A `Recorder` whose hops go to `segments`. `close` it, or what came in the last second may be lost."""

    def __init__(
        self,
        segments: Segments,
        head: FileHead,
        monotonic: Callable[[], float] = time.monotonic,
        most: int = MOST,
        interval: float = INTERVAL,
        with_data: bool = False,
    ) -> None:
        """At most `most` hops wait in memory, for `interval` seconds. `with_data` keeps that of events."""
        self.wants_envelopes = False
        self._segments = segments
        self._head = head
        self._monotonic = monotonic
        self._most, self._interval = most, interval
        self._with_data, self._mask = with_data, 0
        self._budget = SamplingBudget()
        self._buffer: list[Hop] = []
        self._aside = HopsAside(head.app_id, SharedFailures(segments.folder))
        self._put, self._failing = self._aside.put, self._aside.failing
        self._left_out = self._told_left_out = 0
        self._some = threading.Event()
        self._soon = threading.Event()
        self._closing = False
        self._overflowed = self._unwritten = 0
        self._why = ""
        self._told = False
        self._thread = threading.Thread(target=self._run, name="outboard-hops", daemon=True)
        self._thread.start()

    @property
    def records_all(self) -> bool:
        """As `Recorder`."""
        return not self._mask

    @property
    def may_wait(self) -> bool:
        """As `Recorder`."""
        return bool(self._mask)

    def keeps(
        self, kind: HopKind, pubsub: str, topic: str, event_id: str, attempt: int = 0, outcome: str = ""
    ) -> bool:
        """As `chosen`, of one event: whether its hop is to be recorded."""
        mask = self._mask
        if not mask:
            return True
        if is_kept(event_id, mask + 1) or event_id in self._failing:
            return True
        self._put((now(), hash(event_id), kind, pubsub, topic, attempt, outcome))
        self._left_out += 1
        return False

    def chosen(
        self, kind: HopKind, pubsub: str, topic: str, event_ids: Sequence[str], attempt: int = 0,
        outcome: str = "",
    ) -> Sequence[int]:  # fmt: skip
        """As `Recorder`."""
        mask, count = self._mask, len(event_ids)
        if not mask:
            return range(count)
        if count == 1:
            return ALONE if self.keeps(kind, pubsub, topic, event_ids[0], attempt, outcome) else ()
        names, failing = joined(event_ids), self._failing
        found = kept(event_ids, mask + 1, names)
        if failing and not failing.keys().isdisjoint(event_ids):
            fails = {position for position, each in enumerate(event_ids) if each in failing}
            found = sorted({*found, *fails})
        if names is None or self._aside.is_behind:
            told: bytes | array[int] = array("q", map(hash, event_ids))
        else:
            told = names
        self._put((now(), told, kind, pubsub, topic, attempt, outcome))
        self._left_out += count - len(found)
        return found

    def wants_data(self, event_id: str) -> bool:
        """Of as many events a second as are kept: a burst does not cost the writing of all of them."""
        if not self._with_data:
            return False
        waiting, mask = len(self._buffer), self._mask
        if waiting <= BURST and not mask:
            return True
        return is_kept(event_id, max(mask + 1, ones_in(waiting, BURST)))

    def __call__(self, hop: Hop) -> None:
        """Keep `hop`, unless far too many wait already."""
        buffer = self._buffer
        buffer.append(hop)
        count = len(buffer)
        if count == 1:
            self._some.set()
        elif count == BURST:
            self._mask = max(self._mask, SOON)  # until the thread has its turn, and decides
            self._soon.set()
        elif count > self._most:
            buffer.pop()
            self._overflowed += 1
        if is_unwell(hop):
            self._aside.fails(hop.event.event_id)

    def close(self) -> None:
        """Write what there is, as far as the disk takes it within seconds."""
        self._closing = True
        self._soon.set()
        self._some.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        flushed = self._monotonic()
        while not self._closing:
            # While anything was left out lately, it is looked each time what has become of it elsewhere.
            busy = bool(self._mask) or self._aside.any_kept
            self._some.wait(self._interval if busy else None)
            began = flushed if busy else self._monotonic()
            self._soon.wait(self._interval)
            self._some.clear()
            self._soon.clear()
            flushed, before = self._monotonic(), flushed
            self._try_flush(flushed - before, flushed - began)
        ended = self._monotonic()
        self._try_flush(ended - flushed, ended - flushed)
        self._segments.close()

    def _try_flush(self, seconds: float, busy: float) -> None:
        try:
            self._flush(seconds, busy)
        except Exception:  # none is expected, but nothing would be recorded any more
            log.exception("hops of a second are not recorded")

    def _flush(self, seconds: float, busy: float) -> None:
        """Take what is in the buffer; it may grow meanwhile. What is there came within `busy` seconds."""
        hops = self._buffer[:]
        del self._buffer[: len(hops)]
        left_out, self._told_left_out = self._left_out - self._told_left_out, self._left_out
        if not (hops or left_out or self._unwritten or self._aside.any_kept):
            self._mask = 0
            return
        came, before = len(hops) + left_out, self._mask + 1
        one_in = self._budget.one_in(came, seconds)
        chosen = self._well_enough(hops, one_in)
        self._budget.spend(len(chosen))
        self._mask = self._budget.one_in_next(came, busy) - 1  # writing takes its time
        self._write(chosen, left_out + len(hops) - len(chosen), max(one_in, before), seconds)
        self._aside.forget(self._monotonic())
        self._put = self._aside.put

    def _write(self, hops: Sequence[Hop], left_out: int, one_in: int, seconds: float) -> None:
        count = len(hops)
        try:
            rescued = self._aside.rescued()
            count += len(rescued)
            self._budget.spend(len(rescued))
            lines = [*self._missed(), *self._lines(rescued), *self._lines(hops)]
            if left_out > 0:
                until = time.time()
                lines.append(note_line(SampledOut(one_in, left_out, until - seconds, until, self._head)))
            if lines:
                self._segments.append(b"".join(lines))
        except OSError as error:
            self._failed(error, count)
        else:
            self._overflowed = self._unwritten = 0

    def _lines(self, hops: Sequence[Hop]) -> Iterator[bytes]:
        """A few at a time: who records must not wait for the interpreter until all are made."""
        for begin in range(0, len(hops), AT_ONCE):
            if begin and not self._closing:
                time.sleep(PAUSE)
            yield from map(hop_line, hops[begin : begin + AT_ONCE])

    def _well_enough(self, hops: Sequence[Hop], one_in: int) -> Sequence[Hop]:
        """Those to write, in their order; the others are kept aside."""
        if one_in == 1:
            return hops
        failed, chosen = unwell(hops), list[Hop]()
        for hop in hops:
            event_id = hop.event.event_id
            if is_kept(event_id, one_in) or event_id in failed or event_id in self._failing:
                chosen.append(hop)
            else:
                self._put((hop.at, hash(event_id), hop.kind, hop.pubsub, hop.topic, hop.attempt, hop.outcome))
        return chosen

    def _missed(self) -> Iterator[bytes]:
        count = self._unwritten + self._overflowed
        if count:
            why = self._why or "they came faster than they could be written"
            yield b"\n" + note_line(NotWritten(count, why, time.time(), self._head))

    def _failed(self, error: OSError, count: int) -> None:
        self._why = f"{error.strerror or error}"
        self._unwritten += count
        if not self._told:
            self._told = True
            log.warning(
                "the record of hops cannot be written to %s: %s. The events themselves are not touched; "
                "`outboard trace` will not show these hops",
                self._segments.folder,
                self._why,
            )
