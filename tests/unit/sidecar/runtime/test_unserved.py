from __future__ import annotations

import pytest

from outboard.resources.component import Component
from outboard.resources.loader import Resources
from outboard.sidecar.runtime.unserved import grpc_unserved, unserved_needs, unserved_parts
from support.sidecars import component

STORE = component("st", "state.in-memory", actorStateStore="true")


def test_actors_that_are_wanted_are_told() -> None:
    (told,) = unserved_needs(Resources((STORE,)), {"--placement-host-address": "actors"})
    assert str(told).startswith(
        "components.yaml: 'st' is to keep the state of actors, but this sidecar does not"
    )


@pytest.mark.parametrize(
    ("store", "settings"),
    [
        (STORE, ()),
        (STORE, ("--enable-mtls",)),
        (component("st", "state.in-memory"), ("--placement-host-address",)),
        (component("st", "state.in-memory", actorStateStore="false"), ("--placement-host-address",)),
    ],
)
def test_a_store_that_only_could_keep_actors_is_as_any_other(
    store: Component, settings: tuple[str, ...]
) -> None:
    assert list(unserved_needs(Resources((store,)), settings)) == []


def test_it_can_be_read_that_nobody_listens_on_the_grpc_port() -> None:
    told = grpc_unserved(50007)
    assert told.startswith("the gRPC API is not served, nobody listens on port 50007: ")
    assert "DaprClient" in told
    assert "pip install 'outboard[grpc]'" in told


def test_a_start_names_the_settings_without_effect() -> None:
    assert list(unserved_parts({})) == []
    (told,) = unserved_parts({"--enable-mtls": "calls between sidecars"})
    assert told.endswith("does not serve: --enable-mtls (calls between sidecars)")
