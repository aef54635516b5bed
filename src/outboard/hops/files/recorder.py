"""Hops of one process on their way to disk: kept in memory for a second at most, written by a thread.

Whoever records a hop never waits, and never hears of a disk that is full: what cannot be kept is counted, and
the record says so as soon as it can be written again.

    buffer   hops that came since the last time; a second after the first of them, or when there are many,
             the thread takes them
    written  those of events that did not go well, and of the others as many as `sampling` lets
    aside    hops that were left out, the latest of them: an event that fails within the next seconds is whole
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from outboard.hops.files.lines import FileHead, NotWritten, SampledOut, hop_line, note_line
from outboard.hops.files.sampling import is_kept, ones_in, unwell
from outboard.hops.files.segments import Segments
from outboard.hops.record import Hop, Recorder

__all__ = ["HOPS_FOLDER", "FileRecorder", "recording"]

log: Final = logging.getLogger("outboard.hops")

HOPS_FOLDER: Final = "OUTBOARD_HOPS"
INTERVAL: Final = 1.0
MANY: Final = 10_000
MOST: Final = 50_000
ASIDE: Final = 20_000
PATIENCE: Final = 2.0


class FileRecorder:
    """A `Recorder` whose hops go to `segments`. `close` it, or what came in the last second may be lost."""

    def __init__(
        self,
        segments: Segments,
        head: FileHead,
        monotonic: Callable[[], float] = time.monotonic,
        most: int = MOST,
        interval: float = INTERVAL,
    ) -> None:
        """At most `most` hops wait in memory, for `interval` seconds."""
        self.wants_envelopes = False
        self._segments = segments
        self._head = head
        self._monotonic = monotonic
        self._most, self._interval = most, interval
        self._buffer: list[Hop] = []
        self._aside: deque[Hop] = deque(maxlen=ASIDE)
        self._some = threading.Event()
        self._soon = threading.Event()
        self._closing = False
        self._overflowed = self._unwritten = 0
        self._why = ""
        self._told = False
        self._thread = threading.Thread(target=self._run, name="outboard-hops", daemon=True)
        self._thread.start()

    def __call__(self, hop: Hop) -> None:
        """Keep `hop`, unless far too many wait already."""
        buffer = self._buffer
        buffer.append(hop)
        count = len(buffer)
        if count == 1:
            self._some.set()
        elif count == MANY:
            self._soon.set()
        elif count > self._most:
            buffer.pop()
            self._overflowed += 1

    def close(self) -> None:
        """Write what there is, as far as the disk takes it within seconds."""
        self._closing = True
        self._soon.set()
        self._some.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        started = self._monotonic()
        while not self._closing:
            self._some.wait()
            self._soon.wait(self._interval)
            self._some.clear()
            self._soon.clear()
            ended = self._monotonic()
            self._flush(ended - started)
            started = ended
        self._flush(self._monotonic() - started)
        self._segments.close()

    def _flush(self, seconds: float) -> None:
        """Take what is in the buffer; it may grow meanwhile."""
        hops = self._buffer[:]
        del self._buffer[: len(hops)]
        if not hops and not self._unwritten:
            return
        kept, note = self._chosen(hops, seconds)
        lines = [hop_line(hop) for hop in kept]
        if note is not None:
            lines.append(note_line(note))
        try:
            self._segments.append(b"".join((*self._missed(), *lines)))
        except OSError as error:
            self._failed(error, len(kept))
        else:
            self._overflowed = self._unwritten = 0

    def _chosen(self, hops: Sequence[Hop], seconds: float) -> tuple[Sequence[Hop], SampledOut | None]:
        """Those to write, in their order, and what is to be said of the others."""
        one_in, failed = ones_in(len(hops), seconds), unwell(hops)
        earlier = [hop for hop in self._aside if hop.event.event_id in failed] if failed else []
        if one_in == 1:
            return [*earlier, *hops], None
        kept, aside = list[Hop](), list[Hop]()
        for hop in hops:
            event_id = hop.event.event_id
            (kept if is_kept(event_id, one_in) or event_id in failed else aside).append(hop)
        self._aside.extend(aside)
        since, until = hops[0].at, hops[-1].at
        return [*earlier, *kept], SampledOut(one_in, len(aside), since, until, self._head)

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


@contextmanager
def recording(
    environ: Mapping[str, str], app_id: str, part: Literal["kit", "sidecar"]
) -> Iterator[Recorder | None]:
    """A recorder into the folder that OUTBOARD_HOPS names, while the block runs; None where it is not set."""
    folder = environ.get(HOPS_FOLDER, "").strip()
    if not folder:
        yield None
        return
    machine = environ.get("POD_NAME") or socket.gethostname()
    head = FileHead(app_id, part, f"{machine}/{os.getpid()}")
    recorder = FileRecorder(Segments(Path(folder), head), head)
    try:
        yield recorder
    finally:
        recorder.close()
