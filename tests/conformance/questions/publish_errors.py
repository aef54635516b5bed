"""Where a publish request goes, and what refuses it."""

from __future__ import annotations

from conformance.question import (
    Question,
    ask,
    subscribed,
)
from conformance.questions.publishing import CLOUD_EVENT, JSON, PUBLISH, refused

__all__ = ["QUESTIONS"]

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


QUESTIONS = (*PATHS, *ERRORS)
