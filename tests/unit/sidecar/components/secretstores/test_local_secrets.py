from __future__ import annotations

from pathlib import Path

import pytest

from outboard.errors import ComponentInitFailed
from outboard.resources.component import Component, MetadataItem
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.secretstores import local_file as secretstores_local_file
from outboard.sidecar.components.secretstores.local_env import LocalEnvSecrets
from outboard.sidecar.components.secretstores.local_file import LocalFileSecrets

pytestmark = pytest.mark.anyio

NESTED = """\
{"plain": "v", "number": 1.50, "long": 12345678901234567890, "yes": true, "nothing": null,
 "nested": {"a": "1", "deep": {"b": "2"}, "list": ["x", {"y": "z"}]}, "empty": {}}
"""


async def opened(path: Path, **values: str) -> LocalFileSecrets:
    items = (MetadataItem("secretsFile", str(path), line=7),)
    component = Component("file", "secretstores.local.file", metadata=items, path=Path("c.yaml"))
    values = {name.lower(): value for name, value in values.items()}
    properties = Properties(component, {"secretsfile": str(path), **values})
    return await secretstores_local_file.create(properties, ComponentContext("app"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "secrets.json"
    path.write_text(NESTED, encoding="utf-8")
    return path


async def test_nested_values_are_called_by_their_path(file: Path) -> None:
    store = await opened(file)

    assert await store.get_all() == {
        name: {name: value}
        for name, value in {
            "plain": "v", "number": "1.50", "long": "12345678901234567890", "yes": "true", "nothing": "",
            "nested:a": "1", "nested:deep:b": "2", "nested:list:0": "x", "nested:list:1:y": "z",
        }.items()
    }  # fmt: skip
    assert store.traits.features == frozenset()


async def test_several_values_in_one_secret(file: Path) -> None:
    store = await opened(file, multiValued="true", nestedSeparator=".")

    assert await store.get("nested") == {"a": "1", "deep.b": "2", "list.0": "x", "list.1.y": "z"}
    assert await store.get("plain") == {"plain": "v"}
    assert await store.get("empty") == {}
    assert store.traits.features == frozenset({"MULTIPLE_KEY_VALUES_PER_SECRET"})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"password": "hunter2",}', "secrets.json:1: not valid JSON"),
        (b'{"a": "x",\n"password": hunter2}', "secrets.json:2: not valid JSON"),
        (b'["hunter2"]', "is not a JSON object"),
        (b'{"password": "hunter2 \xe9"}', "is not UTF-8 text"),
    ],
)
async def test_a_file_that_cannot_be_used_is_an_error_without_the_secret(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "secrets.json"
    path.write_bytes(content)

    with pytest.raises(ComponentInitFailed) as caught:
        await opened(path)

    assert said in str(caught.value)
    assert "c.yaml:7" in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    assert "hunter2" not in str(caught.value)


async def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        ComponentInitFailed, match=r"cannot read .*nowhere\.json: No such file.*The path is taken"
    ):
        await opened(tmp_path / "nowhere.json")


async def test_no_file_is_named() -> None:
    properties = Properties(Component("file", "secretstores.local.file"), {})

    with pytest.raises(ComponentInitFailed, match="the metadata item `secretsFile` is missing"):
        await secretstores_local_file.create(properties, ComponentContext("app"))


@pytest.mark.parametrize("name", ["DAPR_API_TOKEN", "APP_API_TOKEN", "app_api_token", "UNSET"])
async def test_a_variable_that_may_not_be_read_is_empty(name: str) -> None:
    store = LocalEnvSecrets({"DAPR_API_TOKEN": "t", "APP_API_TOKEN": "t", "app_api_token": "t", "A": "1"})

    assert await store.get(name) == {name: ""}
    assert await store.get_all() == {"A": {"A": "1"}}


async def test_the_list_for_env_ref_does_not_bind_the_store() -> None:
    store = LocalEnvSecrets({"DAPR_ENV_KEYS": "OTHER", "A": "1", "B C": "2"})

    assert await store.get("A") == {"A": "1"}
    assert await store.get("B C") == {"B C": "2"}


async def test_a_prefix_cannot_be_used_to_reach_a_token() -> None:
    store = LocalEnvSecrets({"DAPR_API_TOKEN": "t"}, prefix="DAPR_")

    assert await store.get("API_TOKEN") == {"API_TOKEN": ""}
    assert await store.get_all() == {}
