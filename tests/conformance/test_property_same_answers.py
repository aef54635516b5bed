"""The same random requests, valid and not, to both sidecars."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.question import Ask, Question, ask
from conformance.strategies import (
    BODIES,
    BROKEN,
    CONTENT_TYPES,
    EVENTS,
    ITEMS,
    KEYS,
    MANY,
    METADATA,
    METHODS,
    PATHS,
    STATE_METADATA,
    VALUES,
    query,
)

pytestmark = [pytest.mark.engine("daprd"), pytest.mark.timeout(300)]


@MANY
@given(body=BODIES, content_type=CONTENT_TYPES, metadata=METADATA)
def test_publish(
    compare: Callable[[Question], None], body: bytes, content_type: str, metadata: dict[str, str]
) -> None:
    if body.strip() == b"null" and content_type == "application/cloudevents+json":
        return  # the difference that is kept: daprd panics
    request = ask("POST", f"/v1.0/publish/ps/random{query(metadata)}", body, content_type=content_type)
    compare(Question("random", (), (request,), paths=("/random",), quiet=0.1))


@MANY
@given(
    entries=st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "entryId": st.sampled_from(["1", "2", ""]) | st.integers(),
                "event": VALUES | EVENTS,
                "contentType": CONTENT_TYPES,
                "metadata": METADATA,
            },
        ),
        max_size=2,
    ),
    broken=st.none() | BROKEN,
)
def test_publish_bulk(
    compare: Callable[[Question], None], entries: list[object], broken: bytes | None
) -> None:
    body = json.dumps(entries).encode() if broken is None else broken
    request = ask("POST", "/v1.0/publish/bulk/ps/random", body, content_type="application/json")
    compare(Question("random", (), (request,), paths=("/random",), unordered=True, quiet=0.1))


@MANY
@given(items=st.lists(ITEMS, max_size=2), broken=st.none() | BROKEN, key=KEYS, metadata=STATE_METADATA)
def test_state(
    compare: Callable[[Question], None],
    items: list[object],
    broken: bytes | None,
    key: str,
    metadata: dict[str, str],
) -> None:
    body = json.dumps(items).encode() if broken is None else broken
    path = f"/v1.0/state/mem/{quote(key, safe='')}"
    asks: tuple[Ask, ...] = (
        Ask("POST", f"/v1.0/state/mem{query(metadata)}", body),
        ask("GET", path),
        ask("POST", "/v1.0/state/mem/bulk", {"keys": [key, "a"]}),
        ask("DELETE", path, if_match="{etag}"),
        ask("GET", path),
    )
    compare(Question("random", (), asks))


@MANY
@given(
    operations=st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "operation": st.sampled_from(["upsert", "delete", "get", ""]) | st.integers(),
                "request": ITEMS | VALUES,
            },
        ),
        max_size=2,
    ),
    key=KEYS,
)
def test_transaction(compare: Callable[[Question], None], operations: list[object], key: str) -> None:
    asks = (
        ask("POST", "/v1.0/state/mem/transaction", {"operations": operations}),
        ask("GET", f"/v1.0/state/mem/{quote(key, safe='')}"),
    )
    compare(Question("random", (), asks))


@MANY
@given(
    keys=st.lists(KEYS | st.none() | st.integers(), max_size=3),
    more=st.dictionaries(st.sampled_from(["parallelism", "metadata", "x"]), VALUES, max_size=2),
    metadata=STATE_METADATA,
)
def test_state_bulk_and_query(
    compare: Callable[[Question], None], keys: list[object], more: dict[str, object], metadata: dict[str, str]
) -> None:
    body = {"keys": keys, **more}
    asks = (
        ask("POST", f"/v1.0/state/mem/bulk{query(metadata)}", body),
        ask("POST", f"/v1.0-alpha1/state/mem/query{query(metadata)}", body),
    )
    compare(Question("random", (), asks))


@MANY
@given(
    store=st.sampled_from(["file", "env", "mem", "nowhere", "f%69le"]),
    name=st.sampled_from(
        ["plain", "a", "b", "nested:deep", "nested", "nested:a:b", "bulk", "%2F", "", "ü", "a/b"]
    ),
    metadata=METADATA,
)
def test_secrets(
    compare: Callable[[Question], None], store: str, name: str, metadata: dict[str, str]
) -> None:
    compare(Question("random", (), (ask("GET", f"/v1.0/secrets/{store}/{quote(name)}{query(metadata)}"),)))


@MANY
@given(
    key=st.sampled_from(["a", "b c", "ü", "x/y", "", "%41"]),
    value=st.binary(max_size=9) | BODIES,
    method=METHODS,
)
def test_metadata(compare: Callable[[Question], None], key: str, value: bytes, method: str) -> None:
    put = Ask(method, f"/v1.0/metadata/{quote(key, safe='%')}", value)
    compare(Question("random", (), (put, ask("GET", "/v1.0/metadata"))))


@MANY
@given(method=METHODS, path=PATHS, body=BODIES, content_type=CONTENT_TYPES, metadata=METADATA)
def test_any_request(
    compare: Callable[[Question], None],
    method: str,
    path: str,
    body: bytes,
    content_type: str,
    metadata: dict[str, str],
) -> None:
    request = Ask(method, f"{path}{query(metadata)}", body, {"content-type": content_type})
    compare(Question("random", (), (request,)))
