"""Answers of the app byte by byte: interim ones, wrong lengths, bad chunks, and those that never end."""

from __future__ import annotations

import gzip

from conformance.question import AppAnswer, Close, Garbage, Question, after, responds, subscribed
from conformance.questions.outcomes import outcome, published

__all__ = ["QUESTIONS"]

DROP = b'{"status":"DROP"}'
LENGTH = b"content-length: 17"
NEVER = 30.0
"""Seconds: longer than any policy of these questions lets an answer take."""


def http(headers: bytes, body: bytes = DROP, status: bytes = b"200 OK", open: float = 0.0) -> Garbage:
    """An answer with these headers, and a `connection: close`."""
    return Garbage(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\n" + headers + b"\r\n\r\n" + body, open)


def interim(lines: bytes, times: int = 1) -> Garbage:
    return Garbage((b"HTTP/1.1 " + lines + b"\r\n\r\n") * times + http(LENGTH).data)


CHUNKED = b"transfer-encoding: chunked"
DROPPED: dict[str, AppAnswer] = {
    "continue": interim(b"100 Continue"),
    "early-hints": interim(b"103 Early Hints\r\nlink: </x>"),
    "processing": interim(b"102 Processing", 3),
    "chunked": http(CHUNKED, b"11\r\n" + DROP + b"\r\n0\r\n\r\n"),
    "chunked-in-two": http(
        CHUNKED, b"5\r\n" + DROP[:5] + b"\r\nc;a=b\r\n" + DROP[5:] + b"\r\n0\r\nx: y\r\n\r\n"
    ),
    "chunked-without-end": http(CHUNKED, b"11\r\n" + DROP + b"\r\n"),
    "length-too-long": http(b"content-length: 50"),
    "length-missing": http(b"a: b"),
    "old-version": Garbage(b"HTTP/1.0 200 OK\r\n\r\n" + DROP),
    "no-reason": http(LENGTH, status=b"200"),
    "line-feeds": Garbage(b"HTTP/1.1 200 OK\nconnection: close\ncontent-length: 17\n\n" + DROP),
    "folded-header": http(b"a: b\r\n c\r\n" + LENGTH),
    "gzip": http(b"content-encoding: gzip", gzip.compress(DROP, mtime=0)),
    "large": responds(200, b'{"status":"DROP","x":"' + b"x" * 1_000_000 + b'"}'),
    "not-found-cut": http(b"content-length: 50", status=b"404 Not Found"),
}
ACKNOWLEDGED: dict[str, AppAnswer] = {
    "chunked-cut": http(CHUNKED, b"11\r\n" + DROP[:5]),
    "length-cut": http(LENGTH, DROP[:5]),
    "not-gzip": http(b"content-encoding: gzip"),
}
REFUSED: dict[str, AppAnswer] = {
    "only-continue": Garbage(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "switching": http(b"upgrade: x", b"", b"101 Switching Protocols"),
    "length-word": http(b"content-length: x"),
    "length-negative": http(b"content-length: -1"),
    "length-plus": http(b"content-length: +17"),
    "lengths-differ": http(b"content-length: 17\r\ncontent-length: 5"),
    "no-head": Garbage(DROP),
    "status-short": http(LENGTH, status=b"20 OK"),
    "status-word": http(LENGTH, status=b"two OK"),
    "header-without-colon": http(b"no colon here"),
    "header-without-name": http(b": x"),
    "header-nul": http(b"a: b\x00c"),
    "head-large": http(b"a: " + b"x" * 2_000_000),
    "headers-many": http(b"\r\n".join(b"h%d: x" % number for number in range(3000))),
    "not-modified": http(b"", b"", b"304 Not Modified"),
    "error-cut": http(b"content-length: 50", status=b"500 Oops"),
    "nothing": Garbage(b""),
    "empty-line": Garbage(b"\r\n"),
    "tls": Garbage(b"\x15\x03\x01\x00\x02\x02\x46"),
}
# daprd reads the part that it can make sense of.
MISFRAMED: dict[str, tuple[AppAnswer, int]] = {
    "length-too-short": (http(b"content-length: 5"), 1),
    "length-zero": (http(b"content-length: 0"), 1),
    "no-content-with-body": (http(LENGTH, status=b"204 No Content"), 1),
    "chunk-size-bad": (http(CHUNKED, b"zz\r\n" + DROP + b"\r\n0\r\n\r\n"), 1),
    "chunked-and-length": (http(CHUNKED + b"\r\ncontent-length: 3", b"11\r\n" + DROP + b"\r\n0\r\n\r\n"), 2),
}
ENDLESS: dict[str, AppAnswer] = {
    "head": Garbage(b"HTTP/1.1 200 OK\r\n", NEVER),
    "body": http(LENGTH, DROP[:5], open=NEVER),
    "interim": Garbage(b"HTTP/1.1 100 Continue\r\n\r\n", NEVER),
}
ROWS = ("outcome: connection error", "outcome: HTTP 2xx")
BULK = {"enabled": True, "maxMessagesCount": 10, "maxAwaitDurationMs": 20}


def batch(name: str, answer: AppAnswer, delivered: int) -> Question:
    """As `outcome`, of a batch, without dead letters."""
    name = f"batch-raw-{name}"
    topic = subscribed(name, pubsub="retrying", bulkSubscribe=dict(BULK))
    return Question(
        name,
        ("bulk subscribe: answers",),
        (published(name, pubsub="retrying"),),
        (topic,),
        {f"/{name}": (answer,) * 5},
        deliveries=delivered,
    )


QUESTIONS = (
    *(outcome(f"raw-{name}", ROWS, answer, 1, 1, "retrying") for name, answer in DROPPED.items()),
    *(outcome(f"raw-{name}", ROWS, answer, 1, 0, "retrying") for name, answer in ACKNOWLEDGED.items()),
    *(outcome(f"raw-{name}", ROWS, answer, 3, 1, "retrying") for name, answer in REFUSED.items()),
    *(
        outcome(f"raw-{name}", ROWS, answer, 1, told - 1, "retrying")
        for name, (answer, told) in MISFRAMED.items()
    ),
    *(
        outcome(f"endless-{name}", ("resiliency: timeout",), answer, 3, 1, "patient")
        for name, answer in ENDLESS.items()
    ),
    *(
        batch(name, answer, 3)
        for name, answer in (DROPPED | ACKNOWLEDGED | REFUSED).items()
        if name != "not-found-cut"
    ),
    batch("not-found-cut", DROPPED["not-found-cut"], 1),
    outcome("answer-and-on", ROWS, http(LENGTH, open=NEVER), 1, 1, "patient"),
    Question(
        "closed-when-used-again",
        ("outcome: connection error",),
        tuple(published("closed-when-used-again", {"n": n}, pubsub="retrying") for n in range(3)),
        (subscribed("closed-when-used-again", pubsub="retrying"),),
        {"/closed-when-used-again": (responds(200), Close(), responds(200))},
        deliveries=4,
    ),
    Question(
        "closed-between",
        ("outcome: connection error",),
        tuple(after(0.2, published("closed-between", {"n": n})) for n in range(3)),
        (subscribed("closed-between"),),
        {"/closed-between": (responds(200, connection="close"),) * 3},
        deliveries=3,
    ),
)
