"""What both sidecars are asked over gRPC."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from dapr.proto.common.v1.common_pb2 import Etag, StateItem, StateOptions
from dapr.proto.runtime.v1.ai_pb2 import ConversationRequest
from dapr.proto.runtime.v1.binding_pb2 import InvokeBindingRequest
from dapr.proto.runtime.v1.configuration_pb2 import UnsubscribeConfigurationRequest
from dapr.proto.runtime.v1.crypto_pb2 import EncryptRequest, EncryptRequestOptions
from dapr.proto.runtime.v1.jobs_pb2 import GetJobRequest, Job, ScheduleJobRequest
from dapr.proto.runtime.v1.lock_pb2 import TryLockRequest
from dapr.proto.runtime.v1.metadata_pb2 import SetMetadataRequest
from dapr.proto.runtime.v1.pubsub_pb2 import (
    BulkPublishRequest,
    BulkPublishRequestEntry,
    PublishEventRequest,
)
from dapr.proto.runtime.v1.secret_pb2 import GetBulkSecretRequest, GetSecretRequest
from dapr.proto.runtime.v1.state_pb2 import (
    DeleteBulkStateRequest,
    DeleteStateRequest,
    ExecuteStateTransactionRequest,
    GetBulkStateRequest,
    GetStateRequest,
    QueryStateRequest,
    SaveStateRequest,
    TransactionalStateOperation,
)

from conformance.grpc_asking import METHODS, Calling, calling
from conformance.question import Group, Question, subscribed
from conformance.questions.files import component, documents

__all__ = ["BARE", "CASES", "CONFIGURED", "MAIN", "TOKEN", "Case"]

CLOUD_EVENT: Final = "application/cloudevents+json"
JSON: Final = "application/json"
TRACE: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
STORES: Final = ("mem", "lite")
LIMIT: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Case:
    """Calls made one after the other, and how many events the app gets at `paths` then."""

    name: str
    calls: tuple[Calling, ...]
    paths: tuple[str, ...] = ()
    deliveries: int = 0


def case(name: str, *calls: Calling) -> Case:
    return Case(name, calls)


# Publishing


def publish(
    pubsub: str, topic: str, data: bytes = b"", kind: str = "", *, traceparent: str = "", **more: str
) -> Calling:
    request = PublishEventRequest(
        pubsub_name=pubsub, topic=topic, data=data, data_content_type=kind, metadata=more
    )
    return calling("PublishEvent", request, **({"traceparent": traceparent} if traceparent else {}))


def bulk(name: str, pubsub: str, topic: str, *entries: BulkPublishRequestEntry, **more: str) -> Calling:
    request = BulkPublishRequest(pubsub_name=pubsub, topic=topic, entries=entries, metadata=more)
    return calling(name, request)


def entry(id: str, event: bytes = b"x", kind: str = "text/plain", **more: str) -> BulkPublishRequestEntry:
    return BulkPublishRequestEntry(entry_id=id, event=event, content_type=kind, metadata=more)


PUBLISHED: Final = {
    "text": publish("ps", "text", b"hello", "text/plain"),
    "json": publish("ps", "json", b'{"b": 1, "a": "<"}', "application/json"),
    "no-json": publish("ps", "no-json", b"{bad", "application/json"),
    "bytes": publish("ps", "bytes", b"\xff\x00", "application/octet-stream"),
    "untyped": publish("ps", "untyped", b"plain"),
    "overridden": publish("ps", "overridden", b"x", "text/plain", **{"cloudevent.type": "t"}),
    "ttl": publish("ps", "ttl", b"x", "text/plain", ttlInSeconds="100"),
    "event": publish(
        "ps", "event", b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":1}', CLOUD_EVENT
    ),
    "traced": publish("ps", "traced", b"x", "text/plain", traceparent=TRACE),
    "raw-traced": publish(
        "ps", "raw-traced", b'{"a":1}', "application/json", traceparent=TRACE, rawPayload="true"
    ),
    "raw": publish("ps", "raw", b'{"a":1}', "application/json", rawPayload="true"),
}
BULK_METHODS: Final = ("BulkPublishEvent", "BulkPublishEventAlpha1")


def published() -> Iterator[Case]:
    for name, call in PUBLISHED.items():
        yield Case(f"publish-{name}", (call,), (f"/{name}",), 1)
    entries = (entry("1"), entry("2", b"{}", "odd/kind"), entry("3", b"{}", "application/json", **{"a": "b"}))
    for name in BULK_METHODS:
        yield Case(name, (bulk(name, "ps", name, *entries),), (f"/{name}",), 3)


def refused() -> Iterator[Case]:
    yield case("publish-no-pubsub", publish("", "t"), publish("", ""))
    yield case("publish-no-topic", publish("ps", ""))
    yield case("publish-no-names", publish("", "t", a="b"), publish("ps", "", a="b"))
    yield case("publish-unknown", publish("nope", "t", a="b"), publish("nope", ""))
    yield case("publish-raw-no-boolean", publish("ps", "t", rawPayload="x"))
    yield case("publish-no-event", publish("ps", "t", b"[", CLOUD_EVENT))
    yield case("publish-forbidden", publish("scoped", "b", a="b"))
    yield case("publish-too-large", publish("ps", "t", b"x" * (LIMIT + 10)))
    yield case("publish-large", publish("ps", "nobody", b"x" * (LIMIT - 40)))
    for name in BULK_METHODS:
        yield case(f"{name}-twice", bulk(name, "ps", "t", entry("1"), entry("1")))
        yield case(f"{name}-no-id", bulk(name, "ps", "t", entry("")))
        yield case(f"{name}-none", bulk(name, "ps", "t"))
        yield case(f"{name}-names", bulk(name, "", "t"), bulk(name, "ps", ""), bulk(name, "nope", "t"))
        yield case(f"{name}-forbidden", bulk(name, "scoped", "b", entry("1")), bulk(name, "scoped", "b"))
        yield case(f"{name}-in-turn", bulk(name, "ps", "t", entry("1", b"[", CLOUD_EVENT), entry("1")))
        yield case(f"{name}-no-event", bulk(name, "ps", "t", entry("1", b"[", CLOUD_EVENT)))
        yield case(
            f"{name}-raw",
            bulk(name, "ps", "t", entry("1"), rawPayload="x"),
            bulk(name, "ps", "t", entry("1", b"[", CLOUD_EVENT), rawPayload="true"),
        )


# State


def item(
    key: str, value: bytes = b"", etag: str | None = None, options: StateOptions | None = None, **more: str
) -> StateItem:
    tag = None if etag is None else Etag(value=etag)
    return StateItem(key=key, value=value, etag=tag, options=options, metadata=more)


def save(store: str, *items: StateItem) -> Calling:
    return calling("SaveState", SaveStateRequest(store_name=store, states=items))


def get(store: str, key: str) -> Calling:
    return calling("GetState", GetStateRequest(store_name=store, key=key))


def get_many(store: str, *keys: str) -> Calling:
    return calling("GetBulkState", GetBulkStateRequest(store_name=store, keys=keys))


def delete(store: str, key: str, etag: str | None = None, options: StateOptions | None = None) -> Calling:
    tag = None if etag is None else Etag(value=etag)
    return calling("DeleteState", DeleteStateRequest(store_name=store, key=key, etag=tag, options=options))


def delete_many(store: str, *items: StateItem) -> Calling:
    return calling("DeleteBulkState", DeleteBulkStateRequest(store_name=store, states=items))


def transact(store: str, *operations: tuple[str, StateItem | None], **more: str) -> Calling:
    listed = [TransactionalStateOperation(operationType=kind, request=each) for kind, each in operations]
    request = ExecuteStateTransactionRequest(storeName=store, operations=listed, metadata=more)
    return calling("ExecuteStateTransaction", request)


def query(store: str, text: str) -> Calling:
    return calling("QueryStateAlpha1", QueryStateRequest(store_name=store, query=text))


def stated(s: str) -> Iterator[Case]:
    first = StateOptions(
        concurrency=StateOptions.CONCURRENCY_FIRST_WRITE, consistency=StateOptions.CONSISTENCY_STRONG
    )
    last = StateOptions(
        concurrency=StateOptions.CONCURRENCY_LAST_WRITE, consistency=StateOptions.CONSISTENCY_EVENTUAL
    )
    yield case(f"{s}-bytes", save(s, item("a", b"\xff raw")), get(s, "a"))
    yield case(f"{s}-json", save(s, item("b", b'{ "b":1, "a":"<" }', contentType=JSON)), get(s, "b"))
    yield case(
        f"{s}-no-json",
        save(s, item("c", b"{ bad", contentType=JSON)),
        save(s, item("c", b"", contentType=JSON)),
        get(s, "c"),
    )
    yield case(f"{s}-no-json-nowhere", save(s, item("a||b", b"{ bad", contentType=JSON)))
    yield case(f"{s}-no-life-no-etag", save(s, item("none", b"1", "9", ttlInSeconds="x")))
    yield case(f"{s}-unlike", save(s, item("none", b"1", "9"), item("q", b"1", ttlInSeconds="x")))
    yield case(
        f"{s}-other-json", save(s, item("d", b"{ bad", contentType="application/json; a=b")), get(s, "d")
    )
    yield case(f"{s}-empty", save(s, item("e")), get(s, "e"), save(s))
    yield case(
        f"{s}-etags",
        save(s, item("f", b"1", "9")),
        save(s, item("f", b"1", "")),
        get(s, "f"),
        save(s, item("f", b"2", "9")),
        delete(s, "f", "9"),
        delete(s, "f"),
        delete(s, "f"),
    )
    yield case(
        f"{s}-options",
        save(s, item("g", b"1", None, first)),
        save(s, item("g", b"2", None, first)),
        save(s, item("g", b"3", None, last)),
        get(s, "g"),
        delete(s, "g", None, first),
    )
    yield case(
        f"{s}-ttl",
        save(s, item("h", b"1", ttlInSeconds="100")),
        get(s, "h"),
        get_many(s, "h"),
        save(s, item("h", b"1", ttlInSeconds="x")),
    )
    yield case(
        f"{s}-several",
        save(s, item("i", b"1"), item("j", b"2")),
        get_many(s, "i", "none", "j", "i"),
        save(s, item("i", b"1", "9"), item("j", b"2", "9")),
        save(s, item("i", b"1", "9"), item("j", b"3")),
        get_many(s),
        get_many(s, "i", ""),
        get_many(s, "i", "a||b"),
    )
    yield case(
        f"{s}-delete-many",
        save(s, item("k", b"1"), item("l", b"2")),
        delete_many(s, item("k", b"", "9")),
        delete_many(s, item("k", b"", "9"), item("l", b"", "9")),
        delete_many(s, item("k"), item("l")),
        get_many(s, "k", "l"),
        delete_many(s),
        delete_many(s, item("")),
        delete_many(s, item("a||b")),
    )
    yield case(
        f"{s}-keys",
        save(s, item("", b"1")),
        save(s, item("a||b", b"1")),
        get(s, "a||b"),
        get(s, ""),
        get(s, "none"),
        delete(s, "a||b"),
        delete(s, ""),
    )
    yield case(
        f"{s}-transaction",
        transact(s, ("upsert", item("m", b"v", ttlInSeconds="50")), ("delete", item("n"))),
        get(s, "m"),
        transact(s, ("upsert", item("m", b"{ }", contentType=JSON))),
        get(s, "m"),
        transact(s, ("upsert", item("m", b"v", "9"))),
        transact(s),
        get(s, "m"),
    )
    yield case(
        f"{s}-transaction-wrong",
        transact(s, ("odd", item("o"))),
        transact(s, ("upsert", item("a||b"))),
        transact(s, ("upsert", item("o")), ("odd", item("o"))),
        transact(s, ("odd", item("a||b"))),
        transact(s, ("upsert", item("none", b"1", "9", ttlInSeconds="x"))),
        get(s, "o"),
        transact(s, ("upsert", item("o", b"1", ttlInSeconds="x"))),
    )
    yield case(
        f"{s}-transaction-metadata", transact(s, ("upsert", item("p", b"1")), ttlInSeconds="50"), get(s, "p")
    )
    yield case(f"{s}-query", query(s, "{}"), query(s, "{bad"))


def boxed() -> Iterator[Case]:
    """A store whose outbox may not be published to."""
    yield case("outbox-forbidden", transact("boxed", ("upsert", item("k", b"1"))), get("boxed", "k"))
    yield case("outbox-nothing-to-publish", transact("boxed", ("delete", item("k"))))


def storeless(store: str) -> Iterator[Case]:
    calls = (
        save(store),
        get(store, "k"),
        get_many(store, "k"),
        delete(store, "k"),
        delete_many(store),
        transact(store),
        query(store, "{}"),
    )
    yield case(f"state-without-{store or 'name'}", *calls)


# Secrets, metadata and the rest


def secret(store: str, key: str) -> Calling:
    return calling("GetSecret", GetSecretRequest(store_name=store, key=key))


def secrets(store: str) -> Calling:
    return calling("GetBulkSecret", GetBulkSecretRequest(store_name=store))


def told() -> Iterator[Case]:
    yield case(
        "secrets",
        secret("sec", "one"),
        secret("sec", "none"),
        secret("sec", "nested:a"),
        secret("nope", "k"),
        secret("", ""),
        secrets("sec"),
        secrets("nope"),
    )
    yield case(
        "metadata",
        calling("SetMetadata", SetMetadataRequest(key="a", value="b")),
        calling("SetMetadata", SetMetadataRequest(value="b")),
        calling("GetMetadata"),
    )


"""What daprd serves without anything configured, and this sidecar does not."""
UNHEARD: Final = frozenset({"SubscribeActorEventsAlpha1", "SetBinaryFileAlpha1"})
"""Streams that daprd answers before it has heard them: to some clients an error of the transport."""
ASKED_BEFORE: Final = frozenset({"GetMetadata", "SetMetadata", "Shutdown"})


REFLECTION: Final = tuple(
    f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo" for version in ("v1", "v1alpha")
)


def unserved() -> Iterator[Case]:
    for name in sorted(METHODS):
        if name not in UNHEARD | ASKED_BEFORE:
            yield case(f"empty-{name}", calling(name))
    yield case("no-app-id", calling("InvokeService"))
    yield case("binding", calling("InvokeBinding", InvokeBindingRequest(name="b", operation="create")))
    yield case(
        "lock",
        calling(
            "TryLockAlpha1",
            TryLockRequest(store_name="s", resource_id="r", lock_owner="o", expiry_in_seconds=3),
        ),
    )
    for options in (
        EncryptRequestOptions(component_name="c"),
        EncryptRequestOptions(component_name="c", key_name="k", key_wrap_algorithm="A"),
    ):
        yield case(f"encrypt-{options.key_name}", calling("EncryptAlpha1", EncryptRequest(options=options)))
    for job in (Job(), Job(name="j"), Job(name="j", schedule="@daily")):
        yield case(f"job-{job.name}{job.schedule}", calling("ScheduleJobAlpha1", ScheduleJobRequest(job=job)))
    yield case("get-job", calling("GetJobAlpha1", GetJobRequest(name="j")))
    yield case("unsubscribe", calling("UnsubscribeConfiguration", UnsubscribeConfigurationRequest(id="i")))
    yield case("conversation", calling("ConverseAlpha1", ConversationRequest(name="n")))
    yield case("no-such-method", calling("Nope"))
    yield case(
        "no-such-service", Calling("/grpc.health.v1.Health/Check", b""), Calling("/other.Service/M", b"")
    )
    yield case("reflection-for-nobody", *(Calling(path, b"\x3a\x00") for path in REFLECTION))
    yield case("no-message", Calling("/dapr.proto.runtime.v1.Dapr/PublishEvent", b"\xff\xff"))


FILES: Final = {
    "all.yaml": documents(
        component("ps", "pubsub.in-memory"),
        component("scoped", "pubsub.in-memory", allowedTopics="a"),
        component("mem", "state.in-memory"),
        component("lite", "state.sqlite", connectionString="{folder}/lite.db"),
        component("sec", "secretstores.local.file", secretsFile="{folder}/secrets.json"),
        component("boxed", "state.in-memory", outboxPublishPubsub="scoped", outboxPublishTopic="b"),
    ),
    "../secrets.json": json.dumps({"one": "1", "two": "2", "nested": {"a": "b"}}),
}
ACCESS: Final = """
apiVersion: dapr.io/v1alpha1
kind: Configuration
metadata: {name: access}
spec:
  api:
    denied:
    - {name: state, version: v1, protocol: grpc}
    - {name: publish, version: v1alpha1, protocol: grpc}
    - {name: secrets, version: v1, protocol: http}
  secrets:
    scopes: [{storeName: sec, defaultAccess: allow, deniedSecrets: [two]}]
