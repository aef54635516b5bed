"""Switches the record of hops of one process on and off in turn; Python imports it before the process begins.

SWITCHED is how many seconds each slice lasts. All processes count slices by the clock of the machine, so that
they switch together. At the end of each slice a line is added to a file of SWITCHED_FOLDER, which the process
has for itself: the slice, whether it was recorded in, the CPU seconds of this slice, and the events that the
consumer handled in it (0 in other processes).
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import Final

PART: Final = {"publisher.py": "publisher", "consumer:app": "handler", "outboard": "sidecar"}
PAIR: Final = 2


def is_recorded(number: int) -> bool:
    """One slice of each pair, the same in all processes; which one, is chosen at random."""
    pair, position = divmod(number, PAIR)
    return position == random.Random(pair).randrange(PAIR)


def handled() -> int:
    """By the consumer, if this is the one."""
    measured = getattr(sys.modules.get("consumer"), "measured", None)  # it may be half imported
    return getattr(measured, "handled", 0)


def switch(seconds: float, file: Path) -> None:
    """For as long as the process lives."""
    from outboard.hops.journal import Journal

    journals, begin = list[Journal](), Journal.__post_init__
    recorders = {}

    def begun(self: Journal) -> None:
        begin(self)
        journals.append(self)

    Journal.__post_init__ = begun  # type: ignore[method-assign]  # nobody else knows of them all

    def run() -> None:
        number = int(time.time() / seconds) + 1
        while True:
            time.sleep(max(number * seconds - time.time(), 0))
            for journal in journals:
                if journal.recorder is not None:
                    recorders[id(journal)] = journal.recorder
                journal.recorder = recorders.get(id(journal)) if is_recorded(number) else None
            cpu, events = time.process_time(), handled()
            time.sleep(max((number + 1) * seconds - time.time() - 0.01, 0))
            told = int(is_recorded(number)), time.process_time() - cpu, handled() - events
            with file.open("a", encoding="utf-8") as written:
                print(number, *told, file=written)
            number += 1

    threading.Thread(target=run, daemon=True).start()


part = next((name for word, name in PART.items() if word in sys.orig_argv), None)
if part is not None and "SWITCHED" in os.environ:
    switch(float(os.environ["SWITCHED"]), Path(os.environ["SWITCHED_FOLDER"], part))
