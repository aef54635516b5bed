"""Publishing one event: content types, metadata, CloudEvents, errors."""

from __future__ import annotations

from conformance.question import Ask, Question, ask, subscribed

__all__ = ["QUESTIONS"]

CLOUD_EVENT = "application/cloudevents+json"
JSON = "application/json"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PUBLISH = "/v1.0/publish"


def publishes(
    name: str,
    rows: tuple[str, ...],
    body: object = b"",
    query: str = "",
    deliveries: int = 1,
    **headers: str,
) -> Question:
    """Publish to a topic that is named as the question, and see what the app gets."""
    request = ask("POST", f"{PUBLISH}/ps/{name}{query}", body, **headers)
    return Question(name, rows, (request,), (subscribed(name),), deliveries=deliveries)


def refused(name: str, rows: tuple[str, ...], *asks: Ask) -> Question:
    """Requests of which nothing reaches an app."""
    return Question(name, rows, asks)


CONTENT_TYPES = tuple(
    publishes(f"type-{name}", ("envelope: data", "envelope: datacontenttype"), body, content_type=kind)
    for name, kind, body in (
        ("json", JSON, {"a": 1}),
        ("json-charset", "application/json; charset=utf-8", b'{"a":1}'),
        ("json-upper", "APPLICATION/JSON", b'{"a":1}'),
        ("json-array", JSON, [1, "a", None]),
        ("json-string", JSON, b'"text"'),
        ("json-number", JSON, b"1.10"),
        ("json-null", JSON, b"null"),
        ("json-bool", JSON, b"true"),
        ("json-big-number", JSON, b'{"n":12345678901234567890123,"f":1.0e2}'),
        ("json-invalid", JSON, b"{not json"),
        ("json-trailing", JSON, b'{"a":1} trailing'),
        ("json-two", JSON, b'{"a":1}{"b":2}'),
        ("json-space", JSON, b'  {"a" : 1 }\n'),
        ("json-duplicate", JSON, b'{"a":1,"a":2}'),
        ("json-nan", JSON, b"NaN"),
        ("json-html", JSON, b'{"a":"<b>&\\u2028"}'),
        ("json-surrogate", JSON, b'{"a":"\\ud800"}'),
        ("json-bom", JSON, b'\xef\xbb\xbf{"a":1}'),
        ("json-empty", JSON, b""),
        ("plus-json", "application/foo+json", b'{"a":1}'),
        ("text", "text/plain", b"hello"),
        ("text-html", "text/html; charset=utf-8", b"<b>&</b>"),
        ("text-binary", "text/plain", b"\xff\xfe\x00"),
        ("xml", "application/xml", b"<a/>"),
        ("octet-stream", "application/octet-stream", b"\x00\x01\xff"),
        ("octet-stream-empty", "application/octet-stream", b""),
        ("octet-stream-params", "application/octet-stream; x=y", b"\x00\x01"),
        ("cloudevents-protobuf", "application/cloudevents+protobuf", b"\x0a\x01a"),
        ("protobuf", "application/x-protobuf", b"\x0a\x01a"),
        ("protobuf-nothing", "application/x-protobuf", b""),
        ("protobuf-text", "application/x-protobuf", b"hello"),
        ("protobuf-not-utf8", "application/x-protobuf", b"\x0a\x01\xff"),
        ("protobuf-bytes", "application/x-protobuf", b"\x32\x01\xff"),
        ("protobuf-truncated", "application/x-protobuf", b"\x0a\x05a"),
        ("protobuf-other-kind", "application/x-protobuf", b"\x08\x01"),
        ("protobuf-unknown-field", "application/x-protobuf", b"\x7a\x01a"),
        ("protobuf-group", "application/x-protobuf", b"\x0b\x0c"),
        ("protobuf-open-group", "application/x-protobuf", b"\x0b"),
        ("protobuf-map", "application/x-protobuf", b"\x2a\x05\x0a\x01k\x12\x00"),
        ("protobuf-full-map", "application/x-protobuf", b"\x2a\x08\x0a\x01k\x12\x03\x1a\x01v"),
        ("protobuf-bad-map", "application/x-protobuf", b"\x2a\x03\x0a\x01\xff"),
        ("protobuf-field-0", "application/x-protobuf", b"\x02\x01a"),
        ("protobuf-fixed", "application/x-protobuf", b"\x0d\x01\x01\x01\x01"),
        ("unknown", "foo/bar", b"hello"),
        ("malformed", "nonsense", b"hello"),
        ("form", "application/x-www-form-urlencoded", b"a=1"),
    )
)

