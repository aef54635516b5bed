"""What every secret store must do, asked of each adapter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outboard.resources.component import Component, MetadataItem
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.port import ComponentError, SecretStore
from outboard.sidecar.components.secretstores import local_file as secretstores_local_file
from outboard.sidecar.components.secretstores.local_env import LocalEnvSecrets

SECRETS = {"KAFKA_PASSWORD": "broker-secret", "REDIS_PASSWORD": "s3cr3t \u00e9\n"}


@pytest.mark.anyio
class SecretStoreContract:
    """A subclass gives the fixture `store`, which holds exactly `SECRETS`."""

    async def test_a_secret_has_its_own_name_as_key(self, store: SecretStore) -> None:
        assert await store.get("REDIS_PASSWORD") == {"REDIS_PASSWORD": SECRETS["REDIS_PASSWORD"]}

    async def test_all_of_them(self, store: SecretStore) -> None:
        assert await store.get_all() == {name: {name: value} for name, value in SECRETS.items()}

    async def test_a_secret_that_is_not_there_has_no_value(self, store: SecretStore) -> None:
        try:
            found = await store.get("NOBODY")
        except ComponentError as error:
            assert str(error) == "secret NOBODY not found"
        else:
            assert found == {"NOBODY": ""}

    async def test_no_secret_shows_in_the_repr(self, store: SecretStore) -> None:
        assert "s3cr3t" not in repr(store)


class TestLocalEnv(SecretStoreContract):
    @pytest.fixture
    def store(self) -> SecretStore:
        return LocalEnvSecrets({**SECRETS, "APP_API_TOKEN": "hidden", "DAPR_API_TOKEN": "hidden"})


class TestLocalEnvWithPrefix(SecretStoreContract):
    @pytest.fixture
    def store(self) -> SecretStore:
        variables = {f"TODO_{name}": value for name, value in SECRETS.items()}
        return LocalEnvSecrets({**variables, "OTHER": "hidden"}, "TODO_")


class TestLocalFile(SecretStoreContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> SecretStore:
        path = tmp_path / "secrets.json"
        path.write_text(json.dumps(SECRETS), encoding="utf-8")
        component = Component(
            "secrets", "secretstores.local.file", metadata=(MetadataItem("secretsFile", str(path)),)
        )
        properties = Properties(component, {"secretsfile": str(path)})
        return await secretstores_local_file.create(properties, ComponentContext("app"))
