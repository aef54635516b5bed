"""A secret store in a process of its own: a whole sidecar, and a gRPC server on a Unix socket."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from outboard.resources.component import Component, MetadataItem, SecretKeyRef
from support.pluggable import PluggedSecrets, PluggedState, plugged, sidecar_beside
from support.sidecars import call, component

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="there are no Unix sockets for gRPC"),
]

VAULT = component("vault", "secretstores.mine", address="here")


async def test_secrets_are_read_alone_and_together(short_folder: Path) -> None:
    vault = PluggedSecrets({"db": {"user": "u", "password": "p"}, "other": {"x": "y"}})
    async with plugged(short_folder, "mine", vault), sidecar_beside(short_folder, VAULT) as sidecar:
        one = await call(sidecar.api, "GET", "/v1.0/secrets/vault/db")
        every = await call(sidecar.api, "GET", "/v1.0/secrets/vault/bulk")
        none = await call(sidecar.api, "GET", "/v1.0/secrets/vault/missing")

    assert vault.init == {"address": "here"}
    assert one.json == {"user": "u", "password": "p"}
    assert every.json == {"db": {"user": "u", "password": "p"}, "other": {"x": "y"}}
    assert (none.status, none.json["errorCode"]) == (500, "ERR_SECRET_GET")
    assert none.json["message"] == (
        "failed getting secret with key missing from secret store vault: rpc error: code = NotFound desc = "
        "no such secret"
    )


async def test_components_get_their_secrets_from_it(short_folder: Path) -> None:
    vault, store = PluggedSecrets({"db": {"password": "p"}}), PluggedState()
    item = MetadataItem("password", secret=SecretKeyRef("db", "password"))
    with_secret = Component("st", "state.other", metadata=(item,), secret_store="vault")
    async with (
        plugged(short_folder, "mine", vault),
        plugged(short_folder, "other", store),
        sidecar_beside(short_folder, with_secret, VAULT),
    ):
        pass

    assert dict(dict(store.asked)["Init"].metadata.properties) == {"password": "p"}


async def test_one_process_may_be_several_components(short_folder: Path) -> None:
    vault, store = PluggedSecrets({"db": {"x": "y"}}), PluggedState()
    several = (VAULT, component("one", "state.mine"), component("two", "state.mine"))
    async with (
        plugged(short_folder, "mine", vault, store),
        sidecar_beside(short_folder, *several) as sidecar,
    ):
        told = (await call(sidecar.api, "GET", "/v1.0/metadata")).json["components"]

    assert [each["name"] for each in told] == ["vault", "one", "two"]
    assert [name for name, _ in store.asked].count("Init") == 2
