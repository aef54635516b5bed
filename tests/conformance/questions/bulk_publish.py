"""Publishing many events with one request."""

from __future__ import annotations

import json

from conformance.question import Ask, Question, ask, subscribed
from outboard.gojson.values import Json

__all__ = ["QUESTIONS"]

STABLE = "/v1.0/publish/bulk"
ALPHA = "/v1.0-alpha1/publish/bulk"
JSON = "application/json"
CLOUD_EVENT = "application/cloudevents+json"
EVENT: dict[str, Json] = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {"a": 1}}


def entry(number: int, event: Json, content_type: str | None = JSON, **more: Json) -> dict[str, Json]:
    kind: dict[str, Json] = {} if content_type is None else {"contentType": content_type}
    return {"entryId": str(number), "event": event, **kind, **more}


def publishes(
    name: str, rows: tuple[str, ...], entries: Json, query: str = "", deliveries: int | None = None
) -> Question:
    """Publish to a topic named as the question; all arrive unless told otherwise. Their order is not kept."""
    name = f"bulk-{name}"
    count = len(entries) if isinstance(entries, list) else 0
    request = ask("POST", f"{STABLE}/ps/{name}{query}", entries, content_type=JSON)
    wanted = count if deliveries is None else deliveries
    return Question(name, rows, (request,), (subscribed(name),), deliveries=wanted, unordered=True)


def refused(name: str, rows: tuple[str, ...], *bodies: object) -> Question:
    asks = [ask("POST", f"{STABLE}/ps/t", each, content_type=JSON) for each in bodies]
    return Question(f"bulk-{name}", rows, tuple(asks))


def at(target: str, body: Json, method: str = "POST") -> Ask:
    return ask(method, target, body, content_type=JSON)


ONE: list[Json] = [entry(1, {"a": 1})]

