"""Which rule an event takes."""

from __future__ import annotations

from conformance.question import Question, ask, subscribed
from outboard.gojson.values import Json

__all__ = ["QUESTIONS"]

CLOUD_EVENT = "application/cloudevents+json"
EVENT: dict[str, Json] = {
    "specversion": "1.0",
    "id": "1",
    "source": "shop",
    "type": "order.created",
    "datacontenttype": "application/json",
    "subject": "orders/7",
    "tags": "a,b",
    "time": "2026-01-02T03:04:05Z",
    "data": {
        "total": 10,
        "ratio": 0.5,
        "name": "Ada",
        "list": [1, 2, 3],
        "nested": {"deep": True},
        "none": None,
        "empty": "",
        "words": ["a", "b"],
        "big": 12345678901,
    },
}

TRUE, FALSE, ERROR = "matched", "default", "neither"

EXPRESSIONS = {
    "type": ('event.type == "order.created"', TRUE),
    "type-single-quotes": ("event.type == 'order.created'", TRUE),
    "other-type": ('event.type == "order.deleted"', FALSE),
    "index": ('event["type"] == "order.created"', TRUE),
    "missing": ('event.missing == "x"', ERROR),
    "has-of-text": ("has(event.data.name.x)", FALSE),
    "has-of-number": ("has( event.data.total.x )", FALSE),
    "has-of-null": ("!has(event.data.none.x)", TRUE),
    "has-of-bool": ("has(event.data.nested.deep.x) || true", TRUE),
    "has-of-list": ("has(event.data.list.x)", ERROR),
    "has-of-missing": ("has(event.data.nothing.x)", ERROR),
    "has-of-null-member": ("has(event.data.none)", TRUE),
    "has-and": ("has(event.data.name.x) && event.data.name.x > 0.0", FALSE),
    "has-in-text": ("event.data.name != 'has(event.data.name.x)'", TRUE),
    "missing-data": ("event.data.missing > 1", ERROR),
    "has": ("has(event.data.total) && event.data.total > 5", TRUE),
    "has-not": ("has(event.data.missing) && event.data.missing > 5", FALSE),
    "has-top": ("has(event.missing)", FALSE),
    "has-deep": ("has(event.data.nested.deep)", TRUE),
    "in-map": ('"total" in event.data', TRUE),
    "in-list": ('event.data.name in ["Ada", "Bob"]', TRUE),
    "in-data-list": ("2 in event.data.list", TRUE),
    "in-data-list-double": ("2.0 in event.data.list", TRUE),
    "in-words": ('"b" in event.data.words', TRUE),
    "integer": ("event.data.total == 10", TRUE),
    "double": ("event.data.total == 10.0", TRUE),
    "greater": ("event.data.total > 9", TRUE),
    "greater-double": ("event.data.total > 9.5", TRUE),
    "less-or-equal": ("event.data.total <= 10", TRUE),
    "big": ("event.data.big > 12345678900", TRUE),
    "uint": ("event.data.total == 10u", TRUE),
    "plus": ("event.data.total + 1.0 == 11.0", TRUE),
    "plus-integer": ("event.data.total + 1 == 11", ERROR),
    "modulo": ("int(event.data.total) % 2 == 0", TRUE),
    "modulo-double": ("event.data.total % 2 == 0", ERROR),
    "divide": ("event.data.ratio / 0.0 > 1.0", TRUE),
    "negative": ("-event.data.total < 0", TRUE),
    "conversion": ("int(event.data.total) == 10", TRUE),
    "string-conversion": ('string(event.data.total) == "10"', TRUE),
    "string-to-int": ('int("7") == 7', TRUE),
    "double-conversion": ('double("1.5") > 1.0', TRUE),
    "bool-field": ("event.data.nested.deep", TRUE),
    "not": ("!event.data.nested.deep", FALSE),
    "number-result": ("event.data.total", ERROR),
    "string-result": ("event.type", ERROR),
    "null-result": ("event.data.none", ERROR),
    "null": ("event.data.none == null", TRUE),
    "null-compare": ("event.data.none > 1", ERROR),
    "and": ('event.type == "order.created" && event.source == "shop"', TRUE),
    "or": ('event.type == "x" || event.source == "shop"', TRUE),
    "or-error": ('event.missing == "x" || event.source == "shop"', TRUE),
    "or-error-after": ('event.source == "shop" || event.missing == "x"', TRUE),
    "and-error": ('event.missing == "x" && event.source == "none"', FALSE),
    "and-error-true": ('event.missing == "x" && event.source == "shop"', ERROR),
    "ternary": ("event.data.total > 5 ? true : false", TRUE),
    "starts-with": ('event.type.startsWith("order.")', TRUE),
    "ends-with": ('event.type.endsWith(".created")', TRUE),
    "contains": ('event.subject.contains("/")', TRUE),
    "matches": ('event.type.matches("^order\\\\.[a-z]+$")', TRUE),
    "matches-raw": ("event.type.matches(r'^order\\.\\w+$')", TRUE),
    "matches-function": ('matches(event.type, "created")', TRUE),
    "matches-bad": ('event.type.matches("(")', ERROR),
    "size": ("size(event.data.list) == 3", TRUE),
    "size-method": ("event.data.name.size() == 3", TRUE),
    "size-empty": ('event.data.empty == ""', TRUE),
    "exists": ("event.data.list.exists(x, x > 2.0)", TRUE),
    "exists-integer": ("event.data.list.exists(x, x > 2)", TRUE),
    "all": ("event.data.list.all(x, x > 0)", TRUE),
    "exists-one": ("event.data.list.exists_one(x, x == 2)", TRUE),
    "filter": ("size(event.data.list.filter(x, x > 1)) == 2", TRUE),
    "map": ("event.data.words.map(x, x + '!') == ['a!', 'b!']", TRUE),
    "list-index": ("event.data.list[0] == 1", TRUE),
    "list-index-out": ("event.data.list[9] == 1", ERROR),
    "concatenation": ('event.type + "x" == "order.createdx"', TRUE),
    "timestamp": ('timestamp(event.time) > timestamp("2025-01-01T00:00:00Z")', TRUE),
    "timestamp-year": ("timestamp(event.time).getFullYear() == 2026", TRUE),
    "duration": ('duration("1h") > duration("1m")', TRUE),
    "type-function": ("type(event.data.total) == double", TRUE),
    "type-string": ("type(event.type) == string", TRUE),
    "map-equal": ('event.data.nested == {"deep": true}', TRUE),
    "list-equal": ("event.data.list == [1.0, 2.0, 3.0]", TRUE),
    "list-equal-integers": ("event.data.list == [1, 2, 3]", TRUE),
    "compare-types": ("event.type == 5", FALSE),
    "compare-order-types": ("event.type > 5", ERROR),
    "topic": ('event.topic == "cel-topic"', TRUE),
    "pubsub": ('event.pubsubname == "ps"', TRUE),
    "trace": ('event.traceid == ""', TRUE),
    "constant": ("true", TRUE),
    "constant-false": ("false", FALSE),
    "comment": ("true // a comment", TRUE),
    "brackets": ('((event.type) == ("order.created"))', TRUE),
    "bytes": ('b"a" == b"a"', TRUE),
    "deep-missing": ("event.data.nested.more.deep", ERROR),
}