ENVELOPES = (
    publishes("no-content-type", ("envelope: datacontenttype",), b"hello"),
    publishes("empty-body", ("envelope: data",), b""),
    publishes("put", ("publish: single",), b"hello"),
    publishes(
        "overrides",
        (
            "envelope: id",
            "envelope: source",
            "envelope: type",
            "envelope: subject",
            "envelope: traceid",
            "envelope: tracestate",
        ),
        {},
        "?metadata.cloudevent.id=7&metadata.cloudevent.source=here&metadata.cloudevent.type=my.type"
        f"&metadata.cloudevent.subject=sub&metadata.cloudevent.traceparent={TRACE}"
        "&metadata.cloudevent.tracestate=a=b",
        content_type=JSON,
    ),
    publishes(
        "override-traceid",
        ("envelope: traceid",),
        {},
        f"?metadata.cloudevent.traceid={TRACE}",
        content_type=JSON,
    ),
    publishes(
        "override-case", ("envelope: type",), {}, "?metadata.CloudEvent.TYPE=my.type", content_type=JSON
    ),
    publishes(
        "override-refused",
        ("envelope: time", "envelope: specversion", "envelope: topic"),
        {},
        "?metadata.cloudevent.time=2020-01-01T00:00:00Z&metadata.cloudevent.specversion=0.3"
        "&metadata.cloudevent.topic=other&metadata.cloudevent.datacontenttype=a/b&metadata.cloudevent.custom=c",
        content_type=JSON,
    ),
    publishes(
        "override-empty",
        ("envelope: type",),
        {},
        "?metadata.cloudevent.type=&metadata.cloudevent.id=",
        content_type=JSON,
    ),
    publishes(
        "query-case",
        ("http: metadata",),
        {},
        "?Metadata.cloudevent.type=x&metadata.a=1&metadata.a=2",
        content_type=JSON,
    ),
    publishes(
        "query-escapes",
        ("http: metadata",),
        {},
        "?metadata.a%2Bb=c%2Bd+e&metadata.cloudevent.id=%C3%A4",
        content_type=JSON,
    ),
    publishes("illegal-header-name", ("delivery: headers",), {}, "?metadata.a%20b=c", 0, content_type=JSON),
    publishes("illegal-header-value", ("delivery: headers",), {}, "?metadata.a=b%0Ac", 0, content_type=JSON),
    publishes(
        "header-umlaut",
        ("delivery: headers",),
        {},
        "?metadata.a=%C3%A4&metadata.b=%20x%20&metadata.c=%09",
        content_type=JSON,
    ),
    publishes(
        "header-names",
        ("delivery: headers",),
        {},
        "?metadata.Some-Name=1&metadata.grpc-x=2&metadata.x-bin=3&metadata.connection=close&metadata.content-length=9"
        "&metadata.content-type=a/b&metadata.host=h&metadata.keep-alive=1&metadata.te=1&metadata.trailer=1&metadata.upgrade=1"
        "&metadata.transfer-encoding=x&metadata.user-agent=u&metadata.accept=a&metadata.traceparent=t&metadata.tracestate=u"
        "&metadata.pubsubName=z&metadata.dapr-api-token=q&metadata.dapr-app-id=w&metadata.cookie=c&metadata.__key=k"
        "&metadata.authorization=a&metadata.:path=x&metadata.proxy-authorization=y&metadata.destination-app-id=z",
        content_type=JSON,
    ),
    publishes(
        "header-names-legal",
        ("delivery: headers",),
        {},
        "?metadata.Some-Name=1&metadata.grpc-x=2&metadata.x-bin=3&metadata.keep-alive=1&metadata.te=1&metadata.trailer=1"
        "&metadata.traceparent=t&metadata.tracestate=u&metadata.pubsubName=z&metadata.dapr-api-token=q&metadata.dapr-app-id=w"
        "&metadata.cookie=c&metadata.__key=k&metadata.authorization=a&metadata.proxy-authorization=y&metadata.ce_id=1"
        "&metadata.destination-app-id=z&metadata.content-type=a/b&metadata.date=d&metadata.x-forwarded-for=f",
        1,
        content_type=JSON,
    ),
    publishes(
        "content-type-octets",
        ("reading: binary mode",),
        {"a": 1},
        "?metadata.content-type=application/octet-stream&metadata.ce_id=7&metadata.ce_type=x&metadata.ce_source=y"
        "&metadata.rawPayload=true",
        1,
        content_type=JSON,
    ),
    publishes(
        "query-semicolon",
        ("http: metadata",),
        {},
        "?metadata.a=1;metadata.b=2&metadata.c=3",
        content_type=JSON,
    ),
    publishes("query-bad-escape", ("http: metadata",), {}, "?metadata.a=%zz&metadata.b=1", content_type=JSON),
    publishes("query-plain", ("http: metadata",), {}, "?other=1&metadata.", 0, content_type=JSON),
    publishes(
        "trace",
        ("envelope: traceid", "http: tracing"),
        {},
        content_type=JSON,
        traceparent=TRACE,
        tracestate="vendor=1",
    ),
    publishes(
        "trace-invalid", ("envelope: traceid", "http: tracing"), {}, content_type=JSON, traceparent="00-xyz"
    ),
    publishes(
        "trace-not-sampled",
        ("envelope: traceid", "http: tracing"),
        {},
        content_type=JSON,
        traceparent=TRACE[:-1] + "0",
    ),
    publishes("trace-later-version", ("http: tracing",), {}, content_type=JSON, traceparent="01" + TRACE[2:]),
    publishes("ttl", ("envelope: expiration",), {}, "?metadata.ttlInSeconds=60", content_type=JSON),
    publishes("ttl-short-name", ("envelope: expiration",), {}, "?metadata.ttl=60", content_type=JSON),
    publishes(
        "ttl-duration", ("envelope: expiration",), {}, "?metadata.ttlInSeconds=1m30s", content_type=JSON
    ),
    publishes("ttl-case", ("envelope: expiration",), {}, "?metadata.TTLINSECONDS=60", content_type=JSON),
    publishes("ttl-invalid", ("envelope: expiration",), {}, "?metadata.ttlInSeconds=soon", content_type=JSON),
    publishes("ttl-negative", ("envelope: expiration",), {}, "?metadata.ttlInSeconds=-1", content_type=JSON),
    publishes(
        "ttl-zero-seconds", ("envelope: expiration",), {}, "?metadata.ttlInSeconds=0s", 0, content_type=JSON
    ),
    publishes(
        "ttl-negative-duration",
        ("envelope: expiration",),
        {},
        "?metadata.ttlInSeconds=-5s",
        0,
        content_type=JSON,
    ),
    publishes("ttl-plus", ("envelope: expiration",), {}, "?metadata.ttlInSeconds=%2B60", content_type=JSON),
    publishes("ttl-fraction", ("envelope: expiration",), {}, "?metadata.ttlInSeconds=1.5", content_type=JSON),
    publishes(
        "ttl-large",
        ("envelope: expiration",),
        {},
        "?metadata.ttlInSeconds=99999999999999999999",
        content_type=JSON,
    ),
    publishes(
        "ttl-both-names",
        ("envelope: expiration",),
        {},
        "?metadata.ttlInSeconds=x&metadata.ttl=60",
        content_type=JSON,
    ),
    publishes(
        "ttl-name-order",
        ("envelope: expiration",),
        {},
        "?metadata.ttlInSeconds=60&metadata.ttl=0",
        0,
        content_type=JSON,
    ),
    publishes("ttl-zero", ("envelope: expiration",), {}, "?metadata.ttlInSeconds=0", 0, content_type=JSON),
)

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