"""
SUBSCRIBED: Final = Question("grpc", (), subscriptions=tuple(map(subscribed, (*PUBLISHED, *BULK_METHODS))))
MAIN: Final = Group("grpc-main", (SUBSCRIBED,), FILES)
BARE: Final = Group("grpc-bare", (), app=False)
CONFIGURED: Final = Group(
    "grpc-configured", (), {**FILES, "../access.yaml": ACCESS}, ("--config={folder}/access.yaml",), app=False
)
TOKEN: Final = Group("grpc-token", (), FILES, environment={"DAPR_API_TOKEN": "secret"}, app=False)

CASES: Final[Mapping[str, tuple[Case, ...]]] = {
    "grpc-main": (
        *published(),
        *refused(),
        *(each for store in STORES for each in stated(store)),
        *boxed(),
        *storeless("nope"),
        *storeless(""),
        *told(),
        *unserved(),
    ),
    "grpc-bare": (
        case("publish", publish("nope", "t")),
        *storeless("nope"),
        case("secrets", secret("nope", "k"), secrets("nope")),
        case("metadata", calling("GetMetadata")),
    ),
    "grpc-configured": (
        *(
            case(f"denied-{name}", calling(name))
            for name in sorted(METHODS)
            if name not in UNHEARD | {"Shutdown"}
        ),
        case("secrets", secret("sec", "two"), secrets("sec")),
    ),
    "grpc-token": (
        case("no-token", publish("ps", "t"), Calling("/other.Service/M", b"")),
        case("other-token", calling("GetMetadata", dapr_api_token="other")),
        case("token", calling("GetMetadata", dapr_api_token="secret")),
    ),
}
