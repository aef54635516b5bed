from __future__ import annotations

import base64
import sys
from pathlib import Path

import pytest

from outboard.errors import ComponentInitFailed
from outboard.gojson.values import Json
from outboard.resources.component import Component, MetadataItem, SecretKeyRef
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.memory.state import create
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import Delete, Found, Set
from outboard.sidecar.components.state.encryption import EncryptedState, encryption_keys

pytestmark = pytest.mark.anyio

OLD, NEW = "00" * 16, "ff" * 32
NAMES = ("primaryEncryptionKey", "secondaryEncryptionKey")


def properties(*secrets: tuple[str, str]) -> Properties:
    """Of a store whose primary key, and secondary if there are two, are these secrets: name and value."""
    items = [
        MetadataItem(name, secret=SecretKeyRef(secret, secret), line=9)
        for name, (secret, _) in zip(NAMES, secrets, strict=False)
    ]
    values = {name.lower(): value for name, (_, value) in zip(NAMES, secrets, strict=False)}
    return Properties(
        Component("store", "state.in-memory", metadata=tuple(items), path=Path("c.yaml")), values
    )


async def store_with(context: ComponentContext, *secrets: tuple[str, str]) -> EncryptedState:
    settings = properties(*secrets)
    return EncryptedState(await create(settings, context), encryption_keys(settings))


@pytest.fixture
def context() -> ComponentContext:
    return ComponentContext("app", "default")


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("value1", b"value1"),
        (b"\x00raw", b"\x00raw"),
        ({"b": 1, "a": [True, None]}, b"map[a:[true <nil>] b:1]"),
    ],
)
async def test_what_is_read_is_daprd_s_text_of_what_was_written(
    context: ComponentContext, value: Json | bytes, read: bytes
) -> None:
    store = await store_with(context, ("key", NEW))
    await store.set(Set("one", value))
    await store.transact([Set("two", value), Delete("one")])

    assert {key: found.data for key, found in (await store.get(["one", "two"])).items()} == {"two": read}


async def test_nothing_of_a_value_reaches_the_store_and_the_name_of_its_key_does(
    context: ComponentContext,
) -> None:
    await (await store_with(context, ("key", NEW))).set(Set("k", "value1"))
    bare = await create(properties(), context)
    stored = (await bare.get(["k"]))["k"].data

    sealed, _, name = stored.partition(b"||")
    assert (name, len(base64.b64decode(sealed, validate=True))) == (b"key", 12 + len("value1") + 16)
    assert b"value1" not in base64.b64decode(sealed)


async def test_values_of_the_secondary_key_are_read_and_new_ones_have_the_primary(
    context: ComponentContext,
) -> None:
    await (await store_with(context, ("old", OLD))).set(Set("k", "before"))
    both = await store_with(context, ("new", NEW), ("old", OLD))
    await both.set(Set("l", "after"))

    assert [found.data for found in (await both.get(["k", "l"])).values()] == [b"before", b"after"]
    alone = await store_with(context, ("new", NEW))
    assert (await alone.get(["l"]))["l"] == Found(b"after", (await both.get(["l"]))["l"].etag)
    found = await alone.get(["k", "l"])
    assert "not encrypted with a key of this store" in found["k"].problem
    assert (found["k"].data, found["l"].problem) == (b"", "")


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ('"plain"', "not encrypted with a key"),
        ("QUJD||key", "cannot be decrypted with key 'key'"),
        ("%%||key", "cannot be decrypted"),
    ],
)
async def test_what_was_not_encrypted_here_is_an_error(
    context: ComponentContext, stored: str, said: str
) -> None:
    bare = await create(properties(), context)
    await bare.set(Set("k", stored.encode()))

    found = (await (await store_with(context, ("key", NEW))).get(["k"]))["k"]
    assert found.data == b""
    assert said in found.problem


async def test_what_is_sealed_is_not_sealed_again(context: ComponentContext) -> None:
    store = await store_with(context, ("key", NEW))
    sealed = store.sealed(Set("k", "value1"))
    await store.transact([sealed])

    assert isinstance(sealed.value, bytes)
    assert sealed.value.endswith(b"||key")
    assert (await store.get(["k"]))["k"].data == b"value1"


def test_a_store_without_a_key_is_not_encrypted() -> None:
    assert encryption_keys(properties()) == []


@pytest.mark.parametrize("key", ["zz" * 16, "00" * 15, "5ecret"])
def test_what_is_no_key_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(ComponentInitFailed, match="must be 16, 24 or 32 bytes") as caught:
        encryption_keys(properties(("key", key)))
    assert key not in str(caught.value)


def test_a_key_in_the_file_is_refused() -> None:
    item = MetadataItem(NAMES[0], value=NEW, line=9)
    component = Component("store", "state.in-memory", metadata=(item,), path=Path("c.yaml"))
    with pytest.raises(ComponentInitFailed, match=r"c\.yaml:9.*must come from a secret"):
        encryption_keys(Properties(component, {NAMES[0].lower(): NEW}))


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(ComponentInitFailed, match=r"pip install 'outboard\[encryption\]'"):
        encryption_keys(properties(("key", NEW)))
