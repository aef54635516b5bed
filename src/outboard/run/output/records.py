"""A line of a run's output, as its log in the folder of the run keeps it. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from outboard.run.output.events import LogLine, Source

__all__ = ["log_record"]


def log_record(line: LogLine, now: datetime) -> str:
    """An app's line as it is; a sidecar's as daprd writes it, with the time at which it came."""
    if line.source is Source.APP:
        return line.line
    at = now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return f'time="{at}" level={line.level or "info"} msg={json.dumps(line.line, ensure_ascii=False)}'
