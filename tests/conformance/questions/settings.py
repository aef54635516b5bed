"""Groups with flags, files or an environment of their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from conformance.question import (
    Ask,
    Group,
    Question,
    Respond,
    after,
    answered,
    ask,
    once_health_is,
    responds,
    subscribed,
)
from conformance.questions import runtime
from conformance.questions.files import component, documents, resiliency, subscription_v1, subscription_v2
from conformance.questions.main import FILES
from outboard.wire.subscriptions import Json

__all__ = ["SETTINGS"]

JSON = "application/json"
PUBSUB = component("ps", "pubsub.in-memory")
STATE = component("mem", "state.in-memory")
DISCOVERY = ("/dapr/config", "/dapr/subscribe")


def published(topic: str, pubsub: str = "ps", **event: Json) -> Ask:
    return ask("POST", f"/v1.0/publish/{pubsub}/{topic}", {"a": 1, **event}, content_type=JSON)


METADATA = Group(
    "metadata",
    (
        runtime.FIRST,
        Question(
            "subscriptions-shown",
            ("metadata: subscriptions", "merging: unknown pubsub"),
            (ask("GET", "/v1.0/metadata"),),
            (
                subscribed("plain"),
                subscribed("unknown", pubsub="nowhere"),
                subscribed("forbidden", pubsub="silent"),
                subscribed(
                    "detailed",
                    metadata={"a": "b", "rawPayload": "true"},
                    deadLetterTopic="dead",
                    bulkSubscribe={"enabled": True},
                ),
                {
                    "pubsubname": "ps",
                    "topic": "ruled",
                    "routes": {
                        "rules": [{"match": "true", "path": "/r"}, {"match": "", "path": "/e"}],
                        "default": "/d",
                    },
                },
                {"pubsubname": "ps", "topic": "routeless"},
                {"PUBSUBNAME": "ps", "Topic": "cased", "ROUTE": "/cased"},
                subscribed("plain", "/plainer"),
                subscribed("last"),
            ),
        ),
    ),
    FILES,
)

DECLARED = documents(
    subscription_v1("first", "v1", "/v1"),
    subscription_v1("v1-dead", "v1-dropped", "/v1-dropped", deadLetterTopic="v1-dead"),
    subscription_v1("v1-deads", "v1-dead", "/v1-dead"),
    subscription_v1("raw", "v1-raw", "/v1-raw", metadata={"rawPayload": "true"}),
    subscription_v1(
        "batch",
        "v1-batch",
        "/v1-batch",
        bulkSubscribe={"enabled": True, "maxMessagesCount": 5, "maxAwaitDurationMs": 30},
    ),
    subscription_v2(
        "rules",
        "v2",
        {"rules": [{"match": "event.data.kind == 'x'", "path": "/v2/x"}], "default": "/v2/default"},
    ),
    subscription_v2(
        "no-default", "v2-rules", {"rules": [{"match": "event.data.kind == 'x'", "path": "/v2-rules/x"}]}
    ),
    subscription_v2("nothing", "v2-nothing", {}),
    subscription_v2(
        "scoped-in", "v2-scoped-in", {"default": "/v2-scoped-in"}, scopes=["other", "conformance"]
    ),
    subscription_v2("scoped-out", "v2-scoped-out", {"default": "/v2-scoped-out"}, scopes=["other"]),
    subscription_v1("twice-1", "declared-twice", "/declared-twice/first"),
    subscription_v1("twice-2", "declared-twice", "/declared-twice/second"),
    subscription_v1("same-name", "same-name-1", "/same-name-1"),
    subscription_v1("same-name", "same-name-2", "/same-name-2"),
    subscription_v1("both", "both", "/both/declared"),
    subscription_v1("elsewhere", "t", "/elsewhere", pubsub="nowhere"),
    "APIVERSION: dapr.io/v1alpha1\n"
    "KIND: Subscription\n"
    "Metadata: {Name: upper}\n"
    "SPEC: {PubsubName: ps, TOPIC: upper, Route: /upper}",
    "apiVersion: dapr.io/v1alpha1\n"
    "kind: Subscription\n"
    "metadata: {name: 123, namespace: another}\n"
    "spec: {pubsubname: ps, topic: 456, route: /456}",
    "apiVersion: dapr.io/v3\n"
    "kind: Subscription\n"
    "metadata: {name: later}\n"
    "spec: {pubsubname: ps, topic: later, route: /later}",
    "apiVersion: dapr.io/v1alpha1\n"
    "kind: Subscription\n"
    "metadata: {name: a/b}\n"
    "spec: {pubsubname: ps, topic: bad-name, route: /bad-name}",
    "just: something else",
)


def declared(
    name: str,
    row: str,
    requests: tuple[Ask, ...],
    deliveries: int,
    *paths: str,
    **answers: tuple[Respond, ...],
) -> Question:
    prepared = {f"/{path.replace('_', '-')}": each for path, each in answers.items()}
    return Question(f"declared-{name}", (row,), requests, (), prepared, paths, deliveries)


DECLARATIVE = Group(
    "declarative",
    (
        Question("declared-metadata", ("metadata: subscriptions",), (ask("GET", "/v1.0/metadata"),)),
        declared("v1", "declared: v1alpha1", (published("v1"),), 1, "/v1"),
        declared(
            "dead",
            "declared: deadLetterTopic",
            (published("v1-dropped"),),
            2,
            "/v1-dropped",
            "/v1-dead",
            v1_dropped=(answered("DROP"),),
        ),
        declared(
            "raw",
            "declared: metadata",
            (ask("POST", "/v1.0/publish/ps/v1-raw?metadata.rawPayload=true", "raw"),),
            1,
            "/v1-raw",
        ),
        declared("batch", "declared: bulkSubscribe", (published("v1-batch"),), 1, "/v1-batch"),
        declared(
            "rules",
            "declared: v2alpha1",
            (published("v2", kind="x"), published("v2", kind="y")),
            2,
            "/v2/x",
            "/v2/default",
        ),
        declared(
            "rule-errors",
            "declared: v2alpha1",
            (published("v2"), published("v2-rules", kind="x"), published("v2-rules", kind="y")),
            1,
            "/v2-rules/x",
        ),
        declared("nothing", "declared: no rules", (published("v2-nothing"),), 0, "/", "/v2-nothing"),
        declared(
            "scoped",
            "files: scopes",
            (published("v2-scoped-in"), published("v2-scoped-out")),
            1,
            "/v2-scoped-in",
            "/v2-scoped-out",
        ),
        declared(
            "twice",
            "merging: declarative first wins",
            (published("declared-twice"),),
            1,
            "/declared-twice/first",
            "/declared-twice/second",
        ),
        declared(
            "same-name",
            "files: same name",
            (published("same-name-1"), published("same-name-2")),
            1,
            "/same-name-1",
            "/same-name-2",
        ),
        declared("upper", "files: case of keys", (published("upper"),), 1, "/upper"),
        declared("numbers", "files: scalars", (published("456"),), 1, "/456"),
        declared(
            "skipped",
            "files: other documents",
            (published("later"), published("bad-name")),
            0,
            "/later",
            "/bad-name",
        ),
        Question(
            "declared-and-programmatic",
            ("merging: programmatic replaces",),
            (published("both"),),
            (subscribed("both", "/both/programmatic"),),
            paths=("/both/declared",),
            deliveries=1,
        ),
    ),
    {
        "components.yaml": PUBSUB,
        "subscriptions.yaml": DECLARED,
        "ignored.txt": "x",
        "also.yml": subscription_v1("yml", "yml", "/yml"),
    },
)


def discovered(name: str, answer: Respond, deliveries: int, *asks: Ask) -> Group:
    """What the answer at `/dapr/subscribe` does to it and to a subscription in a file."""
    question = Question(
        f"discovery-{name}",
        ("programmatic: answers", "discovery: discovery"),
        (*asks, published("told"), published("filed"), ask("GET", "/v1.0/metadata")),
        paths=(*DISCOVERY, "/told", "/filed", "/default", "/"),
        deliveries=deliveries,
    )
    files = {"components.yaml": PUBSUB, "subscription.yaml": subscription_v1("filed", "filed", "/filed")}
    return Group(f"discovery-{name}", (question,), files, subscribe=answer)


TOLD: dict[str, Json] = {"pubsubname": "ps", "topic": "told", "route": "/told"}
BAD_RULE: dict[str, Json] = {
    "pubsubname": "ps",
    "topic": "told",
    "routes": {"rules": [{"match": "event.type ==", "path": "/told"}]},
}
BAD_TYPES: dict[str, Json] = {
    "pubsubname": "ps",
    "topic": "told",
    "routes": {"rules": [{"match": "1 == 'x'", "path": "/told"}]},
}

DISCOVERIES = (
    discovered("told", responds(200, [TOLD]), 4),
    discovered("not-found", responds(404), 3),
    discovered("error", responds(500, [TOLD]), 3),
    discovered("no-content", responds(204), 3),
    discovered("created", responds(201, [TOLD]), 3),
    discovered("empty", responds(200), 3),
    discovered("null", responds(200, b"null"), 3),
    discovered("no-json", responds(200, b"hello"), 2),
    discovered("object", responds(200, TOLD), 2),
    discovered("wrong-types", responds(200, [{**TOLD, "topic": 5}]), 2),
    discovered("metadata-types", responds(200, [{**TOLD, "metadata": {"a": 5}}]), 2),
    discovered("trailing", responds(200, b'[{"pubsubname":"ps","topic":"told","route":"/told"}] x'), 4),
    discovered("bad-rule", responds(200, [BAD_RULE]), 2),
    discovered("bad-types", responds(200, [BAD_TYPES]), 2),
    discovered("one-bad", responds(200, [TOLD, {**BAD_RULE, "topic": "other"}]), 2),
)

TOKENS = Group(
    "tokens",
    (
        Question(
            "api-token",
            ("http: API token", "tokens: DAPR_API_TOKEN"),
            (
                ask("GET", "/v1.0/metadata"),
                ask("GET", "/v1.0/metadata", dapr_api_token="wrong"),
                ask("GET", "/v1.0/state/mem/k", dapr_api_token="sesame"),
                ask("GET", "/v1.0/state/mem/k", dapr_api_token=""),
                ask("GET", "/v1.0/state/mem/k", Dapr_Api_Token="sesame"),
                ask("GET", "/v1.0/state/mem/k", authorization="Bearer sesame"),
                ask("GET", "/v1.0/state/mem/k?dapr-api-token=sesame"),
                ask("GET", "/v1.0/healthz"),
                ask("GET", "/v1.0/healthz/outbound"),
                ask("GET", "/v1.0/unknown"),
                ask("POST", "/v1.0/healthz"),
                ask("POST", "/v1.0/shutdown"),
                ask("POST", "/v1.0/publish/ps/%zz", {}),
                ask(
                    "GET",
                    "/v1.0/metadata",
                    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                ),
            ),
        ),
        Question(
            "app-token",
            ("delivery: dapr-api-token", "tokens: APP_API_TOKEN"),
            (
                ask(
                    "POST",
                    "/v1.0/publish/ps/with-token",
                    {"a": 1},
                    dapr_api_token="sesame",
                    content_type=JSON,
                ),
            ),
            (subscribed("with-token"),),
            paths=DISCOVERY,
            deliveries=3,
        ),
    ),
    {"components.yaml": documents(PUBSUB, STATE)},
    environment={"DAPR_API_TOKEN": "sesame", "APP_API_TOKEN": "open"},
)

NO_APP = Group(
    "no-app",
    (
        Question(
            "no-app",
            ("discovery: no app port", "metadata: fields"),
            (
                ask("GET", "/v1.0/metadata"),
                published("t"),
                ask("GET", "/v1.0/healthz"),
                ask("POST", "/v1.0/invoke/conformance/method/x", {}),
            ),
        ),
    ),
    {
        "components.yaml": documents(PUBSUB, STATE),
        "subscription.yaml": subscription_v1("filed", "filed", "/filed"),
    },
    app=False,
)

EMPTY = Group(
    "empty",
    (
        Question(
            "nothing-loaded",
            ("state errors: no state store", "secrets: no stores", "publish errors: component missing"),
            (
                published("t"),
                ask("POST", "/v1.0/publish/bulk/ps/t", []),
                ask("GET", "/v1.0/state/mem/k"),
                ask("POST", "/v1.0/state/mem", []),
                ask("DELETE", "/v1.0/state/mem/k"),
                ask("POST", "/v1.0/state/mem/bulk", {}),
                ask("POST", "/v1.0/state/mem/transaction", {}),
                ask("POST", "/v1.0-alpha1/state/mem/query", {}),
                ask("GET", "/v1.0/secrets/file/x"),
                ask("GET", "/v1.0/secrets/file/bulk"),
                ask("GET", "/v1.0/metadata"),
                ask("GET", "/v1.0/healthz"),
                ask("POST", "/v1.0/state/mem", b"x"),
            ),
            paths=DISCOVERY,
            deliveries=1,
        ),
    ),
)

LIMITS = Group(
    "limits",
    (
        Question(
            "small-bodies",
            ("flags: max-body-size", "http: oversize"),
            (
                *(
                    ask("POST", "/v1.0/publish/ps/small", b"x" * size, content_type="text/plain")
                    for size in (1024, 1025, 1026, 2048)
                ),
                *(
                    ask("POST", "/v1.0/state/mem", b'[{"key":"k","value":"%s"}]' % (b"x" * size))
                    for size in (990, 1024, 2000)
                ),
                ask("GET", "/v1.0/state/mem/k"),
                ask(
                    "POST",
                    "/v1.0/publish/bulk/ps/small",
                    [{"entryId": "1", "event": "x" * 2000, "contentType": "text/plain"}],
                ),
                ask("PUT", "/v1.0/metadata/k", b"x" * 2000),
            ),
        ),
        Question(
            "large-answer",
            ("flags: max-body-size",),
            (published("large-answer"), published("larger-answer")),
            (
                subscribed("large-answer", deadLetterTopic="la-dead"),
                subscribed("larger-answer"),
                subscribed("la-dead"),
            ),
            {
                "/large-answer": (responds(200, b'{"status":"DROP","x":"' + b"x" * 500_000 + b'"}'),),
                "/larger-answer": (responds(500, b"x" * 5000),),
            },
            deliveries=3,
            unordered=True,
        ),
    ),
    {"components.yaml": documents(PUBSUB, STATE)},
    ("--max-body-size=1Ki",),
)

DEFAULT_POLICIES = Group(
    "default-policies",
    (
        Question(
            "default-policy",
            ("resiliency: defaults",),
            (published("dp"),),
            (subscribed("dp"),),
            {"/dp": (responds(500),) * 5},
            deliveries=3,
        ),
        Question(
            "target-over-default",
            ("resiliency: defaults",),
            (published("td", "own"),),
            (subscribed("td", pubsub="own"),),
            {"/td": (responds(500),) * 5},
            deliveries=2,
        ),
        Question("metadata-of-resiliency", ("metadata: fields",), (ask("GET", "/v1.0/metadata"),)),
    ),
    {
        "components.yaml": documents(PUBSUB, component("own", "pubsub.in-memory")),
        "resiliency.yaml": resiliency(
            "defaults",
            {
                "retries": {
                    "DefaultPubsubComponentInboundRetryPolicy": {
                        "policy": "constant",
                        "duration": "10ms",
                        "maxRetries": 2,
                    },
                    "DefaultComponentInboundRetryPolicy": {
                        "policy": "constant",
                        "duration": "10ms",
                        "maxRetries": 5,
                    },
                    "once": {"policy": "constant", "duration": 10, "maxRetries": 1},
                }
            },
            {"own": {"inbound": {"retry": "once"}}},
        ),
    },
)

HEALTH_CHECKED = Group(
    "app-health",
    (
        Question(
            "well",
            ("app health: health checks", "metadata: fields"),
            (after(2.5, ask("GET", "/v1.0/metadata")), published("well")),
            (subscribed("well"),),
            deliveries=1,
        ),
    ),
    {"components.yaml": PUBSUB},
    (
        "--enable-app-health-check",
        "--app-health-check-path=/well-being",
        "--app-health-probe-interval=1",
        "--app-health-threshold=2",
    ),
)

NO_INIT = Group(
    "no-init-endpoints",
    (
        Question(
            "init-endpoints",
            ("discovery: disable-init-endpoints",),
            (published("skipped"),),
            (subscribed("skipped"),),
            paths=DISCOVERY,
            deliveries=0,
        ),
    ),
    {"components.yaml": PUBSUB},
    ("--disable-init-endpoints=config,subscribe",),
)


def configured(name: str, spec: str, rows: tuple[str, ...], *asks: Ask) -> Group:
    """A sidecar with a Configuration file."""
    text = f"apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {{name: settings}}\nspec: {spec}\n"
    files: Mapping[str, str] = {**FILES, "../settings.yaml": text}
    return Group(name, (Question(name, rows, asks),), files, ("--config={folder}/settings.yaml",), app=False)


CONFIGURED = (
    configured(
        "api-allowed",
        "{api: {allowed: [{name: state, version: v1.0, protocol: http}, {"
        "name: metadata, version: v1.0, protocol: http}]}}",
        ("http: allow and deny lists",),
        ask("GET", "/v1.0/state/mem/k"),
        published("t"),
        ask("GET", "/v1.0/metadata"),
        ask("GET", "/v1.0/healthz"),
        ask("GET", "/v1.0/secrets/file/plain"),
        ask("POST", "/v1.0-alpha1/state/mem/query", {}),
        ask("GET", "/v1.0/healthz/outbound"),
        ask("POST", "/v1.0/shutdown"),
        ask("PUT", "/v1.0/metadata/a", "b"),
    ),
    configured(
        "api-denied",
        "{api: {denied: [{name: publish, version: v1.0, protocol: http}, {"
        "name: state, version: v1.0, protocol: grpc}]}}",
        ("http: allow and deny lists",),
        published("t"),
        ask("POST", "/v1.0/publish/bulk/ps/t", []),
        ask("POST", "/v1.0-alpha1/publish/bulk/ps/t", []),
        ask("GET", "/v1.0/state/mem/k"),
        ask("GET", "/v1.0/healthz"),
    ),
    configured(
        "secret-scopes",
        "{secrets: {scopes: [{storeName: file, defaultAccess: deny, allowedSecrets: [plain, nested:deep]}, "
        "{storeName: dotted, deniedSecrets: [plain]}]}}",
        ("secrets: scoping",),
        *(
            ask("GET", f"/v1.0/secrets/{store}/{name}")
            for store in ("file", "dotted", "multi")
            for name in ("plain", "html", "missing", "bulk")
            if (store, name) not in {("dotted", "bulk"), ("multi", "bulk")}
        ),
    ),
    configured(
        "component-deny",
        "{components: {deny: [state.in-memory, pubsub.in-memory/v2]}}",
        ("component: deny",),
        ask("GET", "/v1.0/state/mem/k"),
        ask("GET", "/v1.0/state/lite/k"),
        published("t"),
        ask("GET", "/v1.0/metadata"),
    ),
    configured(
        "no-tracing",
        '{tracing: {samplingRate: "0"}}',
        ("http: tracing",),
        ask("GET", "/v1.0/state/mem/k"),
        ask(
            "GET", "/v1.0/state/mem/k", traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        ),
        published("t"),
    ),
)

OUTBOX = Group(
    "outbox",
    (
        Question(
            "outbox-upsert",
            ("outbox: published after the transaction",),
            (
                ask(
                    "POST",
                    "/v1.0/state/boxed/transaction",
                    {
                        "operations": [
                            {"operation": "upsert", "request": {"key": "a", "value": {"n": 1}}},
                            {"operation": "delete", "request": {"key": "d"}},
                        ]
                    },
                ),
                ask("GET", "/v1.0/state/boxed/a"),
                ask("POST", "/v1.0/state/boxed", [{"key": "e", "value": 1}]),
                ask("DELETE", "/v1.0/state/boxed/e"),
            ),
            (subscribed("boxed-events"),),
            deliveries=1,
        ),
        Question(
            "outbox-json",
            ("outbox: data as JSON by contentType",),
            (
                ask(
                    "POST",
                    "/v1.0/state/boxed-json/transaction",
                    {
                        "operations": [
                            {
                                "operation": "upsert",
                                "request": {
                                    "key": "c",
                                    "value": {"n": 3},
                                    "metadata": {"contentType": "application/json", "custom": "x"},
                                },
                            },
                        ]
                    },
                    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                ),
            ),
            (subscribed("boxed-json-events"),),
            deliveries=1,
        ),
        Question(
            "outbox-projection",
            ("outbox: projection",),
            (
                ask(
                    "POST",
                    "/v1.0/state/boxed-too/transaction",
                    {
                        "operations": [
                            {"operation": "upsert", "request": {"key": "a", "value": 1}},
                            {
                                "operation": "upsert",
                                "request": {
                                    "key": "a",
                                    "value": 2,
                                    "metadata": {"outbox.projection": "true"},
                                },
                            },
                        ]
                    },
                ),
                ask("GET", "/v1.0/state/boxed-too/a"),
            ),
            (subscribed("boxed-too-events"),),
            deliveries=1,
        ),
        Question(
            "outbox-etag",
            ("outbox: nothing of a failed transaction",),
            (
                ask(
                    "POST",
                    "/v1.0/state/boxed-failing/transaction",
                    {
                        "operations": [
                            {"operation": "upsert", "request": {"key": "z", "value": 1, "etag": "no"}}
                        ]
                    },
                ),
            ),
            (subscribed("boxed-failing-events"),),
        ),
    ),
    {
        "components.yaml": documents(
            PUBSUB,
            *(
                component(
                    name, "state.in-memory", outboxPublishPubsub="ps", outboxPublishTopic=f"{name}-events"
                )
                for name in ("boxed", "boxed-json", "boxed-too", "boxed-failing")
            ),
        )
    },
)

ENCRYPTED = Group(
    "encrypted",
    (
        Question(
            "encryption",
            ("state: encryption at rest",),
            (
                ask(
                    "POST",
                    "/v1.0/state/sealed",
                    [{"key": "a", "value": "v"}, {"key": "n", "value": 5}, {"key": "o", "value": {"x": 1}}],
                ),
                *(ask("GET", f"/v1.0/state/sealed/{key}") for key in ("a", "n", "o", "missing")),
                ask(
                    "POST",
                    "/v1.0/state/sealed/transaction",
                    {"operations": [{"operation": "upsert", "request": {"key": "t", "value": "w"}}]},
                ),
                ask("GET", "/v1.0/state/sealed/t"),
                ask("POST", "/v1.0-alpha1/state/sealed/query", {}),
            ),
        ),
        Question(
            "encryption-bulk",
            ("state: value that is no JSON in a bulk get",),
            (
                ask("POST", "/v1.0/state/sealed", [{"key": "b", "value": "v"}]),
                ask("POST", "/v1.0/state/sealed/bulk", {"keys": ["b"]}),
            ),
        ),
    ),
    {
        "components.yaml": documents(
            component("env", "secretstores.local.env"),
            "apiVersion: dapr.io/v1alpha1\n"
            "kind: Component\n"
            "metadata: {name: sealed}\n"
            "auth: {secretStore: env}\n"
            "spec: {type: state.sqlite, version: v1, "
            'metadata: [{name: connectionString, value: "{folder}/x.db"}, {'
            "name: primaryEncryptionKey, secretKeyRef: {name: SEAL, key: SEAL}}]}",
        )
    },
    environment={"SEAL": "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"},
    app=False,
)

ORIGINS = Group(
    "origins",
    (
        Question(
            "cors",
            ("http: allowed origins",),
            (
                ask("GET", "/v1.0/metadata", origin="http://one.test"),
                ask("GET", "/v1.0/metadata", origin="http://three.test"),
                ask("GET", "/v1.0/metadata"),
                ask(
                    "OPTIONS",
                    "/v1.0/state/mem",
                    origin="http://one.test",
                    access_control_request_method="POST",
                ),
                ask(
                    "OPTIONS",
                    "/v1.0/state/mem",
                    origin="http://three.test",
                    access_control_request_method="POST",
                ),
                ask(
                    "OPTIONS",
                    "/v1.0/state/mem",
                    origin="http://two.test",
                    access_control_request_method="TRACE",
                ),
                ask("OPTIONS", "/v1.0/state/mem"),
            ),
        ),
        Question(
            "public-port",
            ("flags: public port",),
            tuple(
                replace(each, public=True)
                for each in (
                    ask("GET", "/v1.0/metadata"),
                    ask("GET", "/v1.0/healthz"),
                    ask("GET", "/v1.0/healthz/outbound"),
                    ask("GET", "/v1.0/state/mem/k"),
                    ask("PUT", "/v1.0/metadata/a", "b"),
                    ask("POST", "/v1.0/healthz"),
                    ask("GET", "/"),
                    ask("POST", "/v1.0/metadata"),
                )
            ),
        ),
    ),
    {"components.yaml": documents(PUBSUB, STATE)},
    ("--allowed-origins=http://one.test,http://two.test",),
    environment={"DAPR_API_TOKEN": ""},
)

ALL_ORIGINS = Group(
    "all-origins",
    (
        Question(
            "cors-all",
            ("http: allowed origins",),
            (
                ask("GET", "/v1.0/metadata", origin="http://x.test"),
                ask(
                    "OPTIONS",
                    "/v1.0/state/mem",
                    origin="http://x.test",
                    access_control_request_method="PUT",
                    access_control_request_headers="a, b",
                ),
            ),
        ),
    ),
    flags=("--allowed-origins=*",),
)

UNWELL = Group(
    "unwell",
    (
        Question(
            "pauses-and-resumes",
            ("app health: paused while unwell",),
            (
                once_health_is(200, published("unwell")),
                once_health_is(500, ask("GET", "/v1.0/metadata")),
                published("unwell", n=2),
                once_health_is(200, ask("GET", "/v1.0/healthz")),
                published("unwell", n=3),
            ),
            (subscribed("unwell"),),
            deliveries=2,
        ),
    ),
    {"components.yaml": PUBSUB},
    (
        "--enable-app-health-check",
        "--app-health-probe-interval=1",
        "--app-health-threshold=1",
        "--app-health-probe-timeout=900",
    ),
)

SETTINGS = (
    METADATA,
    OUTBOX,
    ENCRYPTED,
    ORIGINS,
    ALL_ORIGINS,
    UNWELL,
    DECLARATIVE,
    *DISCOVERIES,
    TOKENS,
    NO_APP,
    EMPTY,
    LIMITS,
    DEFAULT_POLICIES,
    HEALTH_CHECKED,
    NO_INIT,
    *CONFIGURED,
)