QUESTIONS = (
    publishes(
        "several", ("bulk publish: entries",), [entry(1, {"a": 1}), entry(2, {"a": 2}), entry(3, [1, None])]
    ),
    publishes("none", ("bulk publish: entries",), []),
    Question(
        "bulk-alpha",
        ("publish: bulk",),
        (at(f"{ALPHA}/ps/bulk-alpha", ONE), at(f"{ALPHA}/ps/bulk-alpha", ONE, "PUT")),
        (subscribed("bulk-alpha"),),
        deliveries=2,
    ),
    Question(
        "bulk-put",
        ("publish: bulk",),
        (at(f"{STABLE}/ps/bulk-put/and%2Fmore", ONE, "PUT"),),
        (subscribed("bulk-put/and/more", "/bulk-put"),),
        deliveries=1,
    ),
    publishes(
        "types",
        ("bulk publish: decoding",),
        [
            entry(1, "text", "text/plain"),
            entry(2, "<a/>", "application/xml"),
            entry(3, "AAH/", "application/octet-stream"),
            entry(4, EVENT, CLOUD_EVENT),
            entry(5, {"a": 1}, "application/json; charset=utf-8"),
            entry(6, "x", "text/html"),
            entry(7, "string"),
            entry(8, None),
            entry(9, 1.5),
            entry(10, "", "text/plain"),
            entry(11, {}, CLOUD_EVENT),
            entry(12, "", "application/octet-stream"),
            entry(13, "x", "text/plain; charset=utf-8"),
        ],
    ),
    publishes("json-in-text", ("bulk publish: decoding",), [entry(1, '{"a": 1}', "text/plain")]),
    publishes("html", ("bulk publish: decoding",), [entry(1, {"a": "<b>&"}), entry(2, "<b>&", "text/plain")]),
    publishes("no-event", ("bulk publish: decoding",), [{"entryId": "1", "contentType": JSON}]),
    publishes(
        "upper-names", ("bulk publish: entries",), [{"ENTRYID": "1", "Event": {"a": 1}, "CONTENTTYPE": JSON}]
    ),
    publishes("extra-fields", ("bulk publish: entries",), [entry(1, {}, more="x")]),
    publishes("event-type-bad", ("publish errors: cloud event",), [entry(1, [1], CLOUD_EVENT)], deliveries=0),
    publishes(
        "event-type-text",
        ("publish errors: cloud event",),
        [entry(1, {}), entry(2, "text", CLOUD_EVENT)],
        deliveries=0,
    ),
    publishes(
        "metadata",
        ("bulk publish: metadata",),
        [
            entry(1, {}, metadata={"cloudevent.type": "own", "x": "y"}),
            entry(2, {}),
            entry(3, {}, metadata={}),
            entry(4, {}, metadata=None),
        ],
        "?metadata.cloudevent.type=all&metadata.cloudevent.source=all&metadata.ttlInSeconds=60&metadata.x=z",
    ),
    publishes(
        "ttl",
        ("bulk publish: metadata",),
        [entry(1, {}, metadata={"ttlInSeconds": "60"}), entry(2, {}, metadata={"ttlInSeconds": "x"})],
    ),
    publishes(
        "raw",
        ("bulk publish: metadata", "raw payload: rawPayload"),
        [entry(1, EVENT), entry(2, {"id": "2"})],
        "?metadata.rawPayload=true",
    ),
    publishes(
        "raw-entry",
        ("bulk publish: metadata", "raw payload: rawPayload"),
        [entry(1, {"id": "1"}, metadata={"rawPayload": "true"}), entry(2, {})],
    ),
    publishes(
        "raw-entry-bad",
        ("bulk publish: metadata", "raw payload: rawPayload"),
        [entry(1, {"id": "1"}, metadata={"rawPayload": "maybe"})],
        deliveries=1,
    ),
    publishes("raw-bad", ("publish errors: rawPayload",), ONE, "?metadata.rawPayload=maybe", 0),
    Question(
        "bulk-trace",
        ("bulk publish: entries",),
        (
            ask(
                "POST",
                f"{STABLE}/ps/bulk-trace",
                ONE,
                content_type=JSON,
                traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            ),
        ),
        (subscribed("bulk-trace"),),
        deliveries=1,
    ),
    refused(
        "type-refused",
        ("bulk publish: decoding", "publish errors: envelope"),
        [entry(1, {}, None)],
        [entry(1, {}, "")],
        [entry(1, {}, "foo/bar")],
        [entry(1, "x", "application/foo+json")],
        [entry(1, "x", "nonsense")],
        [entry(1, {}, "APPLICATION/JSON")],
    ),
    refused(
        "type-mismatch",
        ("bulk publish: decoding", "publish errors: envelope"),
        [entry(1, {}, "text/plain")],
        [entry(1, 5, "application/xml")],
        [entry(1, None, "text/plain")],
        [entry(1, "no base64!", "application/octet-stream")],
        [entry(1, "AAA", "application/octet-stream")],
        [entry(1, {}, "application/octet-stream")],
        [entry(1, "AA==AA", "application/octet-stream")],
        [entry(1, "AA\n==", "application/octet-stream")],
        [entry(1, "-_8=", "application/octet-stream")],
    ),
    refused(
        "entry-ids",
        ("publish errors: entryId",),
        [entry(1, {}), entry(1, {})],
        [{"event": {}, "contentType": JSON}],
        [entry(1, {}), {"entryId": "", "event": {}, "contentType": JSON}],
        [entry(1, {}), entry(2, {}, "text/plain"), entry(1, {})],
    ),
    refused(
        "malformed",
        ("publish errors: bulk body",),
        b"",
        b"x",
        b"{}",
        b"[",
        b"5",
        b'"x"',
        b"[5]",
        b'["x"]',
        b"[[]]",
        b'[{"entryId":5}]',
        b'[{"metadata":5}]',
        b'[{"entryId":"1","metadata":{"a":5}}]',
        b'[{"contentType":[]}]',
        b"nul",
        b"[{},]",
        b"[{]",
        b'[{"entryId":"1"',
        b"{}x",
    ),
    refused("null", ("publish errors: bulk body",), b"null", b"[null]", b"[] trailing"),
    Question(
        "bulk-errors",
        (
            "publish errors: component missing",
            "publish errors: forbidden",
            "publish errors: topic empty",
            "http: fallback",
        ),
        (
            at(f"{STABLE}/nowhere/t", ONE),
            at(f"{ALPHA}/nowhere/t", ONE),
            at(f"{STABLE}/scoped/other", ONE),
            at(f"{STABLE}/scoped/other", []),
            at(f"{STABLE}/nowhere/t", []),
            at(f"{STABLE}/scoped/free", ONE),
            at(f"{ALPHA}/ps", ONE),
            at(f"{ALPHA}/ps/", ONE),
            at(f"{STABLE}/ps/t", None, "GET"),
            at(f"{ALPHA}/ps/t", None, "DELETE"),
            at(f"{STABLE}/nowhere/t?metadata.rawPayload=x", ONE),
        ),
    ),
    Question(
        "bulk-only-pubsub",
        ("publish: bulk",),
        (at(f"{STABLE}/bulk-only-pubsub", ONE), at(f"{STABLE}/ps", ONE)),
    ),
    Question(
        "bulk-oversize",
        ("http: oversize",),
        (at(f"{STABLE}/ps/t", json.loads(f'["{"x" * (4 * 1024 * 1024)}"]')),),
    ),
)
