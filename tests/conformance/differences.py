"""Where `outboard sidecar` answers otherwise than daprd on purpose, as the questions here show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["DIFFERENCES", "REASONS", "Difference"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What is other, why it stays so, and the questions that show it."""

    what: str
    why: str
    questions: tuple[str, ...]


DIFFERENCES: Final = (
    Difference(
        "An event whose body is `null` is refused with 500 ERR_PUBSUB_CLOUD_EVENTS_SER.",
        "daprd panics and closes the connection without an answer.",
        ("event-malformed-null",),
    ),
    Difference(
        "Numbers, booleans and null in a local secrets file are read as they are written.",
        "daprd prints them with a wrong verb: `%!s(float64=5)`.",
        ("secrets-file-leaves",),
    ),
    Difference(
        "A bulk get that cannot be encoded (a value that is no JSON) still has its trace header.",
        "daprd's encoder fails before the header is written; the body is empty either way.",
        ("encryption-bulk",),
    ),
    Difference(
        "With `tracing.samplingRate: 0` answers still carry the trace headers.",
        "The setting is about the export of traces, which is not served; the headers do no harm.",
        ("no-tracing",),
    ),
    Difference(
        "A rule that compares types which can never be equal fails for each event, not at the start.",
        "The CEL library has no type checker; daprd refuses such a rule, and with it every subscription.",
        ("discovery-bad-types",),
    ),
    Difference(
        "A file of resources that is not YAML ends the start, with file and line.",
        "daprd leaves the document out with a warning, and what then fails is far from the cause.",
        ("not-yaml",),
    ),
    Difference(
        "A component whose secret store is not there ends the start, with file and line.",
        "daprd sets the component aside without an error and gets healthy without it.",
        ("secret-store-absent", "secret-unnamed-store"),
    ),
    Difference(
        "A resiliency target that names a policy which is not there ends the start, with file and line.",
        "daprd runs the component without any policy.",
        ("bad-resiliency",),
    ),
    Difference(
        "Every mistake in the command line has exit code 2.",
        "daprd has 2 only for an unknown flag or a value of the wrong type, and 1 for the rest.",
        (
            "bad-init-endpoint", "bad-log-level", "bad-protocol", "bad-size", "dot-in-app-id", "empty-app-id",
            "no-such-resources", "port-twice",
        ),
    ),
)  # fmt: skip

REASONS: Final[Mapping[str, str]] = {name: each.what for each in DIFFERENCES for name in each.questions}
"""The difference that each of its questions shows."""
