"""Records hops until it is killed, and tells how many: run as a program with OUTBOARD_HOPS."""

from __future__ import annotations

import os
import sys
import time

from outboard.hops.files.recording import recording
from outboard.hops.record import EventIdentity, Hop, HopKind


def main() -> None:
    with recording(os.environ, "shop", "kit") as recorder:
        assert recorder is not None
        number = 0
        while True:
            number += 1
            recorder(Hop(HopKind.STORED, time.time(), "shop", "p", "orders", EventIdentity(f"e{number}")))
            sys.stdout.write(f"{number} {time.time()}\n")
            sys.stdout.flush()
            time.sleep(0.01)  # so that all of them are kept


if __name__ == "__main__":
    main()
