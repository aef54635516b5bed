"""The same random calls over gRPC, valid and not, to both sidecars: status, message, details and reply.

What gives an event to the app is compared with what the app gets of it, too.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Final

import pytest
from anyio.from_thread import BlockingPortal
from dapr.proto.common.v1.common_pb2 import Etag, StateItem, StateOptions
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
from hypothesis import example, given
from hypothesis import strategies as st

from conformance.asking import Observed, Pair, masked_deliveries, pair
from conformance.comparing import differences
from conformance.grpc_asking import Calling, calling, grpc_answers
from conformance.question import Group, Question, subscribed
from conformance.questions.files import component, documents
from conformance.sidecars import Program
from conformance.strategies import BODIES, CONTENT_TYPES, EVENTS, MANY, METADATA, STATE_METADATA, VALUES

pytestmark = [pytest.mark.engine("daprd"), pytest.mark.timeout(400)]

QUIET: Final = 0.1
PATIENCE: Final = 10.0
CLOUD_EVENT: Final = "application/cloudevents+json"
GROUP: Final = Group(
    "random-grpc",
    (Question("random", (), subscriptions=(subscribed("random"),)),),
    {
        "all.yaml": documents(
            component("ps", "pubsub.in-memory"),
            component("scoped", "pubsub.in-memory", allowedTopics="a", publishingScopes="other=a"),
            component("mem", "state.in-memory"),
            component("lite", "state.sqlite", connectionString="{folder}/lite.db"),
            component("prefixed", "state.in-memory", keyPrefix="Name"),
            component("env", "secretstores.local.env", prefix="SECRET_"),
            component("file", "secretstores.local.file", secretsFile="{folder}/secrets.json"),
        ),
        "../secrets.json": '{"plain": "word", "nested": {"deep": "value", "a": {"b": "c"}}, "a": "b"}',
    },
    environment={"SECRET_a": "hush", "SECRET_plain": "word"},
)
Compare = Callable[[list[Calling]], None]


@pytest.fixture(scope="module")
def compare(
    programs: tuple[Program, Program], portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Compare]:
    """Makes the same calls to both sidecars, and asserts that they do the same."""
    with portal.wrap_async_context_manager(pair(programs, GROUP, tmp_path_factory.mktemp("grpc"))) as both:

        def of(calls: list[Calling]) -> None:
            found = differences(*portal.call(_ask_both, both, calls))
            assert not found, "\n".join(found)

        yield of


async def _ask_both(both: Pair, calls: list[Calling]) -> tuple[Observed, Observed]:
    sidecars = (both.real, both.ours)
    for sidecar in sidecars:
        sidecar.app.forget()
    answers = await asyncio.gather(*(grpc_answers(sidecar, calls) for sidecar in sidecars))
    if any("Publish" in each.path for each in calls):
        await asyncio.sleep(QUIET)
        async with asyncio.timeout(PATIENCE):
            while len({len(sidecar.app.received) for sidecar in sidecars}) > 1:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    received = (masked_deliveries(sidecar, (), frozenset({"/random"})) for sidecar in sidecars)
    real, ours = (
        Observed(tuple(answer), tuple(sorted(got, key=repr)))
        for answer, got in zip(answers, received, strict=True)
    )
    return real, ours


# Publishing

PUBSUBS = st.sampled_from(["ps", "ps", "ps", "scoped", "nope", ""])
TOPICS = st.sampled_from(["random", "random", "random", "a", ""])


@MANY
@given(pubsub=PUBSUBS, topic=TOPICS, body=BODIES, content_type=CONTENT_TYPES, metadata=METADATA)
def test_publish(
    compare: Compare, pubsub: str, topic: str, body: bytes, content_type: str, metadata: dict[str, str]
) -> None:
    if body.strip() == b"null" and content_type == CLOUD_EVENT:
        return  # the difference that is kept: daprd panics
    request = PublishEventRequest(
        pubsub_name=pubsub, topic=topic, data=body, data_content_type=content_type, metadata=metadata
    )
    compare([calling("PublishEvent", request)])


ENTRIES = st.builds(
    BulkPublishRequestEntry,
    entry_id=st.sampled_from(["1", "2", "3", ""]),
    event=BODIES.filter(lambda body: body.strip() != b"null") | EVENTS.map(lambda e: json.dumps(e).encode()),
    content_type=CONTENT_TYPES,
    metadata=METADATA,
)


@MANY
@given(
    pubsub=PUBSUBS,
    topic=TOPICS,
    entries=st.lists(ENTRIES, max_size=3),
    metadata=METADATA,
    name=st.sampled_from(["BulkPublishEvent", "BulkPublishEventAlpha1"]),
)
def test_publish_bulk(
    compare: Compare,
    pubsub: str,
    topic: str,
    entries: list[BulkPublishRequestEntry],
    metadata: dict[str, str],
    name: str,
) -> None:
    request = BulkPublishRequest(pubsub_name=pubsub, topic=topic, entries=entries, metadata=metadata)
    compare([calling(name, request)])


# State

STORES = st.sampled_from(["mem", "lite", "prefixed"])
KEYS = st.sampled_from(["a", "b", "c", "c d", "e/f", "g||h", "", "ü"])
ETAGS = st.none() | st.builds(Etag, value=st.sampled_from(["1", "9", "", "x"]))
OPTIONS = st.none() | st.builds(
    StateOptions,
    concurrency=st.sampled_from(StateOptions.StateConcurrency.values()),
    consistency=st.sampled_from(StateOptions.StateConsistency.values()),
)
DATA = st.binary(max_size=6) | VALUES.map(lambda value: json.dumps(value).encode())
ITEM_METADATA = st.builds(
    lambda kind, more: {**more, **({"contentType": kind} if kind else {})},
    st.sampled_from(["", "application/json", "text/plain", "application/json; charset=utf-8"]),
    STATE_METADATA,
)
ITEMS = st.builds(StateItem, key=KEYS, value=DATA, etag=ETAGS, options=OPTIONS, metadata=ITEM_METADATA)
# Of one key the one that daprd does last counts, and it does all side by side.
SEVERAL = st.lists(ITEMS, max_size=2, unique_by=lambda item: item.key)
OPERATIONS = st.builds(
    TransactionalStateOperation,
    operationType=st.sampled_from(["upsert", "upsert", "delete", "odd", ""]),
    request=ITEMS,
)
SAVES = st.builds(
    lambda store, items: calling("SaveState", SaveStateRequest(store_name=store, states=items)),
    STORES,
    SEVERAL,
)
GETS = st.builds(
    lambda store, key, consistency, metadata: calling(
        "GetState",
        GetStateRequest(store_name=store, key=key, consistency=consistency, metadata=metadata),
    ),
    STORES,
    KEYS,
    st.sampled_from(StateOptions.StateConsistency.values()),
    STATE_METADATA,
)
GETS_OF_MANY = st.builds(
    lambda store, keys, parallelism: calling(
        "GetBulkState", GetBulkStateRequest(store_name=store, keys=keys, parallelism=parallelism)
    ),
    STORES,
    st.lists(KEYS, max_size=3, unique=True),
    st.sampled_from([-1, 0, 1, 10]),
)
DELETES = st.builds(
    lambda store, key, etag, options: calling(
        "DeleteState", DeleteStateRequest(store_name=store, key=key, etag=etag, options=options)
    ),
    STORES,
    KEYS,
    ETAGS,
    OPTIONS,
)
DELETES_OF_MANY = st.builds(
    lambda store, items: calling("DeleteBulkState", DeleteBulkStateRequest(store_name=store, states=items)),
    STORES,
    SEVERAL,
)
TRANSACTIONS = st.builds(
    lambda store, operations, metadata: calling(
        "ExecuteStateTransaction",
        ExecuteStateTransactionRequest(storeName=store, operations=operations, metadata=metadata),
    ),
    STORES,
    st.lists(OPERATIONS, max_size=3),
    STATE_METADATA,
)
QUERIES = st.builds(
    lambda store, text: calling("QueryStateAlpha1", QueryStateRequest(store_name=store, query=text)),
    STORES | st.just("nope"),
    st.sampled_from(["", "{}", "{bad", '{"filter": {"EQ": {"a": 1}}}', '{"page": {"limit": 1}}']),
)


@MANY
@given(calls=st.lists(SAVES | GETS | GETS_OF_MANY | DELETES | DELETES_OF_MANY | TRANSACTIONS, max_size=6))
def test_state(compare: Compare, calls: list[Calling]) -> None:
    compare(calls)


@MANY
@given(query=QUERIES)
def test_query(compare: Compare, query: Calling) -> None:
    compare([query])


# Secrets and metadata

NAMES = st.sampled_from(["plain", "nested", "nested:deep", "nested:a:b", "a", "SECRET_a", "none", "", "ü"])
SECRET_STORES = st.sampled_from(["file", "env", "mem", "nope", ""])


@MANY
@given(store=SECRET_STORES, key=NAMES, metadata=STATE_METADATA)
@example("env", "SECRET_a", {})
def test_secrets(compare: Compare, store: str, key: str, metadata: dict[str, str]) -> None:
    one = GetSecretRequest(store_name=store, key=key, metadata=metadata)
    every = GetBulkSecretRequest(store_name=store, metadata=metadata)
    compare([calling("GetSecret", one), calling("GetBulkSecret", every)])


@MANY
@given(key=st.sampled_from(["a", "b", "", "ü", "x y"]), value=st.text(max_size=5))
def test_metadata(compare: Compare, key: str, value: str) -> None:
    compare([calling("SetMetadata", SetMetadataRequest(key=key, value=value)), calling("GetMetadata")])


# What is no message, or none of that method

METHODS = st.sampled_from(
    ["PublishEvent", "BulkPublishEvent", "SaveState", "GetState", "GetBulkState", "ExecuteStateTransaction",
     "GetSecret", "SetMetadata", "Nope"]
)  # fmt: skip


@MANY
@given(name=METHODS, request=st.binary(max_size=12))
def test_any_bytes(compare: Compare, name: str, request: bytes) -> None:
    compare([Calling(f"/dapr.proto.runtime.v1.Dapr/{name}", request)])
