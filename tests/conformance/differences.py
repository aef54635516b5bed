"""Where `outboard sidecar` differs from daprd on purpose: all of it, each with the questions that show it.

The table of the reference is made of this list (`docs/generate.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["DIFFERENCES", "REASONS", "Difference"]


@dataclass(frozen=True, slots=True)
class Difference:
    """What `here` does where `daprd` does something else, why that stays so, and the questions about it."""

    here: str
    daprd: str
    why: str
    questions: tuple[str, ...]


DIFFERENCES: Final = (
    Difference(
        "A mistake in a resource file ends the start, with file and line: no YAML, a secret or a policy "
        "that is not there, a metadata item written twice, a route under the key of the other "
        "Subscription version. A component of a type that only daprd serves is left out, and what a call to "
        "one that is left out is answered says why. While it runs, a change that is a mistake changes "
        "nothing. What a change leads to is what a start would: events and outboxes go on, who gets another "
        "secret begins anew, and until a new component is up the old one is used.",
        "It warns, or says nothing, and starts without the resource or the value, but for a type that it "
        "does not know. While it runs, such a change ends it, or takes the component away.",
        "What then fails is far from the cause.",
        (
            "bad-resiliency", "item-twice", "not-yaml", "route-of-other-version", "secret-absent",
            "secret-store-absent", "unknown-component",
        ),
    ),
    Difference(
        "Every mistake in the command line has exit code 2.",
        "2 for an unknown flag and a value of the wrong type, 1 for the rest.",
        "One kind of mistake, one code.",
        (
            "bad-init-endpoint", "bad-log-level", "bad-protocol", "bad-size", "dot-in-app-id", "empty-app-id",
            "grpc-port-twice", "no-such-resources", "port-twice",
        ),
    ),
    Difference(
        "Without `--dapr-listen-addresses` the API listens on 127.0.0.1 and ::1 only. A request that a web "
        "page of another origin lets a browser make is answered 403, unless `--allowed-origins` names it; so "
        "is, on loopback, one for a host that is not this machine, and so they are on the other ports. "
        "An event's metadata becomes no header that tells who sent a request or for whom (`authorization`, "
        "`cookie`, `x-user…`, `x-forwarded-…`).",
        "It listens on every address of the machine. What such a request asks for is done; only the answer "
        "is kept from the page. All metadata becomes headers, but for what HTTP itself needs.",
        "Nobody else is to publish, save state, shut down, or, with a name of its own for this machine (DNS "
        "rebinding), read state and secrets; and a publisher does not speak for a user or a proxy.",
        (
            "default-addresses", "header-names-of-others", "other-host", "other-origin", "other-origin-form",
            "other-site",
        ),
    ),
    Difference(
        "The in-memory components are shared by the sidecars of a process. A slow app lets 1,000 events wait "
        "before the publisher; what waits at the end is lost. `backlog` and `partitions` count.",
        "One sidecar, one event that waits; a transaction with two outbox events blocks for ever.",
        "Services on a laptop can talk, and publishing is as quick as with a broker.",
        ("outbox-two-upserts", "stop-queued"),
    ),
    Difference(
        "An event whose body is `null`, and a stored value that cannot be decrypted, are answered with an "
        "error. Numbers in a local secrets file read `5`. Metrics name the component of a bulk subscription, "
        "count the bytes that are sent to the app, and have every latency, in fractions of a millisecond.",
        "It panics and closes the connection. They read `%!s(float64=5)`. They say `pubsubName`, count 0, "
        "and have whole milliseconds, of components only from one on.",
        "Nobody relies on a slip.",
        ("encryption-other-key", "event-malformed-null", "secrets-file-leaves"),
    ),
    Difference(
        "A routing rule that builds a map with one key twice fails for each event; `getMilliseconds()` of a "
        "duration is what is beyond whole seconds. A rule nests brackets at most 32 deep, and one with a "
        "function that CEL's standard library lacks is refused, as every rule that is no CEL.",
        "The last one counts; it is the whole duration in milliseconds. 250 deep; with such a function daprd "
        "never becomes ready.",
        "The library is CEL's own for C++, daprd's that for Go.",
        ("cel-duplicate-key", "cel-milliseconds"),
    ),
    Difference(
        "With `tracing.samplingRate: 0` requests and answers still have their trace headers.",
        "They have none.",
        "The setting is about the export of traces, which is not served.",
        ("no-tracing",),
    ),
    Difference(
        "A batch that the app is handling is waited for when the sidecar ends, and an event on a stream; a "
        "shutdown by the API ends streams, too.",
        "A batch is not, though a single event is. Beside a stream that an event was sent on it does not end "
        "before the client leaves, nor does it by the API beside any stream.",
        "Otherwise a durable broker delivers the batch twice, and a sidecar has to be killed.",
        ("stop-batch-hang",),
    ),
    Difference(
        "What could never be delivered is refused (400) when it is published: a number that no 64-bit float "
        "holds, metadata that can be no header. JSON may be nested some 300 deep.",
        "It is published, and fails at each delivery, or is lost. 10,000 deep.",
        "It would hold for ever what lies behind it on its partition; the libraries that read JSON are "
        "strict.",
        (
            "empty-header-name", "illegal-header-name", "illegal-header-value", "nested-json",
            "number-beyond-double", "query-plain",
        ),
    ),
)  # fmt: skip

REASONS: Final[Mapping[str, str]] = {name: each.here for each in DIFFERENCES for name in each.questions}
"""The difference that each of its questions shows."""
