"""Recording where the environment says so."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

from outboard.hops.files.lines import FileHead
from outboard.hops.files.recorder import FileRecorder
from outboard.hops.files.segments import Segments
from outboard.hops.record import Recorder

__all__ = ["HOPS_DATA", "HOPS_FOLDER", "recording"]

HOPS_FOLDER: Final = "OUTBOARD_HOPS"
HOPS_DATA: Final = "OUTBOARD_HOPS_DATA"
TRUE: Final = frozenset({"true", "1", "yes", "on"})


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
    with_data = environ.get(HOPS_DATA, "").strip().lower() in TRUE
    recorder = FileRecorder(Segments(Path(folder), head), head, with_data=with_data)
    try:
        yield recorder
    finally:
        recorder.close()