PATHS = (
    *(
        Question(
            f"topic-{name}",
            ("http: topic",),
            (ask("POST", f"{PUBLISH}/ps/{written}", {"a": 1}, content_type=JSON),),
            (subscribed(topic, f"/topic-{name}"),),
            deliveries=1,
        )
        for name, written, topic in (
            ("slashes", "a/b/c", "a/b/c"),
            ("escaped-slash", "p%2Fq", "p/q"),
            ("only-slash", "%2F", "/"),
            ("plus", "p+q", "p q"),
            ("escaped-plus", "r%2Bs", "r+s"),
            ("space", "t%20u", "t u"),
            ("umlaut", "%C3%BC", "ü"),
            ("double-slash", "d//e", "d/e"),
            ("dots", "x/../f", "f"),
            ("dot", "./g", "g"),
            ("trailing-slash", "h/", "h"),
            ("escaped-dots", "i%2F..%2Fj", "i/../j"),
            ("escaped-percent", "k%2525", "k%25"),
            ("bulk-name", "bulk", "bulk"),
            ("colon", "l:m@n", "l:m@n"),
            ("case", "MiXeD", "MiXeD"),
        )
    ),
    Question(
        "topic-put",
        ("publish: single",),
        (ask("PUT", f"{PUBLISH}/ps/topic-put", "x", content_type="text/plain"),),
        (subscribed("topic-put"),),
        deliveries=1,
    ),
    Question(
        "prefix-slashes",
        ("http: cleaning",),
        (ask("POST", "//v1.0/./publish//ps/prefix-slashes", "x", content_type="text/plain"),),
        (subscribed("prefix-slashes"),),
        deliveries=1,
    ),
    Question(
        "pubsub-escaped",
        ("http: cleaning",),
        (ask("POST", f"{PUBLISH}/p%73/pubsub-escaped", "x", content_type="text/plain"),),
        (subscribed("pubsub-escaped"),),
        deliveries=1,
    ),
    refused(
        "bad-escape",
        ("http: bad escape",),
        ask("POST", f"{PUBLISH}/ps/%zz", {}),
        ask("POST", f"{PUBLISH}/%/t", {}),
    ),
)

