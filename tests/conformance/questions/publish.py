"""Publishing one event: content types, the envelope, metadata."""

from __future__ import annotations

from conformance.questions.publishing import JSON, TRACE, publishes

__all__ = ["QUESTIONS"]

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
    publishes("empty-header-name", ("delivery: headers",), {}, "?metadata.=b", 0, content_type=JSON),
    publishes("number-beyond-double", ("reading: not JSON",), b'{"n":1e999}', "", 0, content_type=JSON),
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
        "&metadata.pubsubName=z&metadata.dapr-app-id=w&metadata.__key=k"
        "&metadata.:path=x&metadata.destination-app-id=z",
        content_type=JSON,
    ),
    publishes(
        "header-names-legal",
        ("delivery: headers",),
        {},
        "?metadata.Some-Name=1&metadata.grpc-x=2&metadata.x-bin=3&metadata.keep-alive=1&metadata.te=1&metadata.trailer=1"
        "&metadata.traceparent=t&metadata.tracestate=u&metadata.pubsubName=z&metadata.dapr-app-id=w"
        "&metadata.__key=k&metadata.ce_id=1"
        "&metadata.destination-app-id=z&metadata.content-type=a/b&metadata.date=d",
        1,
        content_type=JSON,
    ),
    publishes(
        "header-names-of-others",
        ("delivery: headers",),
        {},
        "?metadata.authorization=a&metadata.cookie=c&metadata.dapr-api-token=q&metadata.x-forwarded-for=f"
        "&metadata.x-user-id=u&metadata.origin=o&metadata.proxy-authorization=y&metadata.dapr-caller-app-id=w",
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


QUESTIONS = (*CONTENT_TYPES, *ENVELOPES)
