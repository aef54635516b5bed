"""Publishing what is a CloudEvent already, or is to stay as it is."""

from __future__ import annotations

from conformance.questions.publishing import CLOUD_EVENT, JSON, TRACE, publishes

__all__ = ["QUESTIONS"]

RAW = (
    *tuple(
        publishes(
            f"raw-{name}",
            ("raw payload: rawPayload",),
            body,
            f"?metadata.rawPayload={value}",
            deliveries,
            content_type=JSON,
        )
        for name, value, body, deliveries in (
            ("true", "true", b'{"a": 1}', 1),
            ("event", "true", b'{"id":"1","data":{"a":1},"x":"y"}', 1),
            ("one", "1", b'{"a":1}', 1),
            ("upper-t", "T", b'{"a":1}', 1),
            ("false", "false", b'{"a":1}', 1),
            ("empty", "", b'{"a":1}', 1),
            ("yes", "yes", b'{"a":1}', 0),
            ("not-json", "true", b"hello", 0),
            ("nothing", "true", b"", 0),
        )
    ),
    publishes(
        "raw-other-case",
        ("raw payload: rawPayload",),
        b'{"a":1}',
        "?metadata.rawpayload=true",
        content_type=JSON,
    ),
    publishes(
        "raw-ttl",
        ("raw payload: rawPayload", "envelope: expiration"),
        b'{"a":1}',
        "?metadata.rawPayload=true&metadata.ttlInSeconds=60",
    ),
)


EVENT = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": {"a": 1}}


PASSED_THROUGH = (
    *tuple(
        publishes(f"event-{name}", ("cloud event: completed",), body, content_type=CLOUD_EVENT)
        for name, body in (
            ("whole", {**EVENT, "datacontenttype": JSON, "subject": "x", "custom": "c", "number": 1}),
            ("no-id", {name: value for name, value in EVENT.items() if name != "id"}),
            ("no-source", {name: value for name, value in EVENT.items() if name != "source"}),
            ("null-source", {**EVENT, "source": None}),
            ("empty", {}),
            ("null-type", {**EVENT, "type": None, "specversion": None, "id": None}),
            ("empty-type", {**EVENT, "type": "", "specversion": "", "source": "", "time": ""}),
            ("number-type", {**EVENT, "type": 5, "specversion": 1.0, "source": [1]}),
            ("topic", {**EVENT, "topic": "other", "pubsubname": "other"}),
            ("time", {**EVENT, "time": "2020-01-01T00:00:00Z"}),
            ("null-time", {**EVENT, "time": None, "traceid": None, "tracestate": None}),
            ("traceid", {**EVENT, "traceid": TRACE}),
            ("traceparent", {**EVENT, "traceparent": TRACE}),
            ("tracestate", {**EVENT, "tracestate": "a=b", "traceid": TRACE, "traceparent": TRACE}),
            ("bad-trace", {**EVENT, "traceid": "xyz", "traceparent": "abc"}),
            ("data-base64", {**EVENT, "data_base64": "AAE=", "data": None}),
            ("upper-names", {"SPECVERSION": "1.0", "ID": "1", "Type": "t"}),
            ("expired", {**EVENT, "expiration": "2030-01-01T00:00:00Z"}),
        )
    ),
    publishes(
        "event-already-expired",
        ("reading: expired",),
        {**EVENT, "expiration": "2020-01-01T00:00:00Z"},
        deliveries=0,
        content_type=CLOUD_EVENT,
    ),
    publishes(
        "event-bad-expiration",
        ("reading: expired",),
        {**EVENT, "expiration": "soon"},
        deliveries=1,
        content_type=CLOUD_EVENT,
    ),
    publishes(
        "event-number-expiration",
        ("reading: expired",),
        {**EVENT, "expiration": 5},
        deliveries=1,
        content_type=CLOUD_EVENT,
    ),
    publishes(
        "event-overrides",
        ("cloud event: completed",),
        EVENT,
        "?metadata.cloudevent.type=x&metadata.ttlInSeconds=9",
        content_type=CLOUD_EVENT,
    ),
    publishes(
        "event-charset", ("cloud event: completed",), EVENT, content_type=f"{CLOUD_EVENT}; charset=utf-8"
    ),
    publishes(
        "event-traced", ("cloud event: completed",), EVENT, content_type=CLOUD_EVENT, traceparent=TRACE
    ),
    publishes(
        "event-raw",
        ("raw payload: rawPayload",),
        EVENT,
        "?metadata.rawPayload=true",
        content_type=CLOUD_EVENT,
    ),
    publishes(
        "event-numbers",
        ("cloud event: completed",),
        b'{"id":"1","n":12345678901234567890,"f":1.50,"data":1e2}',
        content_type=CLOUD_EVENT,
    ),
    publishes(
        "event-html", ("cloud event: completed",), b'{"id":"<1>&","data":"<b>"}', content_type=CLOUD_EVENT
    ),
    publishes("event-trailing", ("cloud event: completed",), b'{"id":"1"} x', content_type=CLOUD_EVENT),
    *(
        publishes(
            f"event-malformed-{name}",
            ("publish errors: cloud event",),
            body,
            content_type=CLOUD_EVENT,
            deliveries=deliveries,
        )
        for name, body, deliveries in (
            ("array", b"[1]", 0),
            ("text", b"hello", 0),
            ("nothing", b"", 0),
            ("string", b'"x"', 0),
            ("number", b"5", 0),
            ("unfinished", b'{"id":', 0),
            ("null", b"null", 0),
            ("batch", b"[{}]", 0),
        )
    ),
)


QUESTIONS = (*RAW, *PASSED_THROUGH)