def _question(name: str, expression: str, outcome: str) -> Question:
    topic = f"cel-{name}"
    rules: list[Json] = [{"match": expression, "path": f"/{topic}/matched"}]
    routes: dict[str, Json] = {"rules": rules, "default": f"/{topic}/default"}
    return Question(
        topic,
        ("routing: CEL", "routing: evaluation error")
        if outcome == ERROR
        else ("routing: CEL", "routing: first rule"),
        (ask("POST", f"/v1.0/publish/ps/{topic}", EVENT, content_type=CLOUD_EVENT),),
        (
            {"pubsubname": "ps", "topic": topic, "routes": routes, "deadLetterTopic": f"{topic}-dead"},
            subscribed(f"{topic}-dead"),
        ),
        deliveries=1,
    )


def _routed(name: str, routes: Json, deliveries: int, **more: Json) -> Question:
    dead = f"{name}-dead"
    return Question(
        name,
        ("routing: no match", "programmatic: rules", "routing: first rule"),
        (ask("POST", f"/v1.0/publish/ps/{name}", EVENT, content_type=CLOUD_EVENT),),
        ({"pubsubname": "ps", "topic": name, "routes": routes, **more}, subscribed(dead)),
        deliveries=deliveries,
    )


QUESTIONS = (
    *(_question(name, expression, outcome) for name, (expression, outcome) in EXPRESSIONS.items()),
    _routed("no-match", {"rules": [{"match": "false", "path": "/no-match"}]}, 0),
    _routed(
        "no-match-dead",
        {"rules": [{"match": "false", "path": "/nmd"}]},
        1,
        deadLetterTopic="no-match-dead-dead",
    ),
    _routed(
        "first-wins",
        {
            "rules": [{"match": "true", "path": "/first-wins/1"}, {"match": "true", "path": "/first-wins/2"}],
            "default": "/first-wins/d",
        },
        1,
    ),
    _routed(
        "second-wins",
        {
            "rules": [
                {"match": "false", "path": "/second-wins/1"},
                {"match": "true", "path": "/second-wins/2"},
            ],
            "default": "/second-wins/d",
        },
        1,
    ),
    _routed(
        "empty-match", {"rules": [{"match": "", "path": "/empty-match/1"}], "default": "/empty-match/d"}, 1
    ),
    _routed(
        "blank-match", {"rules": [{"match": "  ", "path": "/blank-match/1"}], "default": "/blank-match/d"}, 1
    ),
    _routed(
        "error-first",
        {"rules": [{"match": "event.x", "path": "/ef/1"}, {"match": "true", "path": "/ef/2"}]},
        0,
    ),
    _routed("only-default", {"default": "/only-default"}, 1),
    _routed("default-and-route", {"default": "/default-and-route/d"}, 1, route="/default-and-route/r"),
    _routed("rules-and-route", {"rules": [{"match": "false", "path": "/rar/1"}]}, 1, route="/rar/r"),
    _routed("no-routes", {}, 0),
    _routed("null-routes", None, 1, route="/null-routes"),
)