ERRORS = (
    refused(
        "pubsub-unknown",
        ("publish errors: component missing",),
        ask("POST", f"{PUBLISH}/nowhere/t", {}),
        ask("POST", f"{PUBLISH}/nowhere/t?metadata.a=b", {}),
        ask("POST", f"{PUBLISH}/nowhere/t?metadata.rawPayload=x", {}),
        ask("POST", f"{PUBLISH}/mem/t", {}),
        ask("POST", f"{PUBLISH}/p%2Fs/t", {}),
    ),
    refused(
        "raw-not-boolean",
        ("publish errors: rawPayload",),
        ask("POST", f"{PUBLISH}/ps/t?metadata.rawPayload=yes", {}),
        ask("POST", f"{PUBLISH}/ps/t?metadata.rawPayload=tRUE&metadata.z=1&metadata.a=2", {}),
    ),
    refused(
        "topic-missing",
        ("publish errors: topic empty", "publish errors: pubsub empty"),
        ask("POST", f"{PUBLISH}/ps", {}),
        ask("POST", f"{PUBLISH}/ps/", {}),
        ask("POST", f"{PUBLISH}/", {}),
        ask("POST", PUBLISH, {}),
        ask("POST", f"{PUBLISH}//t", {}),
        ask("POST", f"{PUBLISH}/ps//", {}),
        ask("POST", f"{PUBLISH}/ps/%20", {}),
        ask("POST", f"{PUBLISH}/%20/t", {}),
    ),
    refused(
        "wrong-method",
        ("http: fallback",),
        *(
            ask(method, f"{PUBLISH}/ps/t")
            for method in ("GET", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "QUERY")
        ),
    ),
    refused(
        "forbidden",
        ("publish errors: forbidden", "scoping: publishingScopes"),
        ask("POST", f"{PUBLISH}/scoped/free", {}),
        ask("POST", f"{PUBLISH}/scoped/other?metadata.a=b", {}),
        ask("POST", f"{PUBLISH}/scoped/other?metadata.rawPayload=true", {}),
        ask("POST", f"{PUBLISH}/scoped/other?metadata.rawPayload=x", {}),
        ask("POST", f"{PUBLISH}/scoped/other", "x", content_type=CLOUD_EVENT),
        ask("POST", f"{PUBLISH}/silent/t", {}),
        ask("POST", f"{PUBLISH}/unmentioned/t", {}),
    ),
    refused(
        "allowed-topics",
        ("scoping: allowedTopics",),
        ask("POST", f"{PUBLISH}/allowed/a", {}),
        ask("POST", f"{PUBLISH}/allowed/b", {}),
        ask("POST", f"{PUBLISH}/allowed/c", {}),
        ask("POST", f"{PUBLISH}/allowed/A", {}),
    ),
    refused(
        "protected-topics",
        ("scoping: protectedTopics",),
        ask("POST", f"{PUBLISH}/protected/a", {}),
        ask("POST", f"{PUBLISH}/protected/b", {}),
        ask("POST", f"{PUBLISH}/protected/c", {}),
    ),
    refused("oversize", ("http: oversize",), ask("POST", f"{PUBLISH}/ps/t", b"x" * (4 * 1024 * 1024 + 2))),
    refused("just-fits", ("http: oversize",), ask("POST", f"{PUBLISH}/ps/t", b"x" * (4 * 1024 * 1024 + 1))),
    refused(
        "no-subscriber", ("publish: single",), ask("POST", f"{PUBLISH}/ps/nobody", {}, content_type=JSON)
    ),
)

QUESTIONS = (*CONTENT_TYPES, *ENVELOPES, *RAW, *PASSED_THROUGH, *PATHS, *ERRORS)
